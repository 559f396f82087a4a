"""What a Redis client's exceptions mean."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from ...errors import PayloadError
from ...errors import StoreError
from ...errors import StoreUnavailable
from ..driver_errors import DriverErrors
from ..driver_errors import exhausted
from ..driver_errors import read_only
from .clients import driver
from .clients import place
from .commands import takes_no_writes

#: Errors of redis-py and valkey-py.
_NOT_READY = ("BusyLoadingError", "MasterDownError", "ClusterDownError")
#: In the text of an error: Redis 6 and 7 in a script, Valkey in a script, and a server
#: whose administrator removed the command.
_DENIED = ("The user executing the script", "ACL failure in script", "unknown command")
_COMMAND = re.compile(r"'([\w|-]+)' command|unknown command '([\w-]+)'")


def answers_of(client: Any) -> tuple[DriverErrors, type[Exception], type[Exception]]:
    """Return the driver's errors, its refusal of a command and that of an unknown script."""
    is_valkey = any(kind.__module__.startswith("valkey.") for kind in type(client).__mro__)
    name = "Valkey" if is_valkey else "Redis"
    its = driver(name.lower()).exceptions
    # "No node can be reached" is not a subclass of the driver's other errors.
    no_node = getattr(its, f"{name}ClusterException")
    unavailable = (its.ConnectionError, its.TimeoutError, its.ClusterError, no_node)
    where = f"{name}{place(client)}"
    failed = (getattr(its, f"{name}Error"),)
    errors = DriverErrors(where, unavailable, failed, partial(_explained, where))
    return errors, its.ResponseError, its.NoScriptError


def is_denied(error: BaseException) -> bool:
    """Tell whether the user may not run a command, or may not use a key."""
    is_of_acl = type(error).__name__ == "NoPermissionError"
    return is_of_acl or any(words in str(error) for words in _DENIED)


def names_a_key(error: BaseException) -> bool:
    """Tell whether the command is allowed and the key is not."""
    return _COMMAND.search(str(error)) is None and "access" in str(error)


def _explained(where: str, error: BaseException) -> StoreError | None:
    if takes_no_writes(error):
        return read_only(where)
    if "WRONGTYPE" in str(error):
        return PayloadError("A key of a session in Redis holds another type of value.")
    if is_denied(error):
        return _denied(where, error)
    if "Too many connections" in str(error) or "No connection available" in str(error):
        return exhausted(where, "max_connections")
    if type(error).__name__ in _NOT_READY:
        return StoreUnavailable(
            f"The session store ({where}) is not ready: it is loading its data, or it is a"
            " replica without its master. It can be used again once it is."
        )
    return None


def _denied(where: str, error: BaseException) -> StoreError:
    found = _COMMAND.search(str(error))
    what = "a key" if names_a_key(error) else "a command of a script"
    if found:
        what = (found[1] or found[2]).upper()
    return StoreError(
        f"The user of the session store ({where}) has no permission for {what}. flask sessions"
        " check lists the permissions that it lacks."
    )
