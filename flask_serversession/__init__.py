"""Server-side sessions for Flask: express-session for Python, on any store."""

from .cookies.cookie import SessionCookie as SessionCookie
from .decorators import fresh_login_required as fresh_login_required
from .decorators import session_lock as session_lock
from .decorators import session_peek as session_peek
from .decorators import session_read_only as session_read_only
from .errors import ConfigError as ConfigError
from .errors import LoginTooOld as LoginTooOld
from .errors import MissingSecret as MissingSecret
from .errors import PayloadError as PayloadError
from .errors import ServerSessionError as ServerSessionError
from .errors import SessionConflict as SessionConflict
from .errors import SessionError as SessionError
from .errors import SessionGone as SessionGone
from .errors import SessionLimitReached as SessionLimitReached
from .errors import SessionLocked as SessionLocked
from .errors import SessionSerializationError as SessionSerializationError
from .errors import SessionSuperseded as SessionSuperseded
from .errors import SessionTooLarge as SessionTooLarge
from .errors import StoreError as StoreError
from .errors import StoreUnavailable as StoreUnavailable
from .extension import ServerSession as ServerSession
from .format.forms import SessionType as SessionType
from .format.forms import UnknownValue as UnknownValue
from .interface import manager_of as manager_of
from .interface import session as session
from .manager import SessionManager as SessionManager
from .sessions.base import Session as Session
from .sessions.users import UserSession as UserSession
from .signals import session_ambiguous as session_ambiguous
from .signals import session_anomalous as session_anomalous
from .signals import session_conflict as session_conflict
from .signals import session_created as session_created
from .signals import session_destroyed as session_destroyed
from .signals import session_ended as session_ended
from .signals import session_loaded as session_loaded
from .signals import session_logged_in as session_logged_in
from .signals import session_logged_out as session_logged_out
from .signals import session_refused as session_refused
from .signals import session_regenerated as session_regenerated
from .signals import session_rejected as session_rejected
from .signals import session_saved as session_saved
from .signals import session_store_error as session_store_error
from .signals import session_touched as session_touched
from .stores.base import Record as Record
from .stores.base import Refusal as Refusal
from .stores.base import Store as Store
from .timeout import session_timeout as session_timeout

__all__ = [
    "SessionCookie",
    "ConfigError",
    "LoginTooOld",
    "MissingSecret",
    "PayloadError",
    "ServerSessionError",
    "SessionConflict",
    "SessionError",
    "SessionGone",
    "SessionLimitReached",
    "SessionLocked",
    "SessionSerializationError",
    "SessionSuperseded",
    "SessionTooLarge",
    "StoreError",
    "StoreUnavailable",
    "ServerSession",
    "manager_of",
    "SessionManager",
    "UserSession",
    "session",
    "Session",
    "session_lock",
    "session_peek",
    "session_read_only",
    "fresh_login_required",
    "session_timeout",
    "SessionType",
    "UnknownValue",
    "session_ambiguous",
    "session_anomalous",
    "session_conflict",
    "session_created",
    "session_destroyed",
    "session_ended",
    "session_loaded",
    "session_logged_in",
    "session_logged_out",
    "session_refused",
    "session_regenerated",
    "session_rejected",
    "session_saved",
    "session_store_error",
    "session_touched",
    "Record",
    "Refusal",
    "Store",
]
