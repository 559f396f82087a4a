"""A store that does not answer: the view gets an error, and nobody is logged out."""

from __future__ import annotations

import socketserver
import sqlite3
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse

from flask_serversession import session_store_error
from flask_serversession import StoreError
from flask_serversession import StoreUnavailable
from flask_serversession.stores.base import Record
from flask_serversession.stores.base import Refusal
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp

PROFILES = [{"SESSION_PROFILE": "flask"}, {"SESSION_PROFILE": "express"}]
SID = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"


class HangUp(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, DeadServer)
        self.server.attempts += 1


class DeadServer(socketserver.TCPServer):
    """Closes every connection at once and counts them."""

    attempts = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[DeadServer]:
    with DeadServer(("127.0.0.1", 0), HangUp) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def make_dead_app(make_app: MakeApp, server: DeadServer) -> Iterator[MakeApp]:
    """Make an application whose store is down. Its errors are 500 responses."""
    apps: list[Flask] = []

    def make_dead_app(**config: Any) -> Flask:
        app = make_app(SESSION_STORE=server.url, PROPAGATE_EXCEPTIONS=False, **config)
        apps.append(app)
        return app

    yield make_dead_app
    for app in apps:
        app.extensions["serversession"].close()


@pytest.fixture(params=PROFILES, ids=["flask", "express"])
def app(request: pytest.FixtureRequest, make_dead_app: MakeApp) -> Flask:
    return make_dead_app(**request.param)


@pytest.fixture
def member(app: Flask) -> Browser:
    """A browser with a valid cookie."""
    browser = browser_of(app)
    browser.hold(SID)
    return browser


def test_reading_the_session_raises_in_the_view(make_dead_app: MakeApp) -> None:
    browser = browser_of(make_dead_app())
    browser.hold(SID)

    def read() -> str:
        with pytest.raises(StoreUnavailable, match="SESSION_STORE"):
            session.get("user")
        return "caught"

    assert browser.run(read).text == "caught"


def test_an_error_handler_of_the_application_can_answer(app: Flask, member: Browser) -> None:
    app.register_error_handler(StoreUnavailable, apologise)

    response = member.run(lambda: session.get("user"))

    assert (response.status_code, response.text) == (503, "Come back later")


def test_the_browser_keeps_its_cookie(app: Flask, member: Browser) -> None:
    app.register_error_handler(StoreUnavailable, apologise)

    response = member.run(lambda: session.get("user"))

    assert cookie_lines(response) == []
    assert member.sid == SID


def test_the_response_without_a_handler_is_a_500_without_a_cookie(member: Browser) -> None:
    assert_failed_without_cookie(member.run(lambda: session.get("user")))


def test_a_page_whose_user_is_not_known_keeps_its_cache_control(make_dead_app: MakeApp) -> None:
    browser = browser_of(
        make_dead_app(SESSION_STORE_ERROR="null", SESSION_CACHE_CONTROL="no-store")
    )
    browser.hold(SID)

    def page() -> ResponseReturnValue:
        return str(session.get("user")), {"Cache-Control": "max-age=60"}

    assert browser.run(page).headers["Cache-Control"] == "max-age=60"


def test_the_store_is_called_once_a_request(
    app: Flask, member: Browser, server: DeadServer
) -> None:
    def apologise_with_a_session(error: Exception) -> ResponseReturnValue:
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                session.get("theme")
        return "Come back later", 503

    app.register_error_handler(StoreUnavailable, apologise_with_a_session)

    response = member.run(lambda: session.get("user"))

    assert (response.status_code, server.attempts) == (503, 1)


def test_the_next_request_calls_the_store_again(member: Browser, server: DeadServer) -> None:
    member.run(lambda: session.get("user"))
    member.run(lambda: session.get("user"))

    assert server.attempts == 2


def test_a_new_session_that_cannot_be_stored_is_a_500_without_a_cookie(
    app: Flask, server: DeadServer
) -> None:
    response = browser_of(app).run(lambda: session.update(user="ada"))

    assert_failed_without_cookie(response)
    assert server.attempts == 1


def test_the_signal_is_sent_once_a_request(app: Flask, member: Browser) -> None:
    heard: list[StoreError] = []

    def hear(sender: Flask, error: StoreError, **extra: Any) -> None:
        heard.append(error)

    with session_store_error.connected_to(hear, sender=app):
        member.run(lambda: session.get("user"))

    assert [type(error) for error in heard] == [StoreUnavailable]


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(lambda: session.destroy(), id="destroy"),
        pytest.param(lambda: session.regenerate(), id="regenerate"),
        pytest.param(lambda: session.regenerate(keep_data=True), id="regenerate, keeping data"),
        pytest.param(lambda: session.touch(), id="touch"),
        pytest.param(lambda: session.save(), id="save"),
        pytest.param(lambda: session.reload(), id="reload"),
        pytest.param(lambda: session.unset(), id="unset"),
        pytest.param(lambda: session.id, id="id"),
        pytest.param(lambda: setattr(session, "permanent", True), id="permanent"),
    ],
)
class TestVerbs:
    def test_each_verb_raises(self, make_dead_app: MakeApp, verb: Callable[[], object]) -> None:
        browser = browser_of(make_dead_app())
        browser.hold(SID)

        def use() -> str:
            with pytest.raises(StoreUnavailable):
                verb()
            return "caught"

        assert browser.run(use).text == "caught"

    def test_each_verb_raises_again_without_a_second_call(
        self, make_dead_app: MakeApp, server: DeadServer, verb: Callable[[], object]
    ) -> None:
        browser = browser_of(make_dead_app())
        browser.hold(SID)

        def use_twice() -> str:
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    verb()
            return "caught"

        assert (browser.run(use_twice).text, server.attempts) == ("caught", 1)


def test_the_flask_profile_answers_a_request_that_ignores_its_session(
    make_dead_app: MakeApp, server: DeadServer
) -> None:
    browser = browser_of(make_dead_app())
    browser.hold(SID)

    response = browser.run(lambda: "hello")

    assert (response.text, server.attempts) == ("hello", 0)


def test_the_express_profile_fails_before_the_view(
    make_dead_app: MakeApp, server: DeadServer
) -> None:
    browser = browser_of(make_dead_app(SESSION_PROFILE="express"))
    browser.hold(SID)
    ran: list[str] = []

    response = browser.run(lambda: ran.append("view"))

    assert (response.status_code, ran, server.attempts) == (500, [], 1)


class TestSaveOfALoadedSession:
    """The store answers when the request starts and fails when it ends."""

    @pytest.fixture
    def database(self, tmp_path: Path) -> Path:
        return tmp_path / "sessions.db"

    @pytest.fixture
    def member(self, make_app: MakeApp, database: Path) -> Iterator[Browser]:
        app = make_app(
            SESSION_STORE=f"sqlite:///{database}",
            PROPAGATE_EXCEPTIONS=False,
        )
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada"))
        yield browser
        app.extensions["serversession"].close()

    def test_a_failure_at_the_end_of_the_request_is_a_500_without_a_cookie(
        self, member: Browser, database: Path
    ) -> None:
        def change_and_break_the_table() -> None:
            session["user"] = "bob"
            break_the_table(database)

        assert_failed_without_cookie(member.run(change_and_break_the_table))

    def test_an_explicit_save_raises_in_the_view(self, member: Browser, database: Path) -> None:
        def save_and_catch() -> str:
            session["user"] = "bob"
            break_the_table(database)
            with pytest.raises(StoreError):
                session.save()
            return "caught"

        response = member.run(save_and_catch)

        assert (response.text, cookie_lines(response)) == ("caught", [])


def break_the_table(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE server_sessions RENAME COLUMN payload TO lost")


def apologise(error: Exception) -> ResponseReturnValue:
    return "Come back later", 503


def assert_failed_without_cookie(response: TestResponse) -> None:
    assert (response.status_code, cookie_lines(response)) == (500, [])


class TestNull:
    """``SESSION_STORE_ERROR = "null"``: requests that only read are answered."""

    @pytest.fixture(params=PROFILES, ids=["flask", "express"])
    def app(self, request: pytest.FixtureRequest, make_dead_app: MakeApp) -> Flask:
        return make_dead_app(SESSION_STORE_ERROR="null", **request.param)

    def test_a_session_reads_as_empty(self, member: Browser, server: DeadServer) -> None:
        def read() -> str:
            assert session.get("user") is None
            assert "user" not in session
            assert session.new
            assert not session.modified
            assert not session.permanent
            assert session.copy() == {}
            return "hello"

        response = member.run(read)

        assert response.text == "hello"
        assert cookie_lines(response) == []
        assert member.sid == SID
        assert server.attempts == 1

    @pytest.mark.parametrize(
        "write",
        [
            lambda: session.update(user="eve"),
            lambda: session.setdefault("user", "eve"),
            lambda: session.clear(),
            lambda: session.destroy(),
            lambda: session.regenerate(),
            lambda: session.regenerate(keep_data=True),
            lambda: session.reload(),
            lambda: session.save(),
            lambda: session.lock().__enter__(),
            lambda: session.id,
        ],
    )
    def test_each_verb_that_needs_the_store_raises(
        self, member: Browser, server: DeadServer, write: Callable[[], object]
    ) -> None:
        def view() -> str:
            session.get("user")
            with pytest.raises(StoreUnavailable):
                write()
            return "caught"

        response = member.run(view)

        assert response.text == "caught"
        assert cookie_lines(response) == []
        assert server.attempts == 1

    def test_an_unhandled_write_is_a_500_and_no_logout(self, member: Browser) -> None:
        response = member.run(lambda: session.update(user="eve"))

        assert response.status_code == 500
        assert cookie_lines(response) == []
        assert member.sid == SID


@pytest.mark.parametrize(
    ("view", "status"),
    [
        pytest.param(lambda: session["user"], 200, id="a read whose touch is due"),
        pytest.param(lambda: session.touch(), 500, id="a touch that was asked for"),
        pytest.param(lambda: session.update(user="eve"), 500, id="a write"),
    ],
)
def test_a_store_that_takes_no_writes_still_answers_readers(
    make_app: MakeApp, view: Callable[[], object], status: int
) -> None:
    failover = StoreUnavailable("a replica now")
    failover.is_read_only = True

    class Demoted(MemoryStore):
        def touch(self, key: str, expires_at: datetime) -> bool:
            raise failover

        def save(self, key: str, record: Record, **options: Any) -> Refusal | None:
            raise failover

    app = make_app(SESSION_STORE=Demoted(), SESSION_TOUCH_INTERVAL=0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada"))

    response = browser.run(view)

    assert response.status_code == status
    assert cookie_lines(response) == []


def test_a_failing_touch_fails_a_request_unless_reads_may_fail(make_app: MakeApp) -> None:
    class Fading(MemoryStore):
        def touch(self, key: str, expires_at: datetime) -> bool:
            raise StoreUnavailable("not any more")

    def reader(**config: Any) -> Browser:
        browser = browser_of(make_app(SESSION_STORE=Fading(), SESSION_TOUCH_INTERVAL=0, **config))
        browser.run(lambda: session.update(user="ada"))
        return browser

    browser = reader(SESSION_STORE_ERROR="null")
    assert browser.run(lambda: session["user"]).text == "ada"
    browser = reader()
    with pytest.raises(StoreUnavailable):
        browser.run(lambda: session["user"])


@pytest.mark.parametrize("where", ["view", "end of the request"])
def test_a_page_for_the_error_can_read_the_session_which_is_empty(
    app: Flask, server: DeadServer, where: str
) -> None:
    @app.errorhandler(500)
    def page(error: Exception) -> ResponseReturnValue:
        return f"{session.get('user', 'nobody')} {len(session)} {session.new}", 500

    def view() -> None:
        if where == "view":
            session["user"] = "ada"
        else:
            session.modified = True

    browser = browser_of(app)
    browser.hold(SID)
    response = browser.run(view)

    assert (response.status_code, response.text) == (500, "nobody 0 True")
    assert cookie_lines(response) == []
    assert server.attempts == 1


def test_a_page_for_the_error_cannot_write_to_the_session(app: Flask) -> None:
    refused: list[StoreError] = []

    @app.errorhandler(500)
    def page(error: Exception) -> ResponseReturnValue:
        with pytest.raises(StoreError) as raised:
            session["seen"] = True
        refused.append(raised.value)
        return "sorry", 500

    browser = browser_of(app)
    browser.hold(SID)

    assert browser.run(lambda: session.get("user")).text == "sorry"
    assert len(refused) == 1


def test_a_page_for_a_stores_error_is_shown_outside_the_cookies_path_too(
    make_app: MakeApp,
) -> None:
    app = make_app(SESSION_COOKIE_PATH="/shop", PROPAGATE_EXCEPTIONS=False)

    @app.errorhandler(500)
    def page(error: Exception) -> ResponseReturnValue:
        return f"{len(session)} keys", 500

    def fail() -> None:
        raise StoreUnavailable("The application's own use of a store failed.")

    response = browser_of(app).run(fail)

    assert (response.status_code, response.text) == (500, "0 keys")
