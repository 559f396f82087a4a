"""Everything this package raises.

.. code-block:: text

    ServerSessionError
    ├─ ConfigError                    also a ValueError
    │  └─ MissingSecret               also a RuntimeError, as Flask's own
    ├─ SessionError
    │  ├─ SessionGone                 another request ended it
    │  │  └─ SessionSuperseded        another request gave it a new id
    │  ├─ SessionConflict             another request changed it, and the two are not merged
    │  ├─ SessionLocked               other requests hold its lock; answered 429
    │  ├─ SessionLimitReached         its user has too many; answered 403
    │  ├─ LoginTooOld                 the user must prove who they are again; answered 401
    │  └─ SessionSerializationError   also a TypeError: a value cannot be stored
    │     └─ SessionTooLarge          the session has more than may be stored
    └─ StoreError                     __cause__ is the driver's own exception
       ├─ StoreUnavailable            the server did not answer in time
       └─ PayloadError                the stored bytes are not a session

No message carries a session's data, its id, a secret or a password.
"""

from __future__ import annotations


class ServerSessionError(Exception):
    """The base of every error of this package."""


class ConfigError(ServerSessionError, ValueError):
    """A configuration key has a value that cannot work. The message says what can."""


class MissingSecret(ConfigError, RuntimeError):
    """A session was changed, but the application has no secret to sign its cookie with."""


class SessionError(ServerSessionError):
    """The base of errors about one session. It is raised itself for misuse."""


class SessionGone(SessionError):
    """The session is not in the store any more: logged out, expired or given a new id."""


class SessionSuperseded(SessionGone):
    """The session is gone under this id. Another response may carry its new id."""


class SessionConflict(SessionError):
    """Another request changed the session first; this request's changes were not stored."""


class SessionLocked(SessionError):
    """Other requests kept the session's lock for too long, or too many of them wait for it.

    An application that does not handle it answers 429 with ``Retry-After``.
    """


class SessionLimitReached(SessionError):
    """The user has as many sessions as ``SESSION_LIMIT_PER_USER`` allows.

    An application that does not handle it answers 403.
    """


class LoginTooOld(SessionError):
    """Nobody is logged in, or the login is too old for this view.

    An application that does not handle it answers 401.
    """


class SessionSerializationError(SessionError, TypeError):
    """A value in the session cannot be stored; the message names its place."""


class SessionTooLarge(SessionSerializationError):
    """The session is larger than is allowed; the message names its largest member."""


class StoreError(ServerSessionError):
    """The store failed. ``__cause__`` is the driver's own exception."""


class StoreUnavailable(StoreError):
    """The store's server cannot be reached, takes no writes, or did not answer in time."""

    #: The server answers and takes no writes; what it has can still be read.
    is_read_only: bool = False


class PayloadError(StoreError):
    """A stored record cannot be read as a session."""
