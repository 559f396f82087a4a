"""One statement about the security of sessions, and the answer of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from typing import Literal
from typing import NamedTuple

from ..config import Config
from ..manager import SessionManager
from ..stores.abilities import is_shared
from ..stores.base import Store
from ..stores.memory import MemoryStore
from ..stores.moving.store import MovingStore
from ..stores.protected.store import ProtectedStore

#: Who fulfils a statement: this package whatever is configured, the configuration, the
#: application by a line of its own, or nobody, because it is not a task of a session library.
By = Literal["package", "configuration", "application", "none"]
#: What is left to do: nothing, a line of the configuration, a line of the application, nothing
#: because the statement does not apply, or nothing because the caller accepts it.
Mark = Literal["ok", "fix", "app", "n/a", "accepted"]

_MARKS: Final[dict[By, Mark]] = {
    "package": "ok",
    "configuration": "ok",
    "application": "app",
    "none": "n/a",
}
_PACKAGE: Final = __name__.partition(".")[0]
_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000))


class Answer(NamedTuple):
    """What a configuration does about a statement."""

    mark: Mark
    #: What is so now, or why the statement does not apply.
    now: str
    #: The line that the configuration or the application needs.
    line: str = ""


def met(now: str) -> Answer:
    """Return the answer of a configuration that fulfils the statement."""
    return Answer("ok", now)


def fix(now: str, line: str) -> Answer:
    """Return the answer of a configuration that does not fulfil it, with the line that does."""
    return Answer("fix", now, line)


#: Answers for sessions that are kept in their cookies.
NEEDS_STORE: Final = fix(
    "The browsers keep the sessions, so the server cannot end or change one.",
    'SESSION_STORE = "redis://…", or another store on the server',
)
NO_IDS: Final = met("The browsers keep the sessions, which have no ids.")
NO_STORE: Final = met("The browsers keep the sessions, so there is no store.")


@dataclass(frozen=True, slots=True)
class Running:
    """The configuration that answers, and its store. Nothing connects."""

    config: Config
    store: Store

    @classmethod
    def of(cls, manager: SessionManager) -> Running:
        """Return the configuration of a manager's application."""
        return cls(manager.config, manager.store)

    @property
    def is_in_cookies(self) -> bool:
        """Whether the browsers keep the sessions themselves."""
        return self.config.is_in_cookies

    def hashes(self) -> str:
        """Return the line that hashes ids."""
        return self._without_express("SESSION_HASH_IDS = True")

    def encrypts(self) -> str:
        """Return the line that encrypts sessions."""
        return self._without_express(
            "SESSION_ENCRYPTION_KEYS = [the output of secrets.token_hex(32)]"
        )

    def _without_express(self, line: str) -> str:
        if self.has_plain_former:
            line = f"{line}; SESSION_STORE_BEFORE = None after flask sessions migrate"
        has_node_layout = is_shared(self.store) and not self.is_in_cookies
        if self.config.profile == "express" or has_node_layout:
            return f"{line}, on a store without Express"
        return line

    @property
    def backend(self) -> str:
        """The class of the store that gets new sessions."""
        return type(self.backends[0]).__name__

    @property
    def is_in_memory(self) -> bool:
        """Whether each process has sessions of its own."""
        return any(isinstance(store, MemoryStore) for store in self.backends)

    @property
    def backends(self) -> tuple[object, ...]:
        """The stores themselves: that of new sessions, and the former one."""
        return tuple(_innermost(self.store))

    @property
    def is_ours(self) -> bool:
        """Whether no store is one of the application's own."""
        return all(type(store).__module__.startswith(_PACKAGE) for store in self.backends)

    @property
    def has_plain_former(self) -> bool:
        """Whether sessions come from a former store that cannot be protected."""
        return isinstance(self.store, MovingStore) and self.store.was_shared


def _innermost(store: object) -> Iterator[object]:
    if isinstance(store, (MovingStore, ProtectedStore)):
        yield from _innermost(store._store)
        if isinstance(store, MovingStore):
            yield from _innermost(store._before)
    else:
        yield store


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, with its proof."""

    number: int
    #: One sentence.
    text: str
    sources: tuple[str, ...]
    by: By
    #: What is done about it; a function if that depends on the configuration.
    does: str | Callable[[Running], Answer]
    #: The line that the application needs.
    line: str = ""
    #: The page that says more, below ``docs``.
    page: str = ""
    #: The tests that show it.
    tests: tuple[str, ...] = ()
    #: The answer of sessions that are kept in their cookies, if it is another one.
    in_cookies: Answer | None = None
    #: The store fulfils it. The tests of the store contract show that of one of our own.
    by_store: bool = False

    def answer(self, running: Running) -> Answer:
        """Return what a configuration does about this statement."""
        if self.in_cookies is not None and running.is_in_cookies:
            return self.in_cookies
        if self.by_store and not running.is_ours:
            return Answer(
                "app",
                "SESSION_STORE is not a store of this package.",
                "class TestMyStore(StoreContract), of flask_serversession.testing",
            )
        if isinstance(self.does, str):
            return Answer(_MARKS[self.by], self.does, self.line)
        return self.does(running)


def span(milliseconds: int) -> str:
    """Return a time in words, such as ``"12 hours"``, in the largest unit that divides it."""
    for name, unit in _UNITS:
        if milliseconds % unit == 0 and milliseconds:
            number = milliseconds // unit
            return f"{number} {name}" + ("s" if number > 1 else "")
    return f"{milliseconds / 1000:g} seconds"
