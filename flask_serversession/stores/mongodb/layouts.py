"""What a document's ``session`` is: the payload's text, or a subdocument."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import Any
from typing import Protocol

import orjson

from ...errors import ConfigError
from ...errors import PayloadError
from ...errors import StoreError
from ..base import Record

#: The members of express-session's cookie, in its order.
_COOKIE = (
    *("originalMaxAge", "partitioned", "priority", "expires", "secure"),
    *("httpOnly", "domain", "path", "sameSite"),
)
#: The members that JSON omits when they are undefined. In BSON they are null.
_UNDEFINED = frozenset({"partitioned", "priority", "secure", "domain", "sameSite"})


class Layout(Protocol):
    """Turns a payload into the ``session`` of a document, and back into a record."""

    def dump(self, payload: bytes) -> object:
        """Return the document's ``session`` for a payload.

        :raises StoreError: if it cannot be stored.
        """

    def load(self, session: Any, expires_at: datetime | None) -> Record:
        """Return the record of a document, with a version if the payload is not all of it.

        :raises PayloadError: if the document has another layout.
        """


def layout_named(name: str, object_id: type) -> Layout:
    """Return the layout with that name; ``object_id`` is the driver's ObjectId class.

    :raises ConfigError: for an unknown layout.
    """
    if name in ("native", "connect-mongo", "express"):
        return Text()
    if name == "connect-mongo-subdocument":
        return Subdocument(object_id)
    raise ConfigError(
        f"MongoDBStore has no layout {name!r}: use 'native', 'connect-mongo' or 'express', which"
        " are the same, or 'connect-mongo-subdocument' (stringify: false)."
    )


class Text:
    """connect-mongo's ``stringify: true``: the payload as it is."""

    def dump(self, payload: bytes) -> object:
        return payload.decode()

    def load(self, session: Any, expires_at: datetime | None) -> Record:
        if not isinstance(session, str):
            raise PayloadError(
                "The session in a document is not text. If connect-mongo writes there, give it"
                " stringify: true, or this store layout='connect-mongo-subdocument'."
            )
        return Record(session.encode(), expires_at)


class Subdocument:
    """connect-mongo's ``stringify: false``: a subdocument, its ``cookie.expires`` a date.

    The payload of a subdocument is what JSON.stringify returns for it in Node: dates become
    ISO text, ObjectIds their digits. The version is the subdocument itself.
    """

    def __init__(self, object_id: type) -> None:
        self._object_id = object_id

    def dump(self, payload: bytes) -> object:
        try:
            session = orjson.loads(payload)
        except ValueError as error:
            raise StoreError(
                "MongoDB cannot store this session as a subdocument: it is not JSON, or has a"
                " lone surrogate. With layout='connect-mongo' it is stored as text."
            ) from error
        if isinstance(session, dict) and isinstance(session.get("cookie"), dict):
            session["cookie"] = _dump_cookie(session["cookie"])
        return session

    def load(self, session: Any, expires_at: datetime | None) -> Record:
        if not isinstance(session, dict):
            raise PayloadError(
                "The session in a document is not a subdocument. If connect-mongo writes there,"
                " give it stringify: false, or this store layout='connect-mongo'."
            )
        try:
            document = {name: self._plain(value) for name, value in session.items()}
            if isinstance(document.get("cookie"), dict):
                document["cookie"] = _load_cookie(document["cookie"])
            return Record(orjson.dumps(document), expires_at, version=session)
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            raise PayloadError("A session document has a value without a JSON form.") from None

    def _plain(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._plain(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        if isinstance(value, datetime):
            moment = value.astimezone(timezone.utc).isoformat(timespec="milliseconds")
            return moment.replace("+00:00", "Z")
        if isinstance(value, float) and value.is_integer() and 2**31 <= abs(value) < 2**53:
            return int(value)  # Node's driver stores such an integer as a double
        return str(value) if isinstance(value, self._object_id) else value


def _dump_cookie(cookie: dict[str, Any]) -> dict[str, Any]:
    dumped = {name: cookie.get(name) for name in _COOKIE if name in cookie or name in _UNDEFINED}
    dumped |= cookie
    if "expires" in cookie:
        dumped["expires"] = _date(cookie["expires"])
    return dumped


def _date(expires: object) -> object:
    try:
        moment = datetime.fromisoformat(str(expires).replace("Z", "+00:00"))
    except ValueError:
        return expires
    return moment if moment.tzinfo else expires


def _load_cookie(cookie: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in cookie.items()
        if value is not None or name not in _UNDEFINED
    }
