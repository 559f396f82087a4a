"""``SESSION_ADOPT = ["flask"]``: sessions of Flask's own cookie are taken over."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from uuid import UUID

import flask
import pytest
import time_machine
from flask import Flask
from markupsafe import Markup

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import Record
from flask_serversession import Session
from flask_serversession import session_created
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .browser import signed
from .browser import View
from .conftest import MakeApp
from .counting import CountingStore

DATA: dict[str, Any] = {
    "cart": {"cup": 2},
    "tuple": (1, "two"),
    "bytes": b"\0\xff",
    "markup": Markup("<b>"),
    "uuid": UUID(int=7),
    "moment": datetime(2030, 1, 1, tzinfo=timezone.utc),
}


@pytest.fixture
def make_after(make_app: MakeApp, memory: MemoryStore) -> MakeApp:
    """Make the application as it is now."""

    def make_after(**config: Any) -> Flask:
        return make_app(**{"SESSION_STORE": memory, "SESSION_ADOPT": ["flask"], **config})

    return make_after


@pytest.fixture
def after(make_after: MakeApp) -> Flask:
    return make_after()


def before(**config: Any) -> Browser:
    """Return a browser at the application as it was before."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True)
    app.config.update(config)
    serve_browsers(app)
    return browser_of(app)


def moved(browser: Browser, app: Flask) -> Browser:
    """Return a browser at another application that has the cookie of this one."""
    name = browser.application.config["SESSION_COOKIE_NAME"]
    cookie = browser.get_cookie(name)
    assert cookie is not None
    there = browser_of(app)
    there.set_cookie(name, cookie.value)
    return there


def visitor(app: Flask, data: dict[str, Any] | None = None, **config: Any) -> Browser:
    """Return a browser that comes from the application before with these data."""
    browser = before(**config)
    browser.run(lambda: flask.session.update(DATA if data is None else data))
    return moved(browser, app)


def test_the_data_come_over_with_their_types_under_a_new_id(
    after: Flask, memory: MemoryStore
) -> None:
    browser = visitor(after)

    found = browser.data()

    assert found == DATA
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in DATA.items()
    }
    assert browser.sid is not None
    assert memory.load(browser.sid) is not None
    assert browser.data() == DATA


def test_it_is_stored_at_its_first_use_and_not_before(after: Flask, memory: MemoryStore) -> None:
    browser = visitor(after)

    browser.run(lambda: None)
    assert memory.count() == 0

    browser.run(lambda: str(session.get("cart")))
    assert memory.count() == 1


def test_a_receiver_of_its_creation_can_read_it(after: Flask, memory: MemoryStore) -> None:
    seen: list[object] = []

    def hear(sender: Flask, session: Session, **extra: Any) -> None:
        seen.append((session["cart"], session.handle, memory.count()))

    browser = visitor(after)
    with session_created.connected_to(hear):
        handle = browser.see(lambda: session.handle)

    assert seen == [(DATA["cart"], handle, 1)]


def test_it_costs_two_trips_once(make_after: MakeApp, store: CountingStore) -> None:
    browser = visitor(make_after(SESSION_STORE=store))

    browser.run(lambda: str(session.get("cart")))
    assert store.calls == ["load", "create"]

    store.calls.clear()
    browser.run(lambda: str(session.get("cart")))
    assert store.calls == ["load"]


def test_what_the_first_request_changes_is_stored(after: Flask) -> None:
    browser = visitor(after)

    browser.run(lambda: session.update(cart={"cup": 3}))

    assert browser.data() == {**DATA, "cart": {"cup": 3}}


def test_a_permanent_session_stays_permanent(after: Flask) -> None:
    browser = before()

    def be_permanent() -> None:
        flask.session.permanent = True
        flask.session["cart"] = "apple"

    browser.run(be_permanent)
    there = moved(browser, after)

    assert there.see(lambda: session.permanent) is True
    assert there.data() == {"cart": "apple"}
    assert visitor(after).see(lambda: session.permanent) is False


def test_a_login_of_flask_login_is_one_of_the_user(after: Flask) -> None:
    browser = visitor(after, {"_user_id": "ada", "_fresh": True})

    assert browser.see(lambda: session.user_id) == "ada"
    assert browser.see(lambda: session.authenticated_at) is None
    assert len(manager_of(after).sessions_of("ada")) == 1
    manager_of(after).end_all("ada")
    assert browser.data() == {}


@pytest.mark.parametrize(
    ("config", "data"),
    [
        ({"SESSION_FLASK_LOGIN": False}, {"_user_id": "ada"}),
        ({}, {"_user_id": 7}),
        ({}, {"_user_id": ""}),
    ],
)
def test_other_data_are_no_login(
    make_after: MakeApp, config: dict[str, Any], data: dict[str, Any]
) -> None:
    browser = visitor(make_after(**config), data)

    assert browser.see(lambda: session.user_id) is None
    assert browser.data() == data


def test_requests_at_once_may_each_take_it_over(after: Flask) -> None:
    one = visitor(after)
    other = moved(one, after)

    assert one.data() == other.data() == DATA

    assert one.sid != other.sid


def log_out() -> None:
    session.log_out()


def destroy_unread() -> None:
    session.destroy()


def clear() -> None:
    session.clear()


def clear_and_say_bye() -> None:
    session.clear()
    flask.flash("Bye")


def remove_each_key() -> None:
    for key in list(session):
        del session[key]


def become_bob() -> None:
    session.log_in("ada")
    session.log_in("bob")


@pytest.mark.parametrize(
    "end", [log_out, destroy_unread, clear, clear_and_say_bye, remove_each_key, become_bob]
)
@pytest.mark.parametrize("first_request", [True, False])
def test_what_ends_the_session_forbids_the_old_cookie(
    after: Flask, end: View, first_request: bool
) -> None:
    browser = visitor(after)
    stolen = moved(browser, after)
    if not first_request:
        browser.run(lambda: str(session.get("cart")))

    browser.run(end)

    assert "cart" not in browser.data()
    assert stolen.data() == {}


def test_a_new_id_and_a_login_keep_the_data(after: Flask) -> None:
    browser = visitor(after)
    stolen = moved(browser, after)
    browser.run(lambda: session.regenerate(keep_data=True))
    browser.run(lambda: session.log_in("ada"))
    assert browser.data()["cart"] == DATA["cart"]

    browser.run(lambda: session.log_out())

    assert stolen.data() == {}


def test_ending_all_sessions_of_a_user_forbids_cookies_that_were_not_seen_yet(
    after: Flask,
) -> None:
    seen, unseen = (visitor(after, {"_user_id": "ada", "n": n}) for n in range(2))
    bob = visitor(after, {"_user_id": "bob"})
    assert seen.see(lambda: session.user_id) == "ada"

    manager_of(after).end_all("ada")
    manager_of(after).end_all("ada")

    assert [each.see(lambda: session.user_id) for each in (seen, unseen, bob)] == [
        None,
        None,
        "bob",
    ]


def test_ending_one_session_forbids_its_cookie(after: Flask) -> None:
    browser = visitor(after, {"_user_id": "ada"})
    stolen = moved(browser, after)

    manager_of(after).end(browser.see(lambda: session.handle))

    assert stolen.see(lambda: session.user_id) is None


def test_destroying_a_session_by_its_id_forbids_its_cookie(after: Flask) -> None:
    browser = visitor(after)
    stolen = moved(browser, after)
    browser.run(lambda: str(session.get("cart")))

    assert manager_of(after).destroy(browser.sid or "") is True

    assert stolen.data() == {}


def test_ending_a_session_that_a_second_cookie_names_forbids_its_cookie(after: Flask) -> None:
    browser, other = visitor(after), browser_of(after)
    stolen = moved(browser, after)
    browser.run(lambda: str(session.get("cart")))
    other.run(lambda: session.update(cart="apple"))
    both = "; ".join(f"session={signed(after, each.sid or '')}" for each in (other, browser))

    stranger = after.test_client(use_cookies=False)
    assert isinstance(stranger, Browser)
    stranger.run(lambda: session.destroy(), headers={"Cookie": both})

    assert stolen.data() == {}


@pytest.mark.parametrize("sid", ["unknown", "unreadable"])
def test_destroying_an_unknown_or_unreadable_session_leaves_no_note(
    after: Flask, memory: MemoryStore, sid: str
) -> None:
    memory.create("unreadable", Record(b"not JSON", None))

    assert manager_of(after).destroy(sid) is (sid == "unreadable")

    assert memory.count() == (1 if sid == "unknown" else 0)


def test_the_note_lasts_as_long_as_the_cookie(make_after: MakeApp, memory: MemoryStore) -> None:
    browser = visitor(make_after(PERMANENT_SESSION_LIFETIME=60))
    browser.run(lambda: session.log_out())
    assert memory.count() == 1

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=61)):
        assert memory.count() == 0


def test_once_the_cookie_is_too_old_no_note_is_left(
    make_after: MakeApp, memory: MemoryStore
) -> None:
    browser = visitor(make_after(PERMANENT_SESSION_LIFETIME=60, SESSION_IDLE_TIMEOUT=3600))
    browser.run(lambda: str(session.get("cart")))

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=61)):
        browser.run(lambda: session.log_out())
        assert memory.count() == 0


@pytest.mark.parametrize("origin", ["null", "7", '["x"]', '["x","y"]'])
def test_a_malformed_origin_is_ignored(after: Flask, memory: MemoryStore, origin: str) -> None:
    browser = browser_of(after)
    browser.run(lambda: session.update(user="ada"))
    sid = browser.sid or ""
    payload = b'{"cookie":{"originalMaxAge":null,"origin":%s},"user":"bob"}' % origin.encode()
    memory.save(sid, Record(payload, None))

    assert browser.data() == {"user": "bob"}


_NOTES = [
    b"",
    b"no session",
    b'{"cookie":{}}',
    b'{"cookie":{"noted":null},"heir":null}',
    b'{"cookie":{"noted":-1},"heir":5}',
    b'{"cookie":{"noted":"2030"},"heir":"unreadable"}',
]


@pytest.mark.parametrize("payload", _NOTES)
def test_a_note_that_cannot_be_read_forbids_the_cookie(
    after: Flask, memory: MemoryStore, payload: bytes
) -> None:
    browser = visitor(after)
    future = datetime.now(timezone.utc) + timedelta(days=1)
    memory.create("unreadable", Record(b"no session", future))
    moved(browser, after).run(lambda: session.log_out())
    [note] = [key for key in memory.keys() if key.startswith("former-")]  # noqa: SIM118
    memory.save(note, Record(payload, future))

    assert browser.data() == {}


@pytest.mark.parametrize("payload", _NOTES)
def test_a_note_about_a_user_that_cannot_be_read_forbids_the_users_cookies(
    after: Flask, memory: MemoryStore, payload: bytes
) -> None:
    browser = visitor(after, {"_user_id": "ada"})
    manager_of(after).end_all("ada")
    [note] = memory.keys()
    memory.save(note, Record(payload, datetime.now(timezone.utc) + timedelta(days=1)))

    assert browser.data() == {}


@pytest.mark.parametrize("change", [lambda value: value[:-1], lambda value: "x" + value])
def test_a_cookie_that_does_not_verify_is_ignored(after: Flask, change: Any) -> None:
    browser = visitor(after)
    cookie = browser.get_cookie("session")
    assert cookie is not None
    browser.set_cookie("session", change(cookie.value))

    assert browser.data() == {}


def test_a_cookie_of_another_secret_is_ignored(after: Flask) -> None:
    assert visitor(after, SECRET_KEY="another").data() == {}


def test_a_fallback_secret_verifies(make_after: MakeApp) -> None:
    app = make_after(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["keyboard cat"])

    assert visitor(app).data() == DATA


def test_a_cookie_that_is_too_old_is_ignored(make_after: MakeApp) -> None:
    app = make_after(PERMANENT_SESSION_LIFETIME=60)
    browser = visitor(app)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=62)):
        assert browser.data() == {}


def test_an_empty_one_is_ignored(after: Flask, memory: MemoryStore) -> None:
    browser = before()

    def be_permanent_only() -> None:
        flask.session.permanent = True

    browser.run(be_permanent_only)
    there = moved(browser, after)

    assert there.data() == {}
    assert there.sid is None or memory.load(there.sid) is None


def test_a_session_of_ours_comes_first(make_after: MakeApp) -> None:
    app = make_after(SESSION_COOKIE_NAME="sid")
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada"))

    assert browser.data() == {"user": "ada"}


def test_a_cookie_without_the_key_is_left_alone(make_after: MakeApp) -> None:
    assert visitor(make_after(SESSION_ADOPT=[])).data() == {}


def test_a_websocket_takes_nothing_over(after: Flask, memory: MemoryStore) -> None:
    browser = visitor(after)
    seen: list[bool] = []

    browser.run(lambda: seen.append("cart" in session), headers={"Upgrade": "websocket"})

    assert seen == [False]
    assert memory.count() == 0
    assert browser.data() == DATA


def test_data_that_cannot_be_stored_are_not_taken_over(
    after: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    browser = visitor(after, {"_flashes": "no list", "cart": "apple"})

    assert browser.data() == {}
    assert "was not taken over" in caplog.text


def test_a_member_named_cookie_is_left_out(after: Flask) -> None:
    assert visitor(after, {"cookie": 1, "cart": "apple"}).data() == {"cart": "apple"}


def test_sessions_that_are_kept_in_the_cookie_take_nothing_over(make_after: MakeApp) -> None:
    with pytest.raises(ConfigError, match="SESSION_ADOPT cannot be used with SESSION_STORE"):
        make_after(SESSION_STORE="cookie")


@pytest.mark.parametrize("value", ["flask", ["flask", "rails"], None, 1])
def test_an_unknown_kind_is_refused(make_after: MakeApp, value: Any) -> None:
    with pytest.raises(ConfigError, match="SESSION_ADOPT"):
        make_after(SESSION_ADOPT=value)


def test_check_says_when_to_stop_taking_sessions_over(after: Flask) -> None:
    result = after.test_cli_runner().invoke(args=["sessions", "check"])

    assert "SESSION_ADOPT takes former sessions over: remove it once" in result.output


def test_the_cookie_goes_out_with_the_first_response(after: Flask) -> None:
    [line] = cookie_lines(visitor(after).run(lambda: str(session.get("cart"))))

    assert line.startswith("session=s%3A")
