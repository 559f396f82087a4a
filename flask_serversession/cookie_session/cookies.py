"""The two cookies of a session: one holds its value, the other the signature. No I/O."""

from __future__ import annotations

from typing import NamedTuple

from ..cookies.signing import cookie_values
from ..cookies.signing import Keygrip
from ..cookies.signing import MOST_VALUES
from ..errors import SessionTooLarge

#: The longest name and value, together, that browsers accept (RFC 6265bis §5.6).
LONGEST_COOKIE = 4096


class Received(NamedTuple):
    """What the browser's two cookies say."""

    #: The session's value, if one of our keys signed it.
    value: str | None = None
    #: A signature to send in place of the browser's: empty to remove it, None to keep it.
    signature: str | None = None


def receive(header: str, name: str, keys: Keygrip, most: int = MOST_VALUES) -> Received:
    """Return what a Cookie header says, trying each of the session's first ``most`` cookies.

    A signature by an older key is renewed. A signature by no key of ours is removed.
    """
    values = cookie_values(header, name, decoded=False, most=most)
    signed_by = cookie_values(header, signature_name(name), decoded=False, most=most)
    signatures = list(filter(None, signed_by))
    for value in values:
        signed = f"{name}={value}"
        for signature in signatures:
            key = keys.index(signed, signature)
            if key is not None:
                return Received(value, keys.sign(signed) if key else None)
    return Received(signature="" if values and signatures else None)


def signature_name(name: str) -> str:
    """Return the name of the cookie that holds the signature."""
    return f"{name}.sig"


def too_long(size: int, largest: str) -> SessionTooLarge:
    """Return the error for a cookie that browsers would drop.

    :param largest: a sentence on what takes most of it.
    """
    return SessionTooLarge(
        f"The session needs a cookie of {size} bytes; browsers drop cookies longer than"
        f" {LONGEST_COOKIE}.{largest} Store less in the session, or keep it on the server with"
        " any SESSION_STORE other than 'cookie'."
    )
