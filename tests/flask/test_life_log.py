"""The log of what happens to sessions: which lines, and what is not in them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from typing import Any

import pytest
import time_machine
from cachelib import SimpleCache
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import session_created
from flask_serversession import SessionManager
from flask_serversession.sessions.login import handle_of
from flask_serversession.sessions.login import tag_of_user
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .browser import View
from .conftest import MakeApp

Events = Callable[[], list[dict[str, Any]]]
ADA = tag_of_user("ada")


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Events:
    """Return the events since the last call, without their times."""
    caplog.set_level(logging.INFO, logger="flask_serversession.life")

    def events() -> list[dict[str, Any]]:
        lines = [line.getMessage() for line in caplog.records if line.name.endswith(".life")]
        caplog.clear()
        found = [json.loads(line) for line in lines]
        for event in found:
            assert datetime.fromisoformat(event.pop("at")).tzinfo is not None
        return found

    return events


@pytest.fixture
def app(make_app: MakeApp, memory: MemoryStore) -> Flask:
    return make_app(SESSION_STORE=memory)


@pytest.fixture
def manager(app: Flask) -> SessionManager:
    return manager_of(app)


@pytest.fixture
def user(browser: Browser, events: Events) -> Browser:
    """A browser that is logged in. The log of that is dropped."""
    browser.run(lambda: session.log_in("ada"))
    events()
    return browser


def handle(browser: Browser) -> str:
    return handle_of(str(browser.sid))


def test_a_visit(browser: Browser, events: Events) -> None:
    browser.run(lambda: session.update(cart="apple"))
    visitor = handle(browser)
    assert events() == [{"event": "created", "handle": visitor, "user": None}]

    browser.run(lambda: str(session.get("cart")))
    browser.run(lambda: session.update(cart="pear"))
    assert events() == []

    browser.run(lambda: session.log_in("ada"))
    member = handle(browser)
    assert events() == [
        {"event": "logged_in", "handle": member, "user": ADA},
        {"event": "rotated", "handle": member, "user": ADA, "old_handle": visitor},
    ]

    browser.run(lambda: session.log_out())
    assert events() == [
        {"event": "logged_out", "handle": member, "user": ADA},
        {"event": "ended", "handle": member, "user": ADA, "by": "log_out", "reason": None},
    ]


def test_the_time_is_that_of_the_event(
    app: Flask, browser: Browser, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(datetime(2030, 1, 2, 3, 4, 5, 678000, timezone.utc), tick=False):
        browser.run(lambda: session.update(cart="apple"))

    [line] = caplog.messages
    assert json.loads(line)["at"] == "2030-01-02T03:04:05.678+00:00"


@pytest.mark.parametrize(
    ("view", "by"),
    [
        (lambda: session.destroy(), "destroy"),
        (lambda: session.clear(), "clear"),
        (lambda: [session.pop(key) for key in list(session)] and "", "clear"),
        (lambda: session.clear() or session.update(cart="apple"), "clear"),
        (lambda: session.regenerate(), "regenerate"),
        (lambda: session.log_in("bob"), "log_in"),
    ],
)
def test_an_end_says_by_what(user: Browser, events: Events, view: View, by: str) -> None:
    before = handle(user)

    user.run(view)

    ended = [event for event in events() if event["event"] == "ended"]
    assert ended == [{"event": "ended", "handle": before, "user": ADA, "by": by, "reason": None}]


def test_unset_is_an_end_where_it_destroys(make_app: MakeApp, events: Events) -> None:
    browser = browser_of(make_app(SESSION_UNSET="destroy"))
    browser.run(lambda: session.update(cart="apple"))
    events()
    before = handle(browser)

    browser.run(lambda: session.unset())

    assert [(event["handle"], event["by"]) for event in events()] == [(before, "unset")]


class TestByOthers:
    def test_an_end_has_its_reason(
        self, user: Browser, manager: SessionManager, events: Events
    ) -> None:
        before = handle(user)
        ended = {"event": "ended", "handle": before, "user": ADA}

        manager.end(before, reason="stolen")
        assert events() == [{**ended, "by": "others", "reason": "stolen"}]

        user.run(lambda: str(session.get("cart")))
        assert events() == [
            {"event": "rejected", "handle": before, "user": ADA, "reason": "expired", "rate": 1}
        ]

    def test_the_manager_destroys_one(
        self, user: Browser, manager: SessionManager, events: Events
    ) -> None:
        before = handle(user)

        manager.destroy(str(user.sid))

        assert events() == [
            {"event": "ended", "handle": before, "user": ADA, "by": "manager", "reason": None}
        ]

    def test_a_request_ends_its_own_by_the_manager(
        self, user: Browser, manager: SessionManager, events: Events
    ) -> None:
        user.run(lambda: str(manager.end_all("ada")))

        assert [event["by"] for event in events()] == ["manager"]

    def test_another_session_of_the_user_logs_out_everywhere(
        self, user: Browser, app: Flask, events: Events
    ) -> None:
        other = browser_of(app)
        other.run(lambda: session.log_in("ada"))
        own = handle(other)
        events()

        other.run(lambda: session.log_out(everywhere=True))

        assert [(event["event"], event["handle"], event.get("by")) for event in events()] == [
            ("ended", handle(user), "others"),
            ("logged_out", own, None),
            ("ended", own, "log_out"),
        ]

    def test_all_sessions_of_a_user_in_a_store_that_does_not_list_them(
        self, make_app: MakeApp, events: Events
    ) -> None:
        app = make_app(SESSION_STORE=CacheLibStore(SimpleCache(threshold=sys.maxsize)))
        browser_of(app).run(lambda: session.log_in("ada"))
        events()

        manager_of(app).end_all("ada", reason="password changed")

        assert events() == [
            {
                "event": "ended",
                "handle": None,
                "user": ADA,
                "by": "others",
                "reason": "password changed",
            }
        ]

    def test_all_sessions_of_the_store(
        self, user: Browser, manager: SessionManager, events: Events
    ) -> None:
        manager.clear()

        assert events() == [
            {"event": "ended", "handle": None, "user": None, "by": "manager", "reason": None}
        ]

    def test_the_command_that_clears_the_store(self, app: Flask, events: Events) -> None:
        app.test_cli_runner().invoke(args=["sessions", "clear", "--yes"])

        assert events() == [
            {"event": "ended", "handle": None, "user": None, "by": "manager", "reason": None}
        ]

    def test_the_limit(self, make_app: MakeApp, events: Events) -> None:
        app = make_app(
            SESSION_STORE=MemoryStore(), SESSION_LIMIT_PER_USER=1, SESSION_ON_LIMIT="end_oldest"
        )
        first, late = browser_of(app), browser_of(app)
        first.run(lambda: session.log_in("ada"))
        before = handle(first)
        events()

        late.run(lambda: session.log_in("ada"))

        ended = {"event": "ended", "handle": before, "user": ADA}
        assert {**ended, "by": "others", "reason": "limit"} in events()


def test_a_refused_login_names_the_user(make_app: MakeApp, events: Events) -> None:
    app = make_app(
        SESSION_STORE=MemoryStore(), SESSION_LIMIT_PER_USER=1, SESSION_ON_LIMIT="refuse"
    )
    late = browser_of(app)
    late.run(lambda: session.update(cart="apple"))
    visitor = handle(late)
    browser_of(app).run(lambda: session.log_in("ada"))
    events()

    late.run(lambda: session.log_in("ada"))

    assert events() == [{"event": "refused", "handle": visitor, "user": ADA}]


def test_an_unsigned_cookie_has_no_handle(browser: Browser, events: Events) -> None:
    browser.set_cookie("session", "junk")

    browser.run(lambda: str(session.get("cart")))

    rejected = {"event": "rejected", "handle": None, "user": None}
    assert events() == [{**rejected, "reason": "unsigned", "rate": 1}]


def test_a_line_has_no_id_no_user_and_no_address(
    browser: Browser, manager: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = ["user 17", "apple", "127.0.0.1"]
    with caplog.at_level(logging.INFO, logger="flask_serversession"):
        for view in (
            lambda: session.update(cart="apple"),
            lambda: session.log_in("user 17"),
            lambda: session.regenerate(keep_data=True),
        ):
            browser.run(view)
            secrets.append(str(browser.sid).rpartition(".")[2])
        browser.run(lambda: session.log_out())

    assert len(caplog.messages) == 6
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_a_reason_with_a_line_break_is_one_line(
    user: Browser, manager: SessionManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="flask_serversession.life"):
        manager.end(handle(user), reason='bad\n{"event": "created"}')

    [line] = caplog.messages
    assert "\n" not in line


def test_nothing_is_told_twice_at_info(user: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="flask_serversession"):
        user.run(lambda: session.log_out())

    assert {record.name for record in caplog.records} == {"flask_serversession.life"}


def test_a_formatter_can_have_the_members(user: Browser, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="flask_serversession.life"):
        user.run(lambda: session.destroy())

    [record] = caplog.records
    assert isinstance(record.msg, dict)
    assert record.msg == json.loads(record.getMessage())


def test_it_is_written_even_if_a_receiver_fails(browser: Browser, events: Events) -> None:
    def fail(sender: Flask, **values: Any) -> None:
        raise PermissionError

    with session_created.connected_to(fail), pytest.raises(PermissionError):
        browser.run(lambda: session.update(cart="apple"))

    assert [event["event"] for event in events()] == ["created"]


def test_it_is_off_unless_it_is_asked_for(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="flask_serversession"):
        browser.run(lambda: session.log_in("ada"))

    assert caplog.records == []
