from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flask_serversession import due
from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.options import CookieOptions
from flask_serversession.document import compose
from flask_serversession.document import retired_form
from flask_serversession.due import DueTouches
from flask_serversession.policy import SavePolicy
from flask_serversession.rules import Rules
from flask_serversession.stores.base import DueTouch
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

from .clock import Clock
from .conftest import DAY

MakeRules = Callable[..., Rules]

MINUTE = 60_000
USUAL = CookieOptions()


class TouchingStore(MemoryStore):
    def load_and_touch(self, key: str, due: DueTouch) -> tuple[Record | None, bool]:
        return self.load(key), False


@pytest.fixture
def rules(make_rules: MakeRules) -> Rules:
    return make_rules(store=TouchingStore())


def document_with(options: CookieOptions, rules: Rules) -> bytes:
    cookie = SessionCookie(options, rules.clock)
    return compose(cookie.to_document(), b'{"n":1}')


def beginning_for(rules: Rules, options: CookieOptions = USUAL) -> bytes:
    dues = DueTouches.under(rules, options)
    assert dues is not None
    touch = dues.of("sid")
    assert touch is not None
    return touch.beginning


def test_a_load_gives_what_the_usual_cookie_says_to_live(rules: Rules) -> None:
    dues = DueTouches.under(rules, USUAL)

    assert dues is not None
    touch = dues.of("sid")
    assert touch is not None
    assert touch.lifetime == timedelta(days=1)
    assert touch.interval == timedelta(minutes=1)


@pytest.mark.parametrize(
    "options",
    [
        CookieOptions(secure=True, path="/app", samesite="lax"),
        CookieOptions(partitioned=True, priority="high", secure=True, domain="example.com"),
        CookieOptions(secure="auto", samesite="auto"),
    ],
)
def test_it_knows_a_session_with_the_usual_cookie_by_its_beginning(
    rules: Rules, options: CookieOptions
) -> None:
    document = document_with(options.resolved(is_secure=True), rules)

    assert document.startswith(beginning_for(rules, options))


@pytest.mark.parametrize(
    "options",
    [CookieOptions(max_age=DAY), CookieOptions(max_age=10 * DAY), CookieOptions(priority="high")],
)
def test_a_session_that_lives_in_another_way_begins_in_another_way(
    rules: Rules, options: CookieOptions
) -> None:
    assert not document_with(options, rules).startswith(beginning_for(rules))


def test_an_id_given_up_is_extended_by_nobody(rules: Rules) -> None:
    document = document_with(USUAL, rules)

    retired = retired_form(document, rules.clock() + MINUTE, rules.serializer)

    assert document.startswith(beginning_for(rules))
    assert not retired.startswith(beginning_for(rules))


@pytest.mark.parametrize(
    "policy",
    [SavePolicy(rolling=True), SavePolicy(resave=True), SavePolicy(touch="always")],
)
def test_what_is_to_happen_at_the_end_of_a_request_does_so(
    make_rules: MakeRules, policy: SavePolicy
) -> None:
    assert DueTouches.under(make_rules(store=TouchingStore(), policy=policy), USUAL) is None


def test_a_store_that_cannot_touch_as_it_loads_is_not_asked_to(make_rules: MakeRules) -> None:
    assert DueTouches.under(make_rules(store=MemoryStore()), USUAL) is None


@pytest.mark.parametrize("max_age", [0, -1000, DAY])
def test_a_session_whose_cookie_is_sent_again_is_looked_at_first(
    rules: Rules, max_age: int
) -> None:
    assert DueTouches.under(rules, CookieOptions(max_age=max_age)) is None


def test_one_load_an_interval_looks(rules: Rules, clock: Clock) -> None:
    dues = DueTouches.under(rules, USUAL)
    assert dues is not None

    looked = []
    for _ in range(7):
        looked.append(dues.of("sid") is not None)
        clock.tick(MINUTE // 3)

    assert looked == [True, False, False, True, False, False, True]
    assert dues.of("another") is not None


def test_without_an_interval_every_load_looks(make_rules: MakeRules) -> None:
    dues = DueTouches.under(make_rules(store=TouchingStore(), touch_interval=0), USUAL)

    assert dues is not None
    assert [dues.of("sid") is not None for _ in range(3)] == [True] * 3


def test_it_remembers_a_bounded_number_of_sessions(
    rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "REMEMBERED", 3)
    dues: Any = DueTouches.under(rules, USUAL)

    for number in range(10):
        assert dues.of(f"sid {number}") is not None
        assert len(dues._looked) <= 3
