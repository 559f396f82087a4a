from __future__ import annotations

import json
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest

from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import PayloadError
from flask_serversession.errors import SessionSerializationError
from flask_serversession.sessions.draft import Draft
from flask_serversession.sessions.settings import Settings
from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import from_epoch_milliseconds
from flask_serversession.stores.base import Record

from .clock import Clock
from .clock import START
from .conftest import DAY
from .conftest import MakeSettings

COOKIE = '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'
AGED = '{"originalMaxAge":60000,"expires":"2026-11-21T00:05:00.000Z","httpOnly":true,"path":"/"}'


def document(members: str = "", cookie: str = COOKIE) -> bytes:
    return ('{"cookie":' + cookie + ("," + members if members else "") + "}").encode()


def record(payload: bytes, expires_at: datetime | None = None) -> Record:
    return Record(payload, expires_at)


def end_of(record: Record) -> int:
    assert record.expires_at is not None
    return epoch_milliseconds(record.expires_at)


def differs(draft: Draft, *, assigned: bool = False) -> bool:
    draft.assigned = assigned
    return draft.differs(draft.dump())


def cookie_changed(draft: Draft) -> bool:
    return draft.cookie.settings != draft.cookie_found


def cookie_unsaved(draft: Draft) -> bool:
    return draft.cookie.settings != draft.cookie_stored


@pytest.fixture
def new(settings: Settings) -> Draft:
    return Draft.new(settings, CookieOptions())


@pytest.fixture
def found(settings: Settings) -> Draft:
    return Draft.of(settings, record(document('"views":1,"cart":["tea"]')))


def test_a_new_session_differs_once_it_has_data(new: Draft) -> None:
    assert not differs(new)

    new.data["views"] = 1

    assert differs(new)


def test_a_found_session_does_not_differ_until_it_is_changed(found: Draft) -> None:
    assert found.data == {"views": 1, "cart": ["tea"]}
    assert not differs(found)


def test_a_nested_change_differs(found: Draft) -> None:
    found.data["cart"].append("milk")

    assert differs(found)


def test_a_reverted_change_does_not_differ(found: Draft) -> None:
    found.data["views"] = 2
    found.data["views"] = 1

    assert not differs(found, assigned=True)


def test_a_new_order_of_keys_is_a_change_if_the_application_made_it(found: Draft) -> None:
    found.data["views"] = found.data.pop("views")

    assert differs(found, assigned=True)


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(b'{ "cookie": %s, "views": 1 }', id="with spaces"),
        pytest.param(b'{"views":1,"cookie":%s}', id="with the cookie last"),
        pytest.param(b'{"cookie":%s,"views":1.0e0}', id="with another number format"),
    ],
)
def test_another_spelling_of_the_same_data_is_not_a_change(
    settings: Settings, spelling: bytes
) -> None:
    draft = Draft.of(settings, record(spelling % COOKIE.encode()))

    assert not differs(draft)

    draft.data["views"] = 2

    assert differs(draft)


@pytest.mark.parametrize("kind", ["new", "found"])
def test_a_draft_forced_to_be_modified_stays_so_until_it_is_saved(
    kind: str, request: pytest.FixtureRequest
) -> None:
    draft: Draft = request.getfixturevalue(kind)
    draft.forced = True

    assert differs(draft)

    draft.note_saved()

    assert not draft.is_modified


def test_a_value_without_a_stored_form_cannot_be_dumped(new: Draft) -> None:
    new.data["thing"] = object()

    with pytest.raises(SessionSerializationError, match="thing"):
        new.dump()


def test_a_record_that_is_not_a_session_is_refused(settings: Settings) -> None:
    with pytest.raises(PayloadError):
        Draft.of(settings, record(b'{"views":1}'))


def test_a_new_sessions_cookie_has_the_configured_attributes(settings: Settings) -> None:
    draft = Draft.new(settings, CookieOptions(path="/app"))

    assert draft.cookie.path == "/app"
    assert not cookie_changed(draft)


def test_a_found_cookie_has_not_changed(found: Draft) -> None:
    assert not cookie_changed(found)
    assert not cookie_unsaved(found)


def test_a_cookie_is_changed_by_the_application_and_not_by_time(
    clock: Clock, settings: Settings
) -> None:
    draft = Draft.of(settings, record(document(cookie=AGED)))
    clock.tick(1000)
    draft.cookie.reset_max_age()
    changed_by_time = cookie_changed(draft)
    draft.cookie.max_age = 5

    assert not changed_by_time
    assert cookie_changed(draft)
    assert cookie_unsaved(draft)


def test_a_saved_cookie_is_changed_but_not_unsaved(
    new: Draft,
) -> None:
    new.cookie.max_age = 5
    new.note_saved()

    assert cookie_changed(new)
    assert not cookie_unsaved(new)

    new.cookie.max_age = None

    assert not cookie_changed(new)
    assert cookie_unsaved(new)


def test_a_touched_cookie_ends_when_its_record_does(settings: Settings) -> None:
    """A touch moved the record's expiry and left the document as it was."""
    moved = datetime(2026, 11, 21, 0, 5, 9, tzinfo=timezone.utc)
    draft = Draft.of(settings, record(document(cookie=AGED), moved))

    assert draft.cookie.expires == moved
    assert draft.cookie.original_max_age == 60
    assert not cookie_changed(draft)


def test_a_cookie_keeps_its_stored_end_where_the_record_has_none(settings: Settings) -> None:
    draft = Draft.of(settings, record(document(cookie=AGED)))

    assert draft.cookie.expires == datetime(2026, 11, 21, 0, 5, tzinfo=timezone.utc)


def test_a_browser_session_cookie_gets_no_expiry_from_its_record(settings: Settings) -> None:
    ends = datetime(2026, 11, 21, 0, 5, 9, tzinfo=timezone.utc)

    assert Draft.of(settings, record(document(), ends)).cookie.expires is None


def test_a_record_holds_the_document_and_ends_with_the_session(new: Draft) -> None:
    new.data["views"] = 1

    assert new.record(new.dump()).payload == document('"views":1')
    assert end_of(new.record(new.dump())) == START + DAY

    new.cookie.max_age = 60

    assert end_of(new.record(new.dump())) == START + 60_000


def test_a_rebase_keeps_the_changes_of_both_requests(settings: Settings) -> None:
    base = document('"a":0,"b":0,"gone":0')
    draft = Draft.of(settings, record(base))
    draft.data["a"] = 1
    del draft.data["gone"]

    rebased = draft.rebase(base, document('"a":0,"b":2,"gone":0,"c":3'))

    assert draft.data == {"a": 1, "b": 2, "c": 3}
    assert rebased.payload == document('"a":1,"b":2,"c":3')


def test_a_rebase_has_the_application_resolve_a_key_that_both_changed(
    make_settings: MakeSettings,
) -> None:
    def add(key: str, base: int, theirs: int, mine: int) -> int:
        return theirs + mine - base

    base = document('"views":5')
    draft = Draft.of(make_settings(resolve=add), record(base))
    draft.data["views"] = 6

    draft.rebase(base, document('"views":7'))

    assert draft.data == {"views": 8}


@pytest.mark.parametrize(
    ("stored", "value"),
    [('{" tuple":[1]}', (1,)), ("1.0", 1.0), ('{"a":1,"b":2}', {"a": 1, "b": 2})],
)
def test_a_value_stored_alike_does_not_undo_another_requests_change(
    settings: Settings, stored: str, value: Any
) -> None:
    base = document(f'"key":{stored}')
    draft = Draft.of(settings, record(base))
    draft.data["key"] = value

    draft.rebase(base, document('"key":"theirs"'))

    assert draft.data == {"key": "theirs"}


def test_a_rebase_takes_over_their_cookie_and_restarts_its_life(settings: Settings) -> None:
    draft = Draft.of(settings, record(document('"a":0')))
    assert not draft.cookie.is_persistent

    rebased = draft.rebase(document('"a":0'), document('"a":1', cookie=AGED))

    assert draft.cookie.original_max_age == 60
    assert not cookie_changed(draft)
    assert end_of(rebased) == START + 60_000


def test_a_rebase_keeps_a_cookie_that_this_request_changed(settings: Settings) -> None:
    draft = Draft.of(settings, record(document('"a":0')))
    draft.cookie.max_age = 5

    draft.rebase(document('"a":0'), document('"a":1', cookie=AGED))

    assert draft.cookie.original_max_age == 5
    assert cookie_changed(draft)


def test_a_rebase_does_not_bring_back_a_key_that_another_request_deleted(
    settings: Settings,
) -> None:
    base = document('"user":"ada"')
    draft = Draft.of(settings, record(base))
    draft.data["user"] = "eve"

    rebased = draft.rebase(base, document())

    assert draft.data == {}
    assert rebased.payload == document()


class TestCatchUp:
    """A draft takes over what others stored, before a lock's block begins."""

    def test_it_takes_over_another_requests_change(self, settings: Settings) -> None:
        base = document('"a":0,"b":0')
        draft = Draft.of(settings, record(base))
        draft.data["a"] = 1

        draft.catch_up(base, Draft.of(settings, record(document('"a":0,"b":2'))))

        assert draft.data == {"a": 1, "b": 2}
        assert differs(draft)

    def test_it_leaves_the_values_alone_if_nothing_changed(self, settings: Settings) -> None:
        base = document('"cart":["tea"]')
        draft = Draft.of(settings, record(base))
        cart = draft.data["cart"]

        draft.catch_up(base, Draft.of(settings, record(base)))

        assert draft.data["cart"] is cart
        assert not differs(draft)

    def test_it_takes_over_nothing_after_clear(self, settings: Settings) -> None:
        base = document('"a":0')
        draft = Draft.of(settings, record(base))
        draft.data.clear()
        draft.cleared = True

        draft.catch_up(base, Draft.of(settings, record(document('"a":0,"b":2'))))

        assert draft.data == {}
        assert differs(draft)

    def test_an_explicit_save_before_it_stays_a_change_of_the_request(
        self, settings: Settings
    ) -> None:
        draft = Draft.of(settings, record(document('"a":0')))
        draft.data["a"] = 1
        draft.note_saved()

        draft.catch_up(document('"a":1'), Draft.of(settings, record(document('"a":1'))))

        assert draft.saved is None
        assert draft.had_changed
        assert not differs(draft)


class TestFollow:
    """A reloaded draft takes the place of an earlier one."""

    @pytest.mark.parametrize(("value", "had_changed"), [(1, True), (0, False)])
    def test_it_remembers_whether_the_earlier_one_stored_a_change(
        self, settings: Settings, value: int, *, had_changed: bool
    ) -> None:
        earlier = Draft.of(settings, record(document('"a":0')))
        earlier.data["a"] = value
        earlier.note_saved()
        later = Draft.of(settings, record(document(f'"a":{value}')))

        later.follow(earlier)

        assert later.had_changed is had_changed
        assert later.is_saved(later.dump())

    def test_it_drops_changes_that_were_not_saved(self, settings: Settings) -> None:
        earlier = Draft.of(settings, record(document('"a":0')))
        earlier.data["a"] = 1
        later = Draft.of(settings, record(document('"a":0')))

        later.follow(earlier)

        assert not later.had_changed
        assert later.saved is None


# Whether it is old enough to be touched

MINUTE = 60_000


def is_stale(settings: Settings, ends: int | None) -> bool:
    """Return whether a stored session that ends at this moment is stale."""
    expires_at = None if ends is None else from_epoch_milliseconds(ends)
    return Draft.new(settings, CookieOptions()).is_stale(Record(b"{}", expires_at))


@pytest.mark.parametrize(
    ("lifetime", "interval"), [(DAY, MINUTE), (10 * MINUTE, MINUTE), (5 * MINUTE, MINUTE // 2)]
)
def test_a_session_is_stale_after_a_minute_or_a_tenth_of_its_life(
    make_settings: MakeSettings, clock: Clock, lifetime: int, interval: int
) -> None:
    settings = make_settings(idle_timeout=lifetime)

    clock.tick(interval - 1)
    assert not is_stale(settings, START + lifetime)

    clock.tick(1)
    assert is_stale(settings, START + lifetime)


@pytest.mark.parametrize("lifetime", [MINUTE, DAY])
def test_a_configured_interval_holds_for_every_lifetime(
    make_settings: MakeSettings, clock: Clock, lifetime: int
) -> None:
    settings = make_settings(touch_interval=5000, idle_timeout=lifetime)

    clock.tick(4999)
    assert not is_stale(settings, START + lifetime)

    clock.tick(1)
    assert is_stale(settings, START + lifetime)


def test_with_an_interval_of_zero_a_session_is_always_stale(make_settings: MakeSettings) -> None:
    assert is_stale(make_settings(touch_interval=0, idle_timeout=DAY), START + DAY)


def test_a_session_with_more_life_than_configured_is_stale(make_settings: MakeSettings) -> None:
    """The configuration became stricter after the session was stored."""
    settings = make_settings(idle_timeout=DAY)

    assert is_stale(settings, START + DAY + MINUTE)
    assert not is_stale(settings, START + DAY + MINUTE - 1)


def test_a_session_is_stale_where_the_store_cannot_tell_when_it_ends(settings: Settings) -> None:
    assert is_stale(settings, None)


def test_a_session_that_is_not_stored_is_stale(settings: Settings) -> None:
    assert Draft.new(settings, CookieOptions()).is_stale(None)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "former",
        [],
        ["former"],
        [5, 5],
        ["former", "5"],
        ["former", True],
        ["former", -1],
        ["former", 253_402_300_800_000],
        ["former", 2**64],
        ["former", 5, 5],
    ],
)
def test_a_malformed_origin_is_ignored(settings: Settings, origin: Any) -> None:
    cookie = json.dumps({"path": "/", "origin": origin})

    assert Draft.of(settings, record(document(cookie=cookie))).origin is None
