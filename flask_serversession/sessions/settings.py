"""What a session knows besides its data: the application's settings, and the request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from logging import INFO
from typing import Any
from typing import Protocol

from blinker import Signal

from ..config import Config
from ..config import Secrets
from ..cookies.cookie import Clock
from ..cookies.cookie import system_clock
from ..cookies.ids import generate_id
from ..cookies.ids import SessionId
from ..cookies.options import CookieOptions
from ..cookies.signing import CookieSigner
from ..format.seals import Seal
from ..format.serializer import TypedJSON
from ..log import QuietLog
from ..stores.abilities import can_tag
from ..stores.abilities import is_shared
from ..stores.abilities import is_split
from ..stores.base import Store
from ..stores.base import user_of
from . import life
from .breaker import Breaker
from .lock_queue import LockQueue
from .login import Client
from .login import handle_of
from .login import Login
from .login import tag_of_user
from .rates import Rate

#: The ids among a signal's values -> what receivers get instead, which they may log.
_HANDLES = {"id": "handle", "old_id": "old_handle", "ids": "handles"}


class Notify(Protocol):
    """Sends a signal about one session."""

    def __call__(self, signal: Signal, /, **values: object) -> None: ...


class RequestInfo(Protocol):
    """What a session may ask about its request."""

    @property
    def cookie_header(self) -> str:
        """The Cookie header; empty without one."""
        ...

    def is_secure(self) -> bool:
        """Return whether the browser's connection is encrypted."""

    def is_answered(self) -> bool:
        """Return whether a response will carry the cookie; False for a WebSocket."""

    def client(self) -> Client:
        """Return the browser's address and its User-Agent."""

    def cookie_options(self) -> CookieOptions:
        """Return how the cookie of a new session looks."""

    def generate_id(self) -> str:
        """Return a fresh id."""


@dataclass(frozen=True, slots=True)
class NoRequest:
    """Stands in for a request when a session is opened by id."""

    options: CookieOptions
    cookie_header: str = ""

    def is_secure(self) -> bool:
        return False

    def is_answered(self) -> bool:
        return True

    def client(self) -> Client:
        return Client()

    def cookie_options(self) -> CookieOptions:
        return self.options.resolved(is_secure=self.is_secure())

    def generate_id(self) -> str:
        return generate_id()


@dataclass(frozen=True, slots=True)
class Former:
    """A session of another kind, as its browser's cookie names it."""

    #: Tells it from every other. A secret.
    name: str = field(repr=False)
    #: None if it has ended, as it does when another request takes it over.
    data: dict[str, Any] | None = field(repr=False)
    #: When it was last written, in ms since 1970; 0 if that is not known.
    began: int
    #: When its cookie or its record ends, in ms since 1970. It can be taken over until then.
    ends: int
    #: Whether its cookie outlives the browser.
    permanent: bool
    #: Whether only one browser can have its cookie. All first requests of that browser then
    #: get the same session. Two visitors may have the same cookie of Flask's, with equal data.
    is_unique: bool = False
    #: Called once it is taken over.
    end: Callable[[], object] = lambda: None


class FindFormer(Protocol):
    """Looks for a session of another kind."""

    def __call__(self, cookie_header: str) -> Former | None:
        """Return what the cookies name; None if that is no session, or not a valid one."""


@dataclass(slots=True, kw_only=True)
class CommonSettings:
    """What all sessions of one application share, wherever they are kept."""

    #: Replaced when a key of Flask's changes.
    config: Config
    serializer: TypedJSON
    clock: Clock = system_clock
    log: QuietLog = field(default_factory=QuietLog)


@dataclass(slots=True, kw_only=True)
class Settings(CommonSettings):
    """What all sessions of one application share that are kept in a store."""

    store: Store
    #: Called when a cookie is first signed or verified, and again once the config was replaced.
    secrets: Callable[[], Secrets]
    #: The application: the sender of every signal.
    sender: Any = None
    #: Look for a session of another kind, in this order, if a browser brings none of ours.
    formers: tuple[FindFormer, ...] = ()
    serializer: TypedJSON = field(init=False)
    #: Returns the signer of ids; raises MissingSecret if there is no secret.
    signer: Callable[[], CookieSigner] = field(init=False)
    #: Whether the ids of logged-in sessions begin with the tag of their user.
    tags_users: bool = field(init=False)
    #: Make the tags of users. The first one makes those of new ids.
    tag_keys: tuple[bytes | None, ...] = field(init=False, repr=False)
    #: Returns the key under which the store has the session with an id.
    key_of: Callable[[str], str] = field(init=False)
    #: Returns the key by which a record names the session with an id.
    left_key_of: Callable[[str], str] = field(init=False)
    locks: LockQueue = field(init=False)
    #: None without SESSION_BREAKER, and where one of several servers may fail alone.
    breaker: Breaker | None = field(init=False)
    #: How often cookies were rejected, for each reason, and ambiguous.
    rates: defaultdict[str, Rate] = field(default_factory=lambda: defaultdict(Rate))

    def __post_init__(self) -> None:
        config, store = self.config, self.store
        is_express = config.profile == "express"
        self.serializer = self.serializer_for(is_shared=is_express or is_shared(store))
        self.tags_users = can_tag(store)
        self.tag_keys = getattr(store, "tag_keys", (None,))
        self.key_of = getattr(store, "key_of", SessionId)
        self.left_key_of = getattr(store, "left_key_of", self.key_of)
        self.locks = LockQueue(config.max_waiters)
        most, pause = config.breaker, config.breaker_pause / 1000
        self.breaker = None if most is None or is_split(store) else Breaker(most, pause)
        self.replace_config(config)

    def replace_config(self, config: Config) -> None:
        """Use other options, and ask for the secrets again, from the next request on."""
        self.config = config
        # Not cleared: a request that is making a signer now would fill it with the old one.
        self.signer = cache(lambda: CookieSigner(self.secrets()))

    def serializer_for(self, *, is_shared: bool) -> TypedJSON:
        """Return what reads and writes the records of a store, which Express may write too."""
        seal = Seal(
            sign=lambda text: self.signer().signature(text),
            verify=lambda text, signature: self.signer().is_signature(text, signature),
        )
        return TypedJSON(seal if is_shared else None, self.config.types)

    def notify(self, signal: Signal, /, **values: Any) -> None:
        """Send a signal, and log it if it tells of a session's life.

        Ids among the values become handles, as :data:`_HANDLES` says.
        """
        for name, public in _HANDLES.items():
            if name in values:
                values[public] = self._handles_of(values.pop(name))
        if life.logger.isEnabledFor(INFO):
            life.tell_of(signal, values, user=self._tag_in(values), at=self.clock())
        signal.send(self.sender, **values)

    def handle_of(self, sid: str) -> str:
        """Return the public name of a session, which is the same for its id and for its key."""
        return handle_of(self.key_of(sid))

    def _handles_of(self, ids: Any) -> Any:
        if ids is None:
            return None
        return list(map(self.handle_of, ids)) if isinstance(ids, list) else self.handle_of(ids)

    def _tag_in(self, values: Mapping[str, Any]) -> str | None:
        """Return the tag of the user whom a signal is about; None if nobody is logged in."""
        if "user_id" in values:
            return self.tags_of(values["user_id"])[0]
        handle = values.get("handle")
        return None if handle is None else user_of(handle)

    def tags_of(self, user_id: str) -> tuple[str, ...]:
        """Return what the ids of a user's sessions begin with; those of new ones with the first.

        :raises SessionError: if it cannot be the id of a user.
        """
        return tuple(tag_of_user(user_id, key) for key in self.tag_keys)

    def is_found(self, sid: str, data: Mapping[str, Any]) -> bool:
        """Return whether a search for the sessions of its user finds this one."""
        tag, login = user_of(sid), Login.of(data)
        if tag is None or login is None or not self.tags_users:
            return True
        return tag in self.tags_of(login.user_id)
