"""Turns a driver's exceptions into this package's; for authors of stores."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from ..errors import StoreError
from ..errors import StoreUnavailable


def _nothing(error: BaseException) -> None:
    return None


class DriverErrors:
    """A reusable ``with`` block that turns a driver's exceptions into this package's.

    ``unavailable`` lists the exceptions that mean "no answer", ``failed`` the driver's other
    ones. The driver's message appears only in ``__cause__``: it may quote a session.

    :param backend: the server's kind and address, without user and password.
    :param explain: returns a better error for a driver's exception, or None.
    """

    __slots__ = ("_backend", "_explain", "_failed", "_unavailable")

    def __init__(
        self,
        backend: str,
        unavailable: tuple[type[BaseException], ...],
        failed: tuple[type[BaseException], ...],
        explain: Callable[[BaseException], StoreError | None] = _nothing,
    ) -> None:
        self._backend = backend
        self._unavailable = unavailable
        self._failed = failed
        self._explain = explain

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        explained = self._explain(error)
        if explained is not None:
            raise explained from error
        if isinstance(error, self._unavailable):
            raise StoreUnavailable(
                f"The session store ({self._backend}) did not answer. Check that it is there"
                " and running, that SESSION_STORE, or SESSION_STORE_BEFORE, points to it, and that"
                " its password or its permissions let this application in."
            ) from error
        if isinstance(error, self._failed):
            raise StoreError(
                f"The session store ({self._backend}) refused an operation:"
                f" {type(error).__name__}. The driver's own error is the cause of this one."
            ) from error


def exhausted(backend: str, limit: str) -> StoreUnavailable:
    """Return the error for a pool without a free connection; ``limit`` names its option."""
    return StoreUnavailable(
        f"Every connection to the session store ({backend}) that its pool allows is in use. Raise"
        f" {limit}, or run fewer threads."
    )


def read_only(backend: str) -> StoreUnavailable:
    """Return the error for a server that can be read but not written."""
    error = StoreUnavailable(
        f"The session store ({backend}) takes no writes now. It may be a replica after a"
        " failover, be out of memory, or have been made read-only. The next request connects"
        " again."
    )
    error.is_read_only = True
    return error
