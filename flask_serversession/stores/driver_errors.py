"""Turns a driver's exceptions into this package's; for authors of stores."""

from __future__ import annotations

from types import TracebackType

from ..errors import StoreError
from ..errors import StoreUnavailable


class DriverErrors:
    """A reusable ``with`` block that turns a driver's exceptions into this package's.

    ``unavailable`` lists the exceptions that mean "no answer", ``failed`` the driver's other
    ones. The driver's message appears only in ``__cause__``: it may quote a session.
    """

    __slots__ = ("_backend", "_failed", "_unavailable")

    def __init__(
        self,
        backend: str,
        unavailable: tuple[type[BaseException], ...],
        failed: tuple[type[BaseException], ...],
    ) -> None:
        self._backend = backend
        self._unavailable = unavailable
        self._failed = failed

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
        if isinstance(error, self._unavailable):
            raise StoreUnavailable(
                f"The session store ({self._backend}) did not answer. Check that it is there"
                " and running, that SESSION_STORE points to it, and that its password or its"
                " permissions let this application in."
            ) from error
        if isinstance(error, self._failed):
            raise StoreError(
                f"The session store ({self._backend}) refused an operation:"
                f" {type(error).__name__}. The driver's own error is the cause of this one."
            ) from error
