"""``LazySession``: a session of a store, found on its first use."""

from __future__ import annotations

import os
from contextlib import suppress
from logging import INFO
from typing import Any
from typing import cast

from blinker import Signal

from .. import signals
from ..cookies.cookie import SessionCookie
from ..cookies.signing import cookie_values
from ..errors import PayloadError
from ..errors import StoreError
from ..stores.base import epoch_milliseconds
from ..stores.base import Record
from ..stores.forking import notice_a_fork
from ..stores.forking import process
from . import life
from .adoption import adopt
from .adoption import find_former
from .base import ExpiresIn
from .base import Session
from .draft import Draft
from .ending import newest_key
from .login import Client
from .login import Login
from .login import MEMBER
from .no_data import NoData
from .request_store import RequestStore
from .sent import SentIds
from .settings import RequestInfo
from .settings import Settings
from .working_copy import WorkingCopy

_NOTED_BY_FLASK_LOGIN = "_remember"
#: So many rejected cookies a minute are worth a warning.
_MANY = 100
_UNREADABLE = "A stored session is unreadable and is treated as absent: %s"


class LazySession(Session):
    """The session of one request, as far as it is read. At most one store call finds it.

    :param sid: the id of the session; None for the one that the request's cookie names.
    """

    accessed: bool
    _settings: Settings
    #: None until the session is used.
    _store: RequestStore | None = None
    #: The ids in the request's cookies. The first use looks for them.
    _sent = SentIds()
    #: None until the session is found or begun.
    _copy: WorkingCopy | None = None
    #: The application knows of an error, which :func:`~.settle.settle` does not raise again.
    _told = False

    def __init__(self, settings: Settings, request: RequestInfo, sid: str | None = None) -> None:
        self._settings = settings
        self._request = request
        if sid is not None:
            self._sent = SentIds({sid: 0}, sid)

    def __contains__(self, key: object) -> bool:
        if key == _NOTED_BY_FLASK_LOGIN and self._copy is None:
            # Flask-Login asks after every request for what it noted in it. Nobody else sets it.
            return False
        return super().__contains__(key)

    @property
    def id(self) -> str:
        self.accessed = True
        return self._checked_out().id

    @property
    def new(self) -> bool:  # type: ignore[override] # an attribute in Flask
        self.accessed = True
        return self._reads_empty or self._checked_out().draft.found is None

    @property
    def modified(self) -> bool:
        return self._copy is not None and self._copy.draft.is_modified

    @modified.setter
    def modified(self, value: bool) -> None:
        self._checked_out().draft.forced = value

    @property
    def cookie(self) -> SessionCookie:
        self.accessed = True
        if self._reads_empty:
            return SessionCookie(self._request.cookie_options(), self._settings.clock)
        return self._checked_out().draft.cookie

    @property
    def handle(self) -> str:
        return self._settings.handle_of(self.id)

    @property
    def ended_reason(self) -> str | None:
        self.accessed = True
        if not self._reads_empty:
            self._checked_out()
        return self._sent.ended_reason

    @property
    def expires_in(self) -> ExpiresIn:
        self.accessed = True
        copy, now = self._checked_out(), self._now()
        draft, stored = copy.draft, copy.stored
        ends = stored.base.expires_at if stored else None
        is_due = not self._peeks and draft.is_stale(copy.base)
        if is_due:
            draft.restart()  # as the end of the request will
        if ends is None or is_due or copy.touched:
            ends = draft.ends()
        left = epoch_milliseconds(ends) - now
        limit = draft.absolute_end
        is_absolute = limit is not None and left >= limit - now
        return ExpiresIn(max(left, 0) / 1000, "absolute" if is_absolute else "idle")

    @property
    def _data(self) -> dict[str, Any]:
        try:
            copy = self._copy or self._checked_out()
        except StoreError as failure:
            if self._raises_failures:
                raise
            return NoData(failure)
        return copy.draft.data

    @property
    def _own_keys(self) -> set[str]:
        """All keys under which the session is, or will be stored when this request ends."""
        copy = self._checked_out()
        ids = (copy.id, copy.stored_id or copy.id, copy.draft.successor or copy.id)
        return {self._settings.key_of(sid) for sid in ids}

    @property
    def _client(self) -> Client:
        keeps_it = self._settings.config.record_client
        return self._request.client() if keeps_it else Client()

    def _checked_out(self) -> WorkingCopy:
        """Return the working copy. The first call loads what a cookie names, or begins anew."""
        if self._copy is not None:
            return self._copy
        store, found = self._enter(), None
        for sid in self._sent.secrets:
            try:
                record = store.load(sid)
                self._sent.reasons[sid] = "unknown" if record is None else "expired"
                found = self._found(sid, record) or found
            except PayloadError as error:
                self._settings.log.error(_UNREADABLE, error)
                self._sent.unreadable = sid
                self._sent.reasons[sid] = "unreadable"
            if found is not None and not found.draft.superseded:
                break  # a superseded session is used only if there is no other
        if found is None and self._settings.formers and not self._sent.secrets:
            found = self._adopted()
        return self._use(found)

    def _use(self, found: WorkingCopy | None) -> WorkingCopy:
        """Use the session that was found, or begin one; say what is odd about the cookies."""
        if found is None:
            copy = self._begin()
            if self._request.cookie_header:
                self._tell_of_rejected_cookies()
        else:
            self._copy, self._sent.used, copy = found, found.id, found
            self._notify(signals.session_loaded)
            if signals.session_anomalous.receivers:
                self._compare_the_client(copy.draft)
        if len(self._sent.secrets) > 1:
            self._sent.warn_of_several(self._request, self._settings)
            rate = self._settings.rates["ambiguous"].count()
            self._notify(signals.session_ambiguous, ids=list(self._sent.secrets), rate=rate)
        return copy

    def _enter(self) -> RequestStore:
        """Return the request's store. The first call looks for the cookies; none loads."""
        if self._store is None:
            if os.getpid() != process.id:
                notice_a_fork()
            settings, breaker = self._settings, None
            if not self._sent.secrets:
                breaker = settings.breaker  # a session opened by its id is not one of a request
                header, name = self._request.cookie_header, settings.config.cookie_name
                ids = settings.signer().find(header, name, settings.config.max_cookies)
                self._sent = SentIds(ids, next(iter(ids), None))
            self._store = RequestStore(settings, breaker)
        return self._store

    def _found(self, sid: str, record: Record | None) -> WorkingCopy | None:
        """Return the working copy of a record; None if it is absent or superseded for good.

        :raises PayloadError: if the record is not a session.
        """
        if record is None:
            return None
        draft = Draft.of(self._settings, record)
        if draft.superseded:
            draft.successor = newest_key(self._enter(), draft.superseded)
            if draft.successor is None:
                self._sent.ended_reason = draft.superseded.reason
                return None
        elif self._settings.config.absolute_timeout is not None and draft.is_over:
            return None
        if MEMBER in draft.data and not self._settings.is_found(sid, draft.data):
            return None  # it would not end with the others of its user
        return self._working_copy(sid, draft, record)

    def _found_again(self, sid: str) -> WorkingCopy | None:
        """Return what is stored now; None if it is not a session any more."""
        try:
            return self._found(sid, self._enter().load(sid))
        except PayloadError:
            return None

    def _adopted(self) -> WorkingCopy | None:
        """Return the session that the browser had before, under a new id; None without one."""
        if not self._request.is_answered():
            self._sent.may_be_former = True
            return None  # no response would carry its cookie
        request, store = self._request, self._enter()
        former = find_former(self._settings, request.cookie_header)
        if former is None:
            return None
        self._sent.may_be_former = True
        try:
            copy = adopt(request, store, former)
        except PayloadError as error:
            self._settings.log.error(_UNREADABLE, error)
            return None
        if copy is not None and copy.draft.found is None:
            self._copy = copy
            self._notify(signals.session_created, id=copy.id, old_id=None)
        return copy

    def _tell_of_rejected_cookies(self) -> None:
        sent, name = self._sent, self._settings.config.cookie_name
        for sid, reason in sent.reasons.items():
            self._reject(reason, sid)
        is_known = sent.reasons or sent.may_be_former
        if not is_known and any(cookie_values(self._request.cookie_header, name)):
            self._reject("unsigned", None)

    def _reject(self, reason: str, sid: str | None) -> None:
        rate = self._settings.rates[reason].count()
        if rate >= _MANY:
            self._settings.log.warn(
                f"Session cookies were rejected as {reason} %d times in the last minute. Somebody"
                " may be guessing ids, or the application has lost its store or its secret.",
                rate,
            )
        self._notify(signals.session_rejected, reason=reason, id=sid, rate=rate)

    def _compare_the_client(self, draft: Draft) -> None:
        login = Login.of(draft.data)
        changed = self._request.client().changes_from(login.client) if login else ()
        if login and changed:
            values = {"user_id": login.user_id, "handle": self.handle, "changed": changed}
            self._notify(signals.session_anomalous, **values)

    def _begin(self) -> WorkingCopy:
        """Start a new, empty session. No store call."""
        draft = Draft.new(self._settings, self._request.cookie_options())
        self._copy = self._working_copy(self._request.generate_id(), draft)
        return self._copy

    def _working_copy(self, sid: str, draft: Draft, base: Record | None = None) -> WorkingCopy:
        store = cast(RequestStore, self._store)  # it was entered before
        return WorkingCopy(self._settings, store, self._request.generate_id, sid, draft, base)

    @property
    def _reads_empty(self) -> bool:
        """Whether the store failed and the session reads as empty instead of raising that."""
        if self._copy is not None or self._raises_failures:
            return False
        with suppress(StoreError):
            self._checked_out()
        return self._copy is None

    @property
    def _raises_failures(self) -> bool:
        return self._settings.config.store_error == "raise" and not self._told

    def _notify(self, signal: Signal, /, **values: object) -> None:
        if signal.receivers or life.logger.isEnabledFor(INFO):
            self._settings.notify(signal, session=self, **values)
