"""``SESSION_ADOPT_STEP``: the former version of an application runs beside this one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any
from typing import cast

import flask
import pytest
import time_machine
from flask import Flask
from flask import Request
from flask import Response
from flask.sessions import SecureCookieSession
from flask.sessions import SecureCookieSessionInterface
from flask.sessions import SessionMixin
from flask_login import login_user
from flask_login import LoginManager
from flask_login import logout_user
from flask_login import UserMixin

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import signals
from flask_serversession import StoreUnavailable
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .counting import CountingStore

Version = Callable[..., Flask]


@pytest.fixture
def version(store: CountingStore) -> Version:
    """Make the application at a step, or without one as it was before."""

    def version(step: str | None = None, interface: Any = None, **config: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=store)
        app.config.update(SESSION_ADOPT=["flask"], SESSION_ADOPT_STEP=step or "switch")
        app.config.update(config)
        if interface is not None:
            app.session_interface = interface
        if step is not None:
            ServerSession(app)
        LoginManager(app).user_loader(User)
        serve_browsers(app)
        return app

    return version


class User(UserMixin):
    def __init__(self, user_id: str) -> None:
        self.id = user_id


def log_in() -> None:
    login_user(User("ada"))


def log_out() -> None:
    logout_user()


def go(browser: Browser, app: Flask) -> Browser:
    """Return the browser as a load balancer sends it to another version."""
    there = browser_of(app)
    cast(Any, there)._cookies = cast(Any, browser)._cookies
    return there


def put(**data: Any) -> Callable[[], None]:
    return lambda: flask.session.update(data)


def see(browser: Browser) -> dict[str, Any]:
    return browser.see(lambda: dict(flask.session))


def kind(browser: Browser) -> str:
    cookie = browser.get_cookie(browser.application.config["SESSION_COOKIE_NAME"])
    return "none" if cookie is None else "ours" if cookie.value.startswith("s%3A") else "flask's"


@pytest.fixture
def before(version: Version) -> Flask:
    return version()


@pytest.fixture
def prepare(version: Version) -> Flask:
    return version("prepare")


@pytest.fixture
def switch(version: Version) -> Flask:
    return version("switch")


@pytest.fixture
def back(version: Version) -> Flask:
    return version("return")


def test_the_prepared_version_and_the_former_one_share_a_session(
    before: Flask, prepare: Flask
) -> None:
    browser = browser_of(before)
    browser.run(put(user="ada"))

    browser = go(browser, prepare)
    assert see(browser) == {"user": "ada"}
    browser.run(put(cart=1))
    assert see(go(browser, before)) == {"user": "ada", "cart": 1}
    browser.run(lambda: flask.session.clear())

    assert see(go(browser, before)) == {}
    assert kind(browser) == "none"


def test_a_new_visitor_of_the_prepared_version_gets_a_session_of_the_former_kind(
    before: Flask, prepare: Flask, memory: MemoryStore
) -> None:
    browser = browser_of(prepare)
    browser.run(put(user="ada"))

    assert kind(browser) == "flask's"
    assert see(go(browser, before)) == {"user": "ada"}
    assert memory.count() == 0


def test_the_prepared_version_uses_the_sessions_that_were_taken_over(
    prepare: Flask, switch: Flask
) -> None:
    browser = browser_of(prepare)
    browser.run(put(user="ada"))
    go(browser, switch).run(put(cart=1))
    assert kind(browser) == "ours"

    assert see(browser) == {"user": "ada", "cart": 1}
    browser.run(put(cart=2))
    assert kind(browser) == "ours"
    assert see(go(browser, switch)) == {"user": "ada", "cart": 2}
    browser.run(lambda: session.destroy())

    assert see(go(browser, switch)) == {}


def test_a_cookie_that_was_taken_over_and_logged_out_is_refused_by_the_prepared_version(
    before: Flask, prepare: Flask, switch: Flask
) -> None:
    browser = browser_of(before)
    browser.run(put(user="ada"))
    cookie = browser.get_cookie("session")
    assert cookie is not None
    browser = go(browser, switch)
    browser.run(lambda: str(session.get("user")))
    browser.run(lambda: session.destroy())

    replayed = browser_of(prepare)
    replayed.set_cookie("session", cookie.value)

    assert see(replayed) == {}


def test_ending_the_sessions_of_a_user_counts_for_the_prepared_version(
    version: Version, before: Flask, memory: MemoryStore
) -> None:
    prepare = version("prepare", SESSION_STORE=memory)
    browser, other = browser_of(before), browser_of(before)
    browser.run(log_in)
    other.run(put(cart=1))

    manager_of(prepare).end_all("ada")

    browser = go(browser, prepare)
    assert "_user_id" not in see(browser)
    assert see(go(other, prepare)) == {"cart": 1}
    browser.run(log_in)
    assert see(go(browser, before))["_user_id"] == "ada"


@pytest.mark.parametrize("step", ["prepare", "return"])
def test_a_request_without_a_cookie_costs_no_trip_and_one_with_the_former_cookie_one(
    version: Version, step: str, store: CountingStore
) -> None:
    browser = browser_of(version(step))

    browser.run(put(cart=1))
    assert store.calls == []

    browser.run(lambda: None)
    assert store.calls == ["load"]


def test_a_store_that_fails_is_noticed_at_the_first_use(
    version: Version, before: Flask, memory: MemoryStore
) -> None:
    class Failing(CountingStore):
        def load(self, key: str) -> Any:
            raise StoreUnavailable("It is down.")

    browser = browser_of(before)
    browser.run(put(cart=1))
    browser = go(browser, version("prepare", SESSION_STORE=Failing(memory)))

    browser.run(lambda: None)
    with pytest.raises(StoreUnavailable):
        browser.run(put(cart=2))


def test_without_a_secret_there_is_no_session(version: Version) -> None:
    browser = browser_of(version("prepare", SECRET_KEY=None))

    with pytest.raises(RuntimeError, match="secret"):
        browser.run(put(cart=1))


def test_logins_of_flask_login_hold_at_every_step(
    before: Flask, prepare: Flask, switch: Flask, back: Flask
) -> None:
    browser = browser_of(before)
    for app in (before, prepare, switch):
        browser = go(browser, app)
        browser.run(log_in)
        for other in (before, prepare) if app is not switch else (switch, prepare):
            assert see(go(browser, other))["_user_id"] == "ada"
        browser.run(log_out)
        for other in (before, prepare, switch):
            assert "_user_id" not in see(go(browser, other))
    browser.run(log_in)

    assert see(go(browser, back))["_user_id"] == "ada"

    assert kind(browser) == "flask's"
    assert see(go(browser, before))["_user_id"] == "ada"
    assert "_login" not in see(go(browser, before))


def test_going_back_makes_a_session_one_of_the_former_kind(
    before: Flask, switch: Flask, back: Flask, memory: MemoryStore
) -> None:
    browser = browser_of(switch)
    browser.run(put(user="ada"))
    handle, ended = browser.see(lambda: session.handle), []

    def note(sender: Flask, **values: Any) -> None:
        ended.append((values["handle"], values["by"]))

    browser = go(browser, back)
    with signals.session_destroyed.connected_to(note, back):
        browser.run(put(cart=1))

    assert kind(browser) == "flask's"
    assert ended == [(handle, "return")]
    assert see(browser) == see(go(browser, before)) == {"user": "ada", "cart": 1}
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=6)):
        assert memory.count() == 0


def test_the_two_kinds_may_have_cookies_of_different_names(
    version: Version, before: Flask
) -> None:
    switch, prepare, back = (
        version(step, SESSION_PROFILE="express") for step in ("switch", "prepare", "return")
    )
    browser = browser_of(before)
    browser.run(put(user="ada"))
    for app in (prepare, switch, prepare):
        assert see(go(browser, app)) == {"user": "ada"}
    go(browser, switch).run(put(cart=1))
    assert see(go(browser, prepare)) == {"user": "ada", "cart": 1}

    assert see(go(browser, back)) == {"user": "ada", "cart": 1}

    assert browser.get_cookie("connect.sid") is None
    assert see(go(browser, before)) == {"user": "ada", "cart": 1}
    browser = go(browser, switch)
    assert see(browser) == {"user": "ada", "cart": 1}
    browser.run(lambda: session.destroy())
    assert see(go(browser, prepare)) == {}


def test_sessions_that_are_encrypted_move_and_go_back_too(
    version: Version, before: Flask, memory: MemoryStore
) -> None:
    config = {"SESSION_HASH_IDS": True, "SESSION_ENCRYPTION_KEYS": ["ab" * 32]}
    switch, prepare, back = (
        version(step, SESSION_STORE=memory, **config) for step in ("switch", "prepare", "return")
    )
    browser = browser_of(before)
    browser.run(log_in)
    assert see(go(browser, switch))["_user_id"] == "ada"
    assert see(go(browser, prepare))["_user_id"] == "ada"
    running = browser_of(prepare)
    running.hold(go(browser, prepare).sid or "")

    assert see(go(browser, back))["_user_id"] == "ada"

    assert see(running)["_user_id"] == "ada"
    assert see(go(browser, before))["_user_id"] == "ada"


def test_going_back_sends_the_cookie_once(switch: Flask, back: Flask) -> None:
    browser = browser_of(switch)
    browser.run(put(user="ada"))

    response = go(browser, back).run(put(cart=1))

    removed, kept = cookie_lines(response)
    assert removed.startswith("session=; ")
    assert not kept.startswith(("session=;", "session=s%3A"))
    assert response.headers["Vary"] == "Cookie"


@pytest.mark.parametrize("is_permanent", [True, False])
def test_a_permanent_session_stays_permanent_on_the_way_back(
    before: Flask, switch: Flask, back: Flask, is_permanent: bool
) -> None:
    def begin() -> None:
        session["user"] = "ada"
        session.permanent = is_permanent

    browser = browser_of(switch)
    browser.run(begin)
    browser = go(browser, back)
    browser.run(lambda: str(session["user"]))

    assert go(browser, before).see(lambda: flask.session.permanent) is is_permanent


def test_a_session_that_a_request_ignores_is_not_changed(switch: Flask, back: Flask) -> None:
    browser = browser_of(switch)
    browser.run(put(user="ada"))

    go(browser, back).run(lambda: None)
    go(browser, back).run(put(cart=1), headers={"Upgrade": "websocket"})

    assert kind(browser) == "ours"
    assert see(go(browser, switch)) == {"user": "ada", "cart": 1}


@pytest.mark.parametrize("grace", [0, 5])
def test_requests_that_still_run_read_the_session_that_went_back(
    version: Version, grace: int
) -> None:
    switch, back = (version(step, SESSION_REGENERATE_GRACE=grace) for step in ("switch", "return"))
    browser = browser_of(switch)
    browser.run(put(user="ada"))
    running = browser_of(back)
    running.hold(browser.sid or "")
    go(browser, back).run(lambda: str(session["user"]))

    seen = see(running)

    assert seen == ({"user": "ada"} if grace else {})
    if grace:
        running.run(put(lost=1))
        assert see(running) == {"user": "ada"}


@pytest.mark.parametrize("end", [lambda: session.clear(), lambda: session.destroy()])
def test_a_session_that_ends_does_not_go_back(
    switch: Flask, back: Flask, before: Flask, end: Any
) -> None:
    browser = browser_of(switch)
    browser.run(put(user="ada"))

    go(browser, back).run(end)

    assert kind(browser) == "none"
    assert see(go(browser, before)) == {}


def test_what_another_request_changed_meanwhile_goes_back_with_the_next_one(
    version: Version, switch: Flask, before: Flask
) -> None:
    class Slow(SecureCookieSessionInterface):
        is_slow = True

        def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
            super().save_session(app, session, response)
            if self.is_slow:
                self.is_slow = False
                twin.run(put(theirs=1))

    browser = browser_of(switch)
    browser.run(put(user="ada"))
    twin = browser.twin()
    browser = go(browser, version("return", Slow()))

    browser.run(put(mine=1))
    assert kind(browser) == "ours"
    browser.run(lambda: str(session["user"]))

    assert see(go(browser, before)) == {"user": "ada", "mine": 1, "theirs": 1}


@pytest.mark.parametrize(
    ("value", "why"), [({1, 2}, "TypeError"), (secrets.token_hex(4000), "too large for a cookie")]
)
@pytest.mark.filterwarnings("ignore:The 'session' cookie is too large")
def test_a_session_that_the_former_interface_cannot_keep_stays_in_the_store(
    switch: Flask, back: Flask, value: Any, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = browser_of(switch)
    browser.run(lambda: session.update(value=value))

    browser = go(browser, back)
    assert see(browser) == {"value": value}

    assert kind(browser) == "ours"
    assert see(browser) == {"value": value}
    assert caplog.text.count(why) == 1


def test_a_view_may_lose_its_changes_on_the_way_back(switch: Flask, back: Flask) -> None:
    browser = browser_of(switch)
    browser.run(put(user="ada"))

    def change_in_vain() -> None:
        session["user"] = "eve"
        session.unset()

    go(browser, back).run(change_in_vain)

    assert see(browser) == {"user": "ada"}


class Renewing(SecureCookieSessionInterface):
    """Gives a session a new id, as Flask-Session's interface does."""

    session_class = SecureCookieSession

    def regenerate(self, session: SessionMixin) -> None:
        session["id"] = "new"


def regenerate() -> None:
    cast(Any, flask.current_app.session_interface).regenerate(flask.session)


def test_regenerate_works_for_both_kinds_of_sessions(version: Version, switch: Flask) -> None:
    former, prepare = browser_of(switch), version("prepare", Renewing())
    browser = browser_of(prepare)
    browser.run(put(user="ada"))
    browser.run(regenerate)
    assert see(browser) == {"user": "ada", "id": "new"}

    for app in (switch, prepare):
        former = go(former, app)
        former.run(put(user="bob")) if app is switch else None
        sid = former.sid
        former.run(regenerate)
        assert former.sid != sid
        assert see(former) == {"user": "bob"}


def test_a_former_interface_that_fails_is_not_asked_to_save(version: Version) -> None:
    class Broken(SecureCookieSessionInterface):
        def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
            raise OSError("It is down.")

    app = version("prepare", Broken(), TESTING=False)
    app.after_request_funcs.clear()  # Flask-Login's would fail first

    assert browser_of(app).get("/").status_code == 500


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"SESSION_ADOPT": []}, "'prepare' and needs SESSION_ADOPT"),
        (
            {
                "SESSION_ADOPT": ["flask-session-pickle"],
                "SESSION_TYPE": "filesystem",
                "SESSION_FILE_DIR": "sessions",
            },
            r"Session\(app\) before ServerSession\(app\)",
        ),
        ({"SESSION_ADOPT_STEP": "wait"}, "'prepare', 'switch' or 'return'"),
    ],
)
def test_a_step_that_cannot_work_is_refused(
    version: Version, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        version("prepare", **config)
