"""Takes over the session that a browser had before the application came here.

Each of a browser's first requests may send the cookie of a former session. If the former is
unique, a note in the store leads the later ones to the session that the first one stored.
Otherwise each of them takes the former over. What ends the new session also forbids the former
one, by a note that lasts as long as the former could be used.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Any

from .. import signals
from ..errors import PayloadError
from ..errors import SessionSerializationError
from ..format.serializer import EMPTY
from ..format.serializer import RESERVED
from ..log import logger
from ..stores.base import from_epoch_milliseconds
from ..stores.base import Record
from .draft import Draft
from .draft import Origin
from .login import handle_of
from .login import is_moment
from .login import Login
from .login import MEMBER
from .login import tag_of_user
from .request_store import RequestStore
from .settings import Former
from .settings import Notify
from .settings import RequestInfo
from .settings import Settings
from .working_copy import end
from .working_copy import newest_id
from .working_copy import WorkingCopy

#: The member of a note that names the session that replaces the former one.
_HEIR = "heir"
#: How long the requests of a browser find that session by its old cookie, in ms.
_A_MINUTE = 60_000


def adopt(
    settings: Settings, request: RequestInfo, store: RequestStore, former: Former, notify: Notify
) -> WorkingCopy | None:
    """Return a stored session with the data of a former one; None if that may not be used.

    :raises PayloadError: if what was noted about it cannot be read. It may not be used then.
    """
    name = f"former-{sha256(former.name.encode()).hexdigest()}"
    note = store.load(name)
    if note is not None:
        return _heir(settings, request, store, note)
    if former.data is None:
        return None
    data = _with_login(settings, former.data)
    if _is_forbidden(store, former, Login.of(data)):
        return None
    draft = Draft.new(settings, request.cookie_options())
    draft.data, draft.origin = data, Origin(name, former.ends)
    if former.permanent:
        draft.cookie.max_age = settings.config.permanent_lifetime / 1000
    copy = WorkingCopy(settings, store, request.generate_id, "", draft)
    copy.change_id()
    try:
        copy.write(draft.dump(), notify)
    except SessionSerializationError as error:
        logger.error("A former session was not taken over: %s", error)
        return None
    draft.note_saved()
    if former.is_unique:
        note = _note(settings, settings.clock() + _A_MINUTE, heir=copy.id)
        if not store.create(name, note):
            end(store, copy.id, copy.base)
            notify(signals.session_destroyed, id=copy.id)
            first = store.load(name)
            return None if first is None else _heir(settings, request, store, first)
    former.end()
    logger.info("Session %s was taken over from another kind of session.", handle_of(copy.id))
    return copy


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
    now = settings.clock()
    _put(store, _name_of(user_id), _note(settings, now + settings.config.permanent_lifetime))


def _heir(
    settings: Settings, request: RequestInfo, store: RequestStore, note: Record
) -> WorkingCopy | None:
    """Return the session that another request has made of a former one; None if it ended."""
    cookie, _ = settings.serializer.decompose(note.payload)
    sid = cookie.get(_HEIR)
    record = store.load(sid) if isinstance(sid, str) else None
    if record is None:
        return None
    draft = Draft.of(settings, record)
    if draft.is_over:
        return None
    copy = WorkingCopy(settings, store, request.generate_id, sid, draft, record)
    if draft.is_superseded:
        return copy if newest_id(store, draft) is not None else None
    # The browser may not have its cookie yet.
    copy.regenerated = True
    draft.note_saved()
    return copy


def _is_forbidden(store: RequestStore, former: Former, login: Login | None) -> bool:
    note = None if login is None else store.load(_name_of(login.user_id))
    if note is None:
        return False
    cookie, _ = store.settings.serializer.decompose(note.payload)
    noted = cookie.get("noted")
    return not is_moment(noted) or former.began <= noted


def _put(store: RequestStore, name: str, note: Record) -> None:
    if not store.create(name, note):
        with store as its_store:
            its_store.save(name, note)


def _note(settings: Settings, ends: int, **members: str) -> Record:
    cookie = {"originalMaxAge": None, "noted": settings.clock(), **members}
    payload = settings.serializer.compose(cookie, EMPTY)
    return Record(payload, from_epoch_milliseconds(ends))


def _name_of(user_id: str) -> str:
    return f"former-sessions-of-{tag_of_user(user_id)}"


def _with_login(settings: Settings, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data, with the login that Flask-Login's member tells of.

    When the user proved who they are is not known.
    """
    data = {key: value for key, value in data.items() if key != RESERVED}
    user_id = data.get("_user_id")
    follows = settings.config.flask_login is True
    if not follows or not isinstance(user_id, str) or not user_id:
        return data
    return {**data, MEMBER: Login(user_id, since=settings.clock()).to_member()}
