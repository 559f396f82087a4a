"""The kinds of requests that are measured, and the sessions of three sizes.

Every peer answers the same paths: ``/ignore``, ``/new/<size>``, ``/read``, ``/write``,
``/login`` and ``/logout``.
"""

from __future__ import annotations

from typing import Final
from typing import Literal
from typing import NamedTuple

from ..serializer import Data
from ..serializer import plain_session

#: The sender of each request: a new visitor, always the same one, or another one each time.
Visitor = Literal["stranger", "same", "another"]


class Scenario(NamedTuple):
    name: str
    path: str
    visitor: Visitor = "same"
    #: Whether each read extends its session.
    touch: bool = False


PAYLOADS: Final[dict[str, Data]] = {
    "200": plain_session(200),
    "4k": plain_session(4_000),
    "64k": plain_session(64_000),
}

SCENARIOS: Final = (
    Scenario("ignores it, no cookie", "/ignore", "stranger"),
    Scenario("ignores it", "/ignore"),
    Scenario("reads", "/read"),
    Scenario("reads, touch due", "/read", touch=True),
    Scenario("reads and writes", "/write"),
    Scenario("creates", "/new/{payload}", "stranger"),
    Scenario("login", "/login", "another"),
    Scenario("logout", "/logout", "another"),
)

#: The user id that ``/login`` stores in the session.
USER: Final = "482916"

#: The TTL of a session in the store, in seconds, for every peer.
LIFETIME: Final = 86_400
