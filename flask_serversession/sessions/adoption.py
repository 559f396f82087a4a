"""Takes over the session that a browser had before the application came here.

Each of a browser's first requests may send the cookie of a former session. If the former is
unique, a note in the store leads the later ones to the session that the first one stored.
Otherwise each of them takes the former over. What ends the new session also forbids the former
one, by a note that lasts as long as the former could be used.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from hashlib import sha256
from hashlib import shake_256
from typing import Any
from typing import cast

from blinker import Signal

from ..cookies.cookie import LAST_MOMENT
from ..cookies.ids import hidden
from ..errors import PayloadError
from ..errors import SessionConflict
from ..errors import SessionError
from ..errors import SessionSerializationError
from ..format.serializer import EMPTY
from ..format.serializer import RESERVED
from ..log import logger
from ..stores.base import from_epoch_milliseconds
from ..stores.base import Record
from .draft import Draft
from .draft import Origin
from .ending import end
from .ending import newest_key
from .login import is_moment
from .login import Login
from .login import MEMBER
from .request_store import RequestStore
from .settings import Former
from .settings import RequestInfo
from .settings import Settings
from .superseded import leave_behind
from .working_copy import WorkingCopy

#: In the data of a note: the id of the session that replaces the former one, masked.
_HEIR = "heir"
#: How long the requests of a browser find that session by its old cookie, in ms.
_A_MINUTE = 60_000


class Standing(Enum):
    """What has become of a former session."""

    #: Nothing that is known. One of Flask's cookies may have been taken over even so.
    FREE = "free"
    #: A minute ago or less it was taken over.
    ADOPTED = "adopted"
    FORBIDDEN = "forbidden"


def find_former(settings: Settings, cookie_header: str) -> Former | None:
    """Return the first former session that the cookies name; None without one."""
    found = (find(cookie_header) for find in settings.formers)
    return next(filter(None, found), None)


def standing_of(store: RequestStore, former: Former) -> Standing:
    """Return what has become of a former session."""
    note = store.load(_name_of(former))
    if note is None:
        login = Login.of(_with_login(store.settings, former.data or {}))
        return Standing.FORBIDDEN if _is_forbidden(store, former, login) else Standing.FREE
    _, data = store.settings.serializer.decompose(note.payload)
    return Standing.ADOPTED if _HEIR in data else Standing.FORBIDDEN


def adopt(request: RequestInfo, store: RequestStore, former: Former) -> WorkingCopy | None:
    """Return a stored session with the data of a former one; None if that may not be used.

    Sends no signal: a receiver may use the session, which is not ready before this returns.

    :raises PayloadError: if what was noted about it cannot be read. It may not be used then.
    """
    settings, name = store.settings, _name_of(former)
    note = store.load(name)
    if note is not None:
        return _heir(request, store, former, note)
    copy = _stored_anew(request, store, former)
    if copy is None:
        return None
    if former.is_unique:
        heir = _masked(former, copy.id.encode()).hex()
        note = _note(settings, settings.clock() + _A_MINUTE, {_HEIR: heir})
        if not store.create(name, note):
            end(store, copy.id, copy.base)
            first = store.load(name)
            return None if first is None else _heir(request, store, former, first)
    former.end()
    handle = settings.handle_of(copy.id)
    logger.info("Session %s was taken over from another kind of session.", handle)
    return copy


def hand_back(copy: WorkingCopy) -> bool:
    """End a session that its browser continues as one of another kind; return whether it ended.

    It goes on if another request has changed it. Requests that are still running read it for
    ``SESSION_REGENERATE_GRACE`` longer.
    """
    settings, store, known = copy.settings, copy.store, cast(Record, copy.base)
    successor, grace = copy.generate_id(), settings.config.regenerate_grace
    if grace:
        until = from_epoch_milliseconds(settings.clock() + grace)
        payload = settings.serializer.compose(copy.draft.cookie.to_document(), EMPTY)
        store.create(successor, Record(payload, until))
    left = leave_behind(settings, successor, known)
    try:
        store.replace(copy.id, known, left, _refuse)
    except SessionError:
        return False
    logger.info("Session %s went back to another kind.", settings.handle_of(copy.id))
    return True


def _refuse(base: bytes, theirs: Record) -> Record:
    raise SessionConflict("Another request changed the session.")


def forbid(store: RequestStore, draft: Draft) -> None:
    """Note that the former session of this one may not be taken over again."""
    origin = draft.origin
    if origin is not None and origin.ends > store.settings.clock():
        _put(store, origin.name, _note(store.settings, origin.ends))


def forbid_of(store: RequestStore, sid: str) -> None:
    """Note that the former session of a stored one may not be taken over again."""
    if not store.settings.formers:
        return
    with suppress(PayloadError):
        record = store.load(sid)
        if record is not None:
            forbid(store, Draft.of(store.settings, record))


def forbid_all(store: RequestStore, user_id: str) -> None:
    """Note that no former session of a user may be taken over that began before now."""
    settings = store.settings
    if not settings.formers:
        return
    until = settings.clock() + settings.config.permanent_lifetime
    _put(store, _names_of(settings, user_id)[0], _note(settings, until))


def _stored_anew(request: RequestInfo, store: RequestStore, former: Former) -> WorkingCopy | None:
    """Store the data of a former session under a new id; None if they may not or cannot be."""
    settings = store.settings
    data = None if former.data is None else _with_login(settings, former.data)
    if data is None or _is_forbidden(store, former, Login.of(data)):
        return None
    draft = Draft.new(settings, request.cookie_options())
    draft.data, draft.origin = data, Origin(_name_of(former), former.ends)
    if former.permanent:
        draft.cookie.max_age = settings.config.permanent_lifetime / 1000
    copy = WorkingCopy(settings, store, request.generate_id, "", draft)
    copy.change_id()
    try:
        copy.write(draft.dump(), _tell_nobody)
    except SessionSerializationError as error:
        logger.error("A former session was not taken over: %s", error)
        return None
    draft.note_saved()
    return copy


def _heir(
    request: RequestInfo, store: RequestStore, former: Former, note: Record
) -> WorkingCopy | None:
    """Return the session that another request has made of a former one; None if it ended."""
    settings = store.settings
    _, data = settings.serializer.decompose(note.payload)
    try:
        sid = _masked(former, bytes.fromhex(data[_HEIR])).decode()
    except (KeyError, TypeError, ValueError):
        return None
    sid = hidden(sid)
    record = store.load(sid)
    if record is None:
        return None
    draft = Draft.of(settings, record)
    if draft.is_over:
        return None
    copy = WorkingCopy(settings, store, request.generate_id, sid, draft, record)
    if draft.superseded:
        return copy if newest_key(store, draft.superseded) is not None else None
    # The browser may not have its cookie yet.
    copy.regenerated = True
    draft.note_saved()
    return copy


def _masked(former: Former, text: bytes) -> bytes:
    """Return a text masked with the name of the former session. The same call unmasks it.

    Where ids are hashed, a note must not show an id either.
    """
    mask = shake_256(f"heir {former.name}".encode()).digest(len(text))
    return bytes(one ^ other for one, other in zip(text, mask, strict=True))


def _tell_nobody(signal: Signal, /, **values: object) -> None:
    pass


def _is_forbidden(store: RequestStore, former: Former, login: Login | None) -> bool:
    if login is None:
        return False
    notes = map(store.load, _names_of(store.settings, login.user_id))
    return any(note is not None and former.began <= _noted(store, note) for note in notes)


def _noted(store: RequestStore, note: Record) -> int:
    cookie, _ = store.settings.serializer.decompose(note.payload)
    noted = cookie.get("noted")
    return noted if is_moment(noted) else LAST_MOMENT


def _put(store: RequestStore, name: str, note: Record) -> None:
    if not store.create(name, note):
        with store as its_store:
            its_store.save(name, note)


def _note(settings: Settings, ends: int, data: dict[str, str] | None = None) -> Record:
    cookie = {"originalMaxAge": None, "noted": settings.clock()}
    payload = settings.serializer.compose(cookie, settings.serializer.dumps(data or {}))
    return Record(payload, from_epoch_milliseconds(ends))


def _name_of(former: Former) -> str:
    return f"former-{sha256(former.name.encode()).hexdigest()}"


def _names_of(settings: Settings, user_id: str) -> list[str]:
    return [f"former-sessions-of-{tag}" for tag in settings.tags_of(user_id)]


def _with_login(settings: Settings, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data, with the login that Flask-Login's member names.

    When the user proved who they are is not known.
    """
    data = {key: value for key, value in data.items() if key != RESERVED}
    user_id = data.get("_user_id")
    follows = settings.config.flask_login is True
    if not follows or not isinstance(user_id, str) or not user_id:
        return data
    return {**data, MEMBER: Login(user_id, since=settings.clock()).to_member()}
