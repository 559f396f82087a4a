"""``SESSION_LIMIT_PER_USER``: how many sessions a user has, and what becomes of one too many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from datetime import timezone
from typing import Any

import flask_login
import pytest
import time_machine
from flask import Flask
from flask.typing import ResponseReturnValue

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import SessionError
from flask_serversession import SessionLimitReached
from flask_serversession import SessionSerializationError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import logged_in
from .browser import session
from .conftest import MakeApp
from .counting import CountingStore

NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def make_limited(make_app: MakeApp, memory: MemoryStore) -> MakeApp:
    def make_limited(limit: Any = 2, **config: Any) -> Flask:
        return make_app(SESSION_STORE=memory, SESSION_LIMIT_PER_USER=limit, **config)

    return make_limited


def see_users(*browsers: Browser) -> list[str | None]:
    return [browser.see(lambda: session.user_id) for browser in browsers]


def test_the_oldest_session_ends_and_its_browser_can_be_told(make_limited: MakeApp) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        app = make_limited()
        oldest = logged_in(app)
        clock.shift(10)
        idlest = logged_in(app)
        clock.shift(3600)
        oldest.run(lambda: str(session.user_id))
        newest, bob = logged_in(app), logged_in(app, "bob")

        assert see_users(oldest, idlest, newest, bob) == [None, "ada", "ada", "bob"]
        assert oldest.see(lambda: session.ended_reason) == "limit"


def test_the_idlest_session_ends_if_that_is_configured(make_limited: MakeApp) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        app = make_limited(SESSION_ON_LIMIT="end_idlest")
        oldest = logged_in(app)
        clock.shift(10)
        idlest = logged_in(app)
        clock.shift(3600)
        oldest.run(lambda: str(session.user_id))
        newest = logged_in(app)

        assert see_users(oldest, idlest, newest) == ["ada", None, "ada"]


def test_a_login_is_refused_if_that_is_configured(make_limited: MakeApp) -> None:
    app = make_limited(SESSION_ON_LIMIT="refuse")
    one, other, third = logged_in(app), logged_in(app), browser_of(app)
    third.run(lambda: session.update(cart="apple"))
    before = third.sid

    answer = third.run(lambda: session.log_in("ada"))

    assert answer.status_code == 403
    assert see_users(one, other, third) == ["ada", "ada", None]
    assert third.data() == {"cart": "apple"}
    assert third.sid == before
    one.run(lambda: session.log_out())
    third.run(lambda: session.log_in("ada"))
    assert see_users(one, other, third) == [None, "ada", "ada"]


def test_an_application_can_answer_a_refusal_itself(make_limited: MakeApp) -> None:
    app = make_limited(1, SESSION_ON_LIMIT="refuse")

    @app.errorhandler(SessionLimitReached)
    def explain(error: SessionLimitReached) -> ResponseReturnValue:
        return "Log out on another device first.", 409

    logged_in(app)
    answer = browser_of(app).run(lambda: session.log_in("ada"))

    assert (answer.status_code, answer.text) == (409, "Log out on another device first.")


@pytest.mark.parametrize("on_limit", ["end_oldest", "end_idlest", "refuse"])
def test_a_session_that_logs_in_again_needs_no_room(make_limited: MakeApp, on_limit: str) -> None:
    app = make_limited(2, SESSION_ON_LIMIT=on_limit)
    one, other = logged_in(app), logged_in(app)

    for _ in range(3):
        one.run(lambda: session.log_in("ada"))

    assert see_users(one, other) == ["ada", "ada"]


def test_what_the_view_writes_after_the_login_is_stored_too(make_limited: MakeApp) -> None:
    browser = browser_of(make_limited())

    def log_in() -> None:
        session.log_in("ada")
        session["cart"] = "apple"

    browser.run(log_in)

    assert browser.data()["cart"] == "apple"
    assert see_users(browser) == ["ada"]


def test_a_lowered_limit_ends_all_that_are_too_many(make_limited: MakeApp) -> None:
    app = make_limited(5)
    browsers = [logged_in(app) for _ in range(5)]

    logged_in(make_limited(2))

    assert see_users(*browsers).count("ada") == 1


def test_a_function_of_the_user_may_give_the_limit(make_limited: MakeApp) -> None:
    app = make_limited({"ada": 1, "bob": None}.get)

    adas, bobs = [logged_in(app) for _ in range(3)], [logged_in(app, "bob") for _ in range(3)]

    assert see_users(*adas).count("ada") == 1
    assert see_users(*bobs).count("bob") == 3


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
def test_a_function_that_gives_no_limit_is_refused(make_limited: MakeApp, limit: Any) -> None:
    browser = browser_of(make_limited(lambda user_id: limit))

    with pytest.raises(ConfigError, match="SESSION_LIMIT_PER_USER must return an int above 0"):
        browser.run(lambda: session.log_in("ada"))


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
def test_a_limit_that_is_not_a_positive_int_is_refused(make_limited: MakeApp, limit: Any) -> None:
    with pytest.raises(ConfigError, match="SESSION_LIMIT_PER_USER"):
        make_limited(limit)


def test_a_store_that_cannot_find_a_users_sessions_is_refused_by_name(
    make_app: MakeApp, store: CountingStore
) -> None:
    with pytest.raises(ConfigError, match="CountingStore cannot find the sessions of a user"):
        make_app(SESSION_STORE=store, SESSION_LIMIT_PER_USER=3)


def test_sessions_in_cookies_cannot_be_limited() -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="k" * 32, SESSION_STORE="cookie", SESSION_LIMIT_PER_USER=3)

    with pytest.raises(ConfigError, match="cannot be used: SESSION_STORE is 'cookie'"):
        ServerSession(app)


@pytest.mark.parametrize("on_limit", ["end_oldest", "refuse"])
@pytest.mark.parametrize(("grace", "is_late"), [(0, False), (5, False), (5, True)])
def test_a_login_form_that_is_sent_twice_ends_no_session(
    make_limited: MakeApp, on_limit: str, grace: int, is_late: bool
) -> None:
    app = make_limited(1, SESSION_ON_LIMIT=on_limit, SESSION_REGENERATE_GRACE=grace)
    browser = browser_of(app)
    browser.run(lambda: session.update(csrf_token="a"))
    twin = browser.twin()

    def log_in_after_the_other() -> None:
        assert is_late or session["csrf_token"] == "a"
        browser.run(lambda: session.log_in("ada"))
        session.log_in("ada")

    assert twin.run(log_in_after_the_other).status_code == 200

    assert see_users(browser) == ["ada"]


def test_a_login_that_drops_the_data_of_another_user_needs_room(make_limited: MakeApp) -> None:
    app = make_limited(1)
    ada, bob = logged_in(app), logged_in(app, "bob")

    bob.run(lambda: session.log_in("ada"))

    assert see_users(ada, bob) == [None, "ada"]


def test_a_login_after_clear_counts_even_if_the_old_session_was_ended_elsewhere(
    make_limited: MakeApp,
) -> None:
    app = make_limited(1)
    browser, ada = browser_of(app), logged_in(app)
    browser.run(lambda: session.update(cart="apple"))
    twin = browser.twin()

    def log_in_anew() -> None:
        session.clear()
        twin.run(lambda: session.destroy())
        session.log_in("ada")

    browser.run(log_in_anew)

    assert see_users(ada, browser) == [None, "ada"]


def test_a_login_that_no_cookie_can_carry_ends_no_other(make_limited: MakeApp) -> None:
    app = make_limited(1)
    browser = logged_in(app)

    with pytest.raises(SessionError, match="cannot be saved from a WebSocket"):
        browser_of(app).run(
            lambda: session.log_in("ada"), environ_overrides={"HTTP_UPGRADE": "websocket"}
        )

    assert see_users(browser) == ["ada"]


def test_a_login_in_a_session_that_cannot_be_stored_ends_no_other(make_limited: MakeApp) -> None:
    app = make_limited(1)
    browser = logged_in(app)

    def log_in() -> None:
        session["cart"] = object()
        with pytest.raises(SessionSerializationError):
            session.log_in("ada")
        assert session.user_id is None
        del session["cart"]

    browser_of(app).run(log_in)

    assert see_users(browser) == ["ada"]


@pytest.mark.parametrize("on_limit", ["end_oldest", "end_idlest", "refuse"])
def test_logins_at_once_never_leave_one_too_many(
    make_limited: MakeApp, on_limit: str, memory: MemoryStore
) -> None:
    app = make_limited(3, SESSION_ON_LIMIT=on_limit)

    def log_in(_: int) -> int:
        return browser_of(app).run(lambda: session.log_in("ada")).status_code

    with ThreadPoolExecutor(6) as pool:  # no more may wait in one process
        statuses = list(pool.map(log_in, range(32)))

    assert len(manager_of(app).sessions_of("ada")) == 3
    assert statuses.count(200) == (3 if on_limit == "refuse" else 32)


class User(flask_login.UserMixin):  # type: ignore[misc] # it has no types
    id = "ada"


def use_flask_login(app: Flask) -> None:
    users = flask_login.LoginManager(app)
    users.user_loader(lambda user_id: User())


def is_authenticated() -> str:
    return str(flask_login.current_user.is_authenticated)


def test_flask_login_forgets_a_login_that_is_refused(make_limited: MakeApp) -> None:
    app = make_limited(1, SESSION_ON_LIMIT="refuse")
    use_flask_login(app)
    logged_in(app)
    browser = browser_of(app)

    def log_in() -> ResponseReturnValue:
        try:
            flask_login.login_user(User(), remember=True)
        except SessionLimitReached:
            return is_authenticated()
        return "logged in"

    assert browser.run(log_in).text == "False"
    assert browser.get_cookie("remember_token") is None
    assert browser.see(lambda: dict(session)) == {}
    assert browser.see(is_authenticated) == "False"


def test_a_remembered_browser_whose_login_is_refused_still_gets_pages(
    make_limited: MakeApp,
) -> None:
    app = make_limited(1, SESSION_ON_LIMIT="refuse")
    use_flask_login(app)

    @app.errorhandler(SessionLimitReached)
    def explain(error: SessionLimitReached) -> ResponseReturnValue:
        return f"too many, {is_authenticated()}", 403

    browser = browser_of(app)
    browser.run(lambda: str(flask_login.login_user(User(), remember=True)))
    browser.delete_cookie("session")
    manager_of(app).end_all("ada")
    logged_in(app)

    assert browser.run(is_authenticated).text == "too many, False"
    assert browser.run(is_authenticated).text == "False"
