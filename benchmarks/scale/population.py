"""The sessions that the stores are filled with. Each is different and has about 200 bytes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from hashlib import blake2b
from itertools import islice
from typing import Final
from typing import NamedTuple

from flask_serversession.cookies.ids import ID_BYTES
from flask_serversession.stores.base import utc_now

LIFETIME: Final = timedelta(days=1)
#: The number of live sessions for each expired one.
LIVE_AN_EXPIRED: Final = 10

_VISITS = b'"visits":'
_DIGITS = 6


class Entry(NamedTuple):
    """A session that a store is filled with."""

    key: str
    payload: bytes
    expires_at: datetime


def key_of(number: int) -> str:
    """Return the key of a live session, as long and as evenly distributed as an id."""
    return _key(f"live {number}")


def everybody(live: int, *, with_expired: bool) -> Iterator[Entry]:
    """Yield that many live sessions and, if asked, the expired ones among them."""
    for number in range(live):
        yield Entry(key_of(number), payload_of(number), utc_now() + LIFETIME)
        if with_expired and number % LIVE_AN_EXPIRED == 0:
            yield _expired(number)


def expired(live: int) -> Iterator[Entry]:
    """Yield the expired sessions among that many live ones."""
    return map(_expired, range(0, live, LIVE_AN_EXPIRED))


def number_of_expired(live: int) -> int:
    return len(range(0, live, LIVE_AN_EXPIRED))


def payload_of(number: int) -> bytes:
    """Return the payload of a live session before its first change."""
    token, theme = _key(f"token {number}"), _key(f"theme {number}")
    return (
        b'{"user_id":%d,%s%0*d,"csrf_token":"%s","locale":"de","theme":"%s",'
        b'"cart":[{"sku":"A-1009","n":2},{"sku":"B-0417","n":1}],"last_page":"/account/orders"}'
    ) % (number, _VISITS, _DIGITS, 0, token.encode(), theme.encode())


def with_a_visit(payload: bytes) -> bytes:
    """Return a payload of the same length with one number changed."""
    head, visits, tail = payload.partition(_VISITS)
    number = int(tail[:_DIGITS]) + 1
    return b"%s%s%0*d%s" % (head, visits, _DIGITS, number, tail[_DIGITS:])


def batches(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """Yield the entries in lists of that size; the last may be shorter."""
    remaining = iter(entries)
    while batch := list(islice(remaining, size)):
        yield batch


def _expired(number: int) -> Entry:
    return Entry(_key(f"expired {number}"), payload_of(number), utc_now() - LIFETIME)


def _key(seed: str) -> str:
    return urlsafe_b64encode(blake2b(seed.encode(), digest_size=ID_BYTES).digest()).decode()
