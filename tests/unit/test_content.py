from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
from flask_serversession.rules import Rules

from flask_serversession.cookies.options import CookieOptions
from flask_serversession.errors import PayloadError
from flask_serversession.errors import SessionSerializationError
from flask_serversession.sessions.draft import Content
from flask_serversession.stores.base import epoch_milliseconds
from flask_serversession.stores.base import Record

from .clock import Clock
from .clock import START
from .conftest import DAY

COOKIE = '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'
AGED = '{"originalMaxAge":60000,"expires":"2026-11-21T00:05:00.000Z","httpOnly":true,"path":"/"}'


def document(members: str = "", cookie: str = COOKIE) -> bytes:
    return ('{"cookie":' + cookie + ("," + members if members else "") + "}").encode()


def record(payload: bytes, expires_at: datetime | None = None) -> Record:
    return Record(payload, expires_at)


def end_of(record: Record) -> int:
    assert record.expires_at is not None
    return epoch_milliseconds(record.expires_at)


def differs(content: Content) -> bool:
    return content.differs(content.dump())


@pytest.fixture
def new(rules: Rules) -> Content:
    return Content(rules, CookieOptions)


@pytest.fixture
def found(rules: Rules) -> Content:
    return Content.of(record(document('"views":1,"cart":["tea"]')), rules)


def test_a_new_session_differs_once_it_has_data(new: Content) -> None:
    assert not differs(new)

    new.values["views"] = 1

    assert differs(new)


def test_a_found_session_does_not_differ_until_it_is_changed(found: Content) -> None:
    assert found.values == {"views": 1, "cart": ["tea"]}
    assert not differs(found)


def test_a_nested_change_differs(found: Content) -> None:
    found.values["cart"].append("milk")

    assert differs(found)


def test_a_change_taken_back_does_not_differ(found: Content) -> None:
    found.values["views"] = 2
    found.assigned = True
    found.values["views"] = 1

    assert not differs(found)


def test_the_order_of_keys_counts_once_the_application_changed_it(found: Content) -> None:
    found.values["views"] = found.values.pop("views")
    found.assigned = True

    assert differs(found)


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(b'{ "cookie": %s, "views": 1 }', id="with spaces"),
        pytest.param(b'{"views":1,"cookie":%s}', id="with the cookie last"),
        pytest.param(b'{"cookie":%s,"views":1.0e0}', id="with another number format"),
    ],
)
def test_another_programs_spelling_is_no_change(rules: Rules, spelling: bytes) -> None:
    content = Content.of(record(spelling % COOKIE.encode()), rules)

    assert not differs(content)

    content.values["views"] = 2

    assert differs(content)


@pytest.mark.parametrize("kind", ["new", "found"])
def test_the_application_may_say_that_it_changed_until_that_is_saved(
    kind: str, request: pytest.FixtureRequest
) -> None:
    content: Content = request.getfixturevalue(kind)
    content.forced = True

    assert differs(content)

    content.note_saved()

    assert not differs(content)


def test_what_has_no_stored_form_cannot_be_dumped(new: Content) -> None:
    new.values["thing"] = object()

    with pytest.raises(SessionSerializationError, match="thing"):
        new.dump()


def test_what_is_no_session_cannot_be_taken_over(rules: Rules) -> None:
    with pytest.raises(PayloadError):
        Content.of(record(b'{"views":1}'), rules)


def test_a_new_sessions_cookie_is_asked_for_once_and_only_when_it_is_needed(rules: Rules) -> None:
    asked: list[str] = []

    def options() -> CookieOptions:
        asked.append("options")
        return CookieOptions(path="/app")

    content = Content(rules, options)
    content.values["views"] = 1
    assert differs(content)
    assert asked == []

    assert content.cookie.path == "/app"
    assert content.cookie is content.cookie
    assert asked == ["options"]


def test_a_cookie_nobody_looked_at_has_not_changed(found: Content) -> None:
    assert not found.cookie_changed
    assert not found.cookie_unsaved


def test_only_what_the_application_assigns_changes_a_cookie(clock: Clock, rules: Rules) -> None:
    content = Content.of(record(document(cookie=AGED)), rules)
    clock.tick(1000)
    content.cookie.reset_max_age()
    changed_by_time = content.cookie_changed
    content.cookie.max_age = 5

    assert not changed_by_time
    assert content.cookie_changed
    assert content.cookie_unsaved


def test_a_changed_cookie_stays_changed_once_it_is_saved_but_is_no_news_to_the_store(
    new: Content,
) -> None:
    new.cookie.max_age = 5
    new.note_saved()

    assert new.cookie_changed
    assert not new.cookie_unsaved

    new.cookie.max_age = None

    assert not new.cookie_changed
    assert new.cookie_unsaved


def test_a_touched_cookie_ends_when_its_record_does(rules: Rules) -> None:
    """A touch moved the record's expiry and left the document as it was."""
    moved = datetime(2026, 11, 21, 0, 5, 9, tzinfo=timezone.utc)
    content = Content.of(record(document(cookie=AGED), moved), rules)

    assert content.cookie.expires == moved
    assert content.cookie.original_max_age == 60
    assert not content.cookie_changed


def test_a_cookie_ends_as_stored_where_the_backend_cannot_tell(rules: Rules) -> None:
    content = Content.of(record(document(cookie=AGED)), rules)

    assert content.cookie.expires == datetime(2026, 11, 21, 0, 5, tzinfo=timezone.utc)


def test_the_end_of_its_record_gives_a_browser_session_cookie_no_expiry(rules: Rules) -> None:
    ends = datetime(2026, 11, 21, 0, 5, 9, tzinfo=timezone.utc)

    assert Content.of(record(document(), ends), rules).cookie.expires is None


def test_a_record_is_the_document_and_ends_when_the_session_does(new: Content) -> None:
    new.values["views"] = 1

    assert new.record(new.dump()).payload == document('"views":1')
    assert end_of(new.record(new.dump())) == START + DAY
    assert new.lifetime == DAY

    new.cookie.max_age = 60

    assert end_of(new.record(new.dump())) == START + 60_000
    assert new.lifetime == 60_000


def test_a_rebase_keeps_what_both_requests_did(rules: Rules) -> None:
    base = document('"a":0,"b":0,"gone":0')
    content = Content.of(record(base), rules)
    content.values["a"] = 1
    del content.values["gone"]

    rebased = content.rebase(base, document('"a":0,"b":2,"gone":0,"c":3'))

    assert content.values == {"a": 1, "b": 2, "c": 3}
    assert rebased.payload == document('"a":1,"b":2,"c":3')


def test_a_rebase_asks_the_application_about_a_key_that_both_changed(
    make_rules: Callable[..., Rules],
) -> None:
    def add(key: str, base: int, theirs: int, mine: int) -> int:
        return theirs + mine - base

    base = document('"views":5')
    content = Content.of(record(base), make_rules(resolve=add))
    content.values["views"] = 6

    content.rebase(base, document('"views":7'))

    assert content.values == {"views": 8}


@pytest.mark.parametrize(
    ("stored", "value"),
    [('{" tuple":[1]}', (1,)), ("1.0", 1.0), ('{"a":1,"b":2}', {"a": 1, "b": 2})],
)
def test_a_value_that_is_stored_alike_does_not_undo_the_other_requests_change(
    rules: Rules, stored: str, value: Any
) -> None:
    base = document(f'"key":{stored}')
    content = Content.of(record(base), rules)
    content.values["key"] = value

    content.rebase(base, document('"key":"theirs"'))

    assert content.values == {"key": "theirs"}


def test_a_rebase_takes_over_their_cookie_and_starts_its_life_again(rules: Rules) -> None:
    content = Content.of(record(document('"a":0')), rules)
    assert not content.cookie.is_persistent

    rebased = content.rebase(document('"a":0'), document('"a":1', cookie=AGED))

    assert content.cookie.original_max_age == 60
    assert not content.cookie_changed
    assert end_of(rebased) == START + 60_000


def test_a_rebase_keeps_a_cookie_that_this_request_changed(rules: Rules) -> None:
    content = Content.of(record(document('"a":0')), rules)
    content.cookie.max_age = 5

    content.rebase(document('"a":0'), document('"a":1', cookie=AGED))

    assert content.cookie.original_max_age == 5
    assert content.cookie_changed
