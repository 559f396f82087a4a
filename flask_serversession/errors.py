"""Everything this package raises.

.. code-block:: text

    ServerSessionError
    ├─ ConfigError                    also a ValueError
    │  └─ MissingSecret               also a RuntimeError, as Flask's own
    ├─ SessionError
    │  ├─ SessionGone                 ended elsewhere while this request used it
    │  │  └─ SessionSuperseded        that is, it got another id there
    │  ├─ SessionConflict             changed elsewhere, and the policy says not to merge
    │  ├─ SessionLocked               another request holds its lock
    │  ├─ SessionSerializationError   also a TypeError: a value no record can hold
    │  └─ SessionTooLarge             more than a browser keeps in a cookie
    └─ StoreError                     __cause__ is the driver's own exception
       ├─ StoreUnavailable            the server did not answer in time
       └─ PayloadError                the stored bytes are not a session

No message carries a session's data, its id, a secret or a password.
"""

from __future__ import annotations


class ServerSessionError(Exception):
    """The base of every error of this package."""


class ConfigError(ServerSessionError, ValueError):
    """A configuration key has a value that cannot work; the message says what can."""


class MissingSecret(ConfigError, RuntimeError):
    """A session was written to, and the application has no secret to sign its cookie with."""


class SessionError(ServerSessionError):
    """A session cannot do what it was asked."""


class SessionGone(SessionError):
    """The session is no longer in the store: logged out, expired or regenerated elsewhere."""


class SessionSuperseded(SessionGone):
    """The session is gone, and another response may carry the cookie of the one to keep."""


class SessionConflict(SessionError):
    """Another request changed the session first, so this request's changes were not stored."""


class SessionLocked(SessionError):
    """Another request kept the session's lock for longer than this one would wait."""


class SessionSerializationError(SessionError, TypeError):
    """A value in the session has no stored form; the message names where it sits."""


class SessionTooLarge(SessionError):
    """A session that travels in its cookie has outgrown what browsers keep of one."""


class StoreError(ServerSessionError):
    """The store could not do its work."""


class StoreUnavailable(StoreError):
    """The store's server cannot be reached, or did not answer within its timeout."""


class PayloadError(StoreError):
    """A stored record cannot be read as a session."""
