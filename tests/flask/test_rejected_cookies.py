"""A cookie of the session's name that gives its browser no session: why, and how often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import flask
import pytest
import time_machine
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import Record
from flask_serversession import session_rejected
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session
from .browser import signed
from .conftest import MakeApp

SID = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
Heard = list[dict[str, Any]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """What each signal carries besides the session."""
    heard: Heard = []

    def hear(sender: Flask, session: object, **values: Any) -> None:
        heard.append(values)

    with session_rejected.connected_to(hear):
        yield heard


@pytest.fixture
def make_user(make_app: MakeApp, memory: MemoryStore) -> Callable[..., Browser]:
    """Return a browser that is logged in."""

    def make_user(**config: Any) -> Browser:
        browser = browser_of(make_app(SESSION_STORE=memory, **config))
        browser.run(lambda: session.log_in("ada"))
        return browser

    return make_user


def read() -> str:
    return str(session.get("cart"))


def send(app: Flask, header: str) -> None:
    """Send a request with this Cookie header that reads the session."""
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    client.run(read, environ_overrides={"HTTP_COOKIE": header})


def test_an_id_that_the_store_does_not_have_is_unknown(
    make_user: Callable[..., Browser], memory: MemoryStore, heard: Heard
) -> None:
    browser = make_user()
    handle = browser.see(lambda: session.handle)
    memory.clear()

    browser.run(read)

    assert heard == [{"reason": "unknown", "handle": handle, "rate": 1}]


@pytest.mark.parametrize(
    "value",
    [
        SID,
        f"s:{SID}",
        f"s:{SID}.",
        f"s:{SID}.AAAA",
        "s%3A%ZZ%",
        "s:a\0b.AAAA",
        "3f6c1d3e-8a52-4f1e-9d3e-0f9b4f6e2a11",
    ],
)
def test_what_no_secret_signed_is_unsigned(app: Flask, heard: Heard, value: str) -> None:
    send(app, f"session={value}")

    assert heard == [{"reason": "unsigned", "handle": None, "rate": 1}]


def test_what_another_secret_signed_is_unsigned(
    make_app: MakeApp, browser: Browser, heard: Heard
) -> None:
    browser.set_cookie("session", signed(make_app(SECRET_KEY="another"), SID))

    browser.run(read)

    assert [values["reason"] for values in heard] == ["unsigned"]


@pytest.mark.parametrize("header", ["", "session=", "sessions=1", "my_session=1", "a=session"])
def test_a_browser_without_a_cookie_of_this_name_is_not_rejected(
    app: Flask, heard: Heard, header: str
) -> None:
    send(app, header)

    assert heard == []


def test_a_session_that_a_script_opens_by_its_id_is_not_rejected(app: Flask, heard: Heard) -> None:
    assert manager_of(app).load("nothing") is None

    assert heard == []


def test_a_session_after_its_absolute_timeout_is_expired(
    make_user: Callable[..., Browser], heard: Heard
) -> None:
    with time_machine.travel(1_900_000_000, tick=False) as clock:
        browser = make_user(SESSION_ABSOLUTE_TIMEOUT=60)
        handle = browser.see(lambda: session.handle)
        session_store = manager_of(browser.application).store
        record = session_store.load(str(browser.sid))
        assert record is not None
        session_store.save(str(browser.sid), Record(record.payload, None))
        clock.shift(61)

        browser.run(read)

    assert heard == [{"reason": "expired", "handle": handle, "rate": 1}]


def test_a_session_that_others_ended_with_a_reason_is_expired(
    make_user: Callable[..., Browser], heard: Heard
) -> None:
    browser = make_user()
    handle = browser.see(lambda: session.handle)
    manager_of(browser.application).end(handle, reason="stolen")

    browser.run(read)

    assert heard == [{"reason": "expired", "handle": handle, "rate": 1}]


def test_an_old_id_whose_new_one_has_ended_is_expired(
    make_user: Callable[..., Browser], memory: MemoryStore, heard: Heard
) -> None:
    browser = make_user()
    handle, late = browser.see(lambda: session.handle), browser.twin()
    browser.run(lambda: session.regenerate(keep_data=True))
    memory.delete(str(browser.sid))

    late.run(read)

    assert heard == [{"reason": "expired", "handle": handle, "rate": 1}]


def test_a_record_that_is_not_a_session_is_unreadable(
    make_user: Callable[..., Browser], memory: MemoryStore, heard: Heard
) -> None:
    browser = make_user()
    handle = browser.see(lambda: session.handle)
    memory.save(str(browser.sid), Record(b"not JSON", None))

    browser.run(read)

    assert heard == [{"reason": "unreadable", "handle": handle, "rate": 1}]


def test_each_of_several_ids_is_rejected(app: Flask, heard: Heard) -> None:
    send(app, "; ".join(f"session={signed(app, sid)}" for sid in ("one", "other")))

    assert [(values["reason"], values["rate"]) for values in heard] == [
        ("unknown", 1),
        ("unknown", 2),
    ]


def test_nothing_is_rejected_if_one_of_several_cookies_gives_a_session(
    make_user: Callable[..., Browser], heard: Heard
) -> None:
    browser = make_user()
    app = browser.application
    values = ["junk", signed(app, "old"), signed(app, str(browser.sid))]

    send(app, "; ".join(f"session={value}" for value in values))

    assert heard == []


def test_a_receiver_sees_the_request_with_its_address(app: Flask) -> None:
    addresses = []

    def hear(sender: Flask, **values: Any) -> None:
        addresses.append(flask.request.remote_addr)

    with session_rejected.connected_to(hear):
        send(app, "session=junk")

    assert addresses == ["127.0.0.1"]


def test_a_session_is_rejected_once_a_request(browser: Browser, heard: Heard) -> None:
    browser.hold(SID)

    browser.run(lambda: read() + read() + str(session.id))

    assert len(heard) == 1


class TestFlasksOwnCookie:
    @pytest.fixture
    def visitor(self, make_app: MakeApp) -> Callable[..., Browser]:
        """Return a browser that comes from an application with Flask's own sessions."""

        def visitor(**config: Any) -> Browser:
            former = Flask(__name__)
            former.config.update(SECRET_KEY="keyboard cat")
            serve_browsers(former)
            before, browser = browser_of(former), browser_of(make_app(**config))
            before.run(lambda: flask.session.update(cart="apple"))
            cookie = before.get_cookie("session")
            assert cookie is not None
            browser.set_cookie("session", cookie.value)
            return browser

        return visitor

    def test_one_that_is_taken_over_is_not_rejected(
        self, visitor: Callable[..., Browser], heard: Heard
    ) -> None:
        visitor(SESSION_ADOPT=["flask"]).run(read)

        assert heard == []

    def test_one_that_no_response_could_replace_is_not_rejected(
        self, visitor: Callable[..., Browser], heard: Heard
    ) -> None:
        browser = visitor(SESSION_ADOPT=["flask"])

        browser.run(read, headers={"Upgrade": "websocket"})

        assert heard == []

    def test_it_is_unsigned_where_it_is_not_taken_over(
        self, visitor: Callable[..., Browser], heard: Heard
    ) -> None:
        visitor().run(read)

        assert [values["reason"] for values in heard] == ["unsigned"]


class TestRate:
    @pytest.fixture(autouse=True)
    def now(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
        """Set the seconds of the process's clock."""

        def now(seconds: float) -> None:
            monkeypatch.setattr(time, "monotonic", lambda: seconds)

        now(1000.0)
        return now

    def test_it_counts_the_last_minute(
        self, browser: Browser, heard: Heard, now: Callable[[float], None]
    ) -> None:
        browser.hold(SID)
        for seconds in (1000.0, 1000.5, 1059.9, 1060.0, 1061.0, 1200.0):
            now(seconds)
            browser.run(read)

        assert [values["rate"] for values in heard] == [1, 2, 3, 2, 3, 1]

    def test_each_reason_has_its_own(self, app: Flask, browser: Browser, heard: Heard) -> None:
        browser.hold(SID)
        browser.run(read)
        browser.set_cookie("session", "junk")
        browser.run(read)

        assert [(values["reason"], values["rate"]) for values in heard] == [
            ("unknown", 1),
            ("unsigned", 1),
        ]

    def test_each_application_has_its_own(self, make_app: MakeApp, heard: Heard) -> None:
        for _ in range(2):
            browser = browser_of(make_app())
            browser.hold(SID)
            browser.run(read)

        assert [values["rate"] for values in heard] == [1, 1]

    def test_a_hundred_a_minute_are_one_warning_for_each_reason(
        self, browser: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="flask_serversession"):
            for value in (signed(browser.application, SID), "junk"):
                browser.set_cookie("session", value)
                for _ in range(99):
                    browser.run(read)
                assert len(caplog.records) == (value == "junk")
                for _ in range(11):
                    browser.run(read)

        unknown, unsigned = caplog.messages
        assert unknown.startswith("Session cookies were rejected as unknown 100 times in the last")
        assert unsigned.startswith("Session cookies were rejected as unsigned 100 times")
        assert SID not in caplog.text
