"""``ServerSession``: the config it accepts, refuses and warns about."""

from __future__ import annotations

import logging
import re
import socket
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import flask
import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

import flask_serversession
from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import SessionManager
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore

#: The one on the page of the documentation.
[PUBLISHED_KEY] = re.findall(
    'KEY = "([0-9a-f]{64})"',
    (Path(__file__).parents[2] / "docs/howto/encrypt-at-rest.rst").read_text("utf-8"),
)


def flask_app(**config: Any) -> Flask:
    """Return an application without the extension."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True)
    app.config.update(config)
    return app


class TestInitApp:
    def test_one_extension_serves_applications_with_different_configs(self) -> None:
        extension = ServerSession()
        one = flask_app(SESSION_PROFILE="flask")
        other = flask_app(SESSION_PROFILE="express")
        for app in (one, other):
            extension.init_app(app)
            serve_browsers(app)

        assert cookie_lines(browser_of(one).run(lambda: None)) == []
        assert cookie_lines(browser_of(other).run(lambda: None))[0].startswith("connect.sid=")

    def test_the_extension_keeps_no_state_of_an_application(self) -> None:
        assert vars(ServerSession(flask_app())) == {}

    def test_the_manager_is_in_app_extensions(self, app: Flask, store: CountingStore) -> None:
        manager = app.extensions["serversession"]

        assert isinstance(manager, SessionManager)
        assert manager.store is store
        assert manager_of(app) is manager

    def test_an_application_without_sessions_has_no_manager(self) -> None:
        with pytest.raises(ConfigError, match="call ServerSession"):
            manager_of(flask_app())

    def test_the_typed_session_is_that_of_flask(self, app: Flask) -> None:
        assert flask_serversession.session is flask.session

    def test_a_second_init_app_is_refused(self, app: Flask) -> None:
        with pytest.raises(ConfigError, match="already"):
            ServerSession(app)

    def test_what_is_not_a_flask_application_is_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"not an object of type builtins\.dict\."):
            ServerSession({"config": {}})  # type: ignore[arg-type]

    def test_a_key_of_this_extension_is_read_once(self, app: Flask, store: CountingStore) -> None:
        app.config["SESSION_SAVE_UNINITIALIZED"] = True

        browser_of(app).run(lambda: None)

        assert store.calls == []

    @pytest.mark.parametrize(
        "mode",
        [{"TESTING": True}, {"TESTING": False, "DEBUG": True}, {"SESSION_PROFILE": "express"}],
        ids=str,
    )
    def test_a_cookie_that_browsers_reject_is_logged_with_the_reason(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture, mode: dict[str, Any]
    ) -> None:
        make_app(SESSION_COOKIE_SAMESITE="None", **mode)

        [line] = caplog.messages
        assert "SameSite=None needs SESSION_COOKIE_SECURE" in line

    @pytest.mark.parametrize(
        "config",
        [
            {"SESSION_COOKIE_SAMESITE": "None"},
            {"SESSION_COOKIE_PARTITIONED": True},
            {"SESSION_COOKIE_NAME": "__Host-shop"},
            {"SESSION_COOKIE_NAME": "__Secure-shop"},
            {
                "SESSION_COOKIE_NAME": "__Host-shop",
                "SESSION_COOKIE_SECURE": True,
                "SESSION_COOKIE_DOMAIN": "example.com",
            },
        ],
        ids=str,
    )
    def test_a_cookie_that_browsers_reject_is_refused_in_production(
        self, config: dict[str, Any]
    ) -> None:
        with pytest.raises(ConfigError, match="No browser keeps this application's session"):
            ServerSession(flask_app(TESTING=False, SESSION_STORE=MemoryStore(), **config))

    @pytest.mark.parametrize(
        "config",
        [
            {"SESSION_COOKIE_SECURE": "auto"},
            {"SESSION_COOKIE_OPTIONS": lambda request: {"secure": True}},
            {"SESSION_STORE": "cookie"},  # secure as soon as the connection is
        ],
        ids=lambda config: next(iter(config)),
    )
    def test_a_cookie_that_browsers_may_accept_is_not_logged(
        self, make_app: MakeApp, caplog: pytest.LogCaptureFixture, config: dict[str, Any]
    ) -> None:
        make_app(SESSION_COOKIE_SAMESITE="None", **config)

        assert caplog.messages == []

    def test_init_app_does_not_connect(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            ServerSession(flask_app(SESSION_STORE=f"redis://127.0.0.1:{_port(server)}"))

            with pytest.raises(BlockingIOError):
                server.accept()


class TestSecret:
    def test_the_secret_may_be_set_after_the_extension(self, make_app: MakeApp) -> None:
        app = make_app(SECRET_KEY=None)
        app.secret_key = "set in the next line"
        browser = browser_of(app)

        browser.run(lambda: session.update(user="ada"))

        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_write_without_a_secret_says_what_to_set(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SECRET_KEY=None)

        with pytest.raises(ConfigError, match=r"Set app\.secret_key"):
            browser.run(lambda: session.update(user="ada"))

    def test_a_write_without_a_secret_raises_in_the_view(self, make_browser: MakeBrowser) -> None:
        def write() -> str:
            with pytest.raises(ConfigError):
                session["user"] = "ada"
            return "caught"

        assert make_browser(SECRET_KEY=None).run(write).text == "caught"

    def test_a_request_that_ignores_its_session_needs_no_secret(
        self, make_browser: MakeBrowser
    ) -> None:
        assert make_browser(SECRET_KEY=None).run(lambda: "hello").text == "hello"

    def test_a_cookie_signed_with_a_fallback_key_is_accepted(self, make_app: MakeApp) -> None:
        browser = visitor_of_two(
            make_app(SECRET_KEY="old"), make_app(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"])
        )

        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_cookie_signed_with_a_fallback_key_is_next_sent_with_the_new_one(
        self, make_app: MakeApp
    ) -> None:
        only_new = make_app(SECRET_KEY="new")
        browser = visitor_of_two(
            make_app(SECRET_KEY="old"), make_app(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"])
        )
        browser.run(lambda: setattr(session, "permanent", True))

        assert after_moving(browser, only_new).see(lambda: session["user"]) == "ada"

    def test_a_cookie_signed_with_an_unknown_key_is_ignored(self, make_app: MakeApp) -> None:
        browser = visitor_of_two(make_app(SECRET_KEY="old"), make_app(SECRET_KEY="new"))

        assert browser.data() == {}

    def test_session_secret_takes_precedence_over_secret_key(self, make_app: MakeApp) -> None:
        browser = visitor_of_two(
            make_app(SESSION_SECRET="own", SECRET_KEY="flask's"), make_app(SECRET_KEY="own")
        )

        assert browser.see(lambda: session["user"]) == "ada"

    def test_the_first_of_several_secrets_signs(self, make_app: MakeApp) -> None:
        browser = visitor_of_two(
            make_app(SESSION_SECRET=["first", b"second"]), make_app(SESSION_SECRET=b"first")
        )

        assert browser.see(lambda: session["user"]) == "ada"

    def test_each_of_several_secrets_verifies(self, make_app: MakeApp) -> None:
        browser = visitor_of_two(
            make_app(SESSION_SECRET="second"), make_app(SESSION_SECRET=["first", "second"])
        )

        assert browser.see(lambda: session["user"]) == "ada"

    @pytest.mark.parametrize("fallbacks", [[""], "old", [None], [b""]])
    def test_an_unusable_fallback_is_refused(self, make_app: MakeApp, fallbacks: object) -> None:
        with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS"):
            make_app(SECRET_KEY_FALLBACKS=fallbacks)

    @pytest.mark.parametrize(
        ("key", "advice"), [(12345, "from_prefixed_env"), (["a", "list"], "str or bytes")]
    )
    def test_a_key_of_another_type_is_refused_at_start_up(
        self, make_app: MakeApp, key: object, advice: str
    ) -> None:
        with pytest.raises(ConfigError, match=advice):
            make_app(SECRET_KEY=key)


class TestStore:
    def test_a_name_makes_a_store_with_the_given_options(self) -> None:
        app = flask_app(SESSION_STORE="memory", SESSION_STORE_OPTIONS={"max_records": 1})
        ServerSession(app)
        serve_browsers(app)
        first, second = browser_of(app), browser_of(app)
        first.run(lambda: session.update(user="ada"))
        second.run(lambda: session.update(user="bob"))

        assert first.data() == {}
        assert second.see(lambda: session["user"]) == "bob"

    def test_a_url_makes_a_store_that_two_applications_share(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
        one, other = flask_app(SESSION_STORE=url), flask_app(SESSION_STORE=url)
        for app in (one, other):
            ServerSession(app)
            serve_browsers(app)
        browser = visitor_of_two(one, other)

        assert browser.see(lambda: session["user"]) == "ada"
        for app in (one, other):
            app.extensions["serversession"].close()

    def test_any_object_with_the_five_verbs_is_used_as_the_store(
        self, make_browser: MakeBrowser, store: CountingStore
    ) -> None:
        browser = make_browser(SESSION_STORE=store)

        browser.run(lambda: session.update(user="ada"))

        assert store.calls == ["create"]

    def test_closing_the_manager_of_a_store_without_connections_does_nothing(
        self, app: Flask
    ) -> None:
        app.extensions["serversession"].close()

        assert browser_of(app).data() == {}

    def test_the_applications_sqlalchemy_object_is_used_as_the_store(self, tmp_path: Path) -> None:
        db = SQLAlchemy()
        app = flask_app(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'app.db'}", SESSION_STORE=db
        )
        db.init_app(app)
        ServerSession(app)
        serve_browsers(app)
        browser = browser_of(app)

        browser.run(lambda: session.update(user="ada"))

        assert browser.see(lambda: session["user"]) == "ada"
        with app.app_context():
            db.engine.dispose()

    @pytest.mark.parametrize("name", ["the object", "a bind"])
    def test_flask_sqlalchemy_is_found_outside_an_application_context(
        self, name: str, tmp_path: Path
    ) -> None:
        db = SQLAlchemy()
        stores = {"the object": db, "a bind": SQLAlchemyStore(lambda: db.engines["sessions"])}
        app = flask_app(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'app.db'}",
            SQLALCHEMY_BINDS={"sessions": f"sqlite:///{tmp_path / 'sessions.db'}"},
            SESSION_STORE=stores[name],
        )
        db.init_app(app)
        ServerSession(app)
        manager = app.extensions["serversession"]

        assert manager.load("an id that nobody has") is None
        assert manager.destroy("an id that nobody has") is False
        assert manager.store.prune() == 0
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()

    def test_a_request_that_finds_the_engine_is_not_torn_down_early(self, tmp_path: Path) -> None:
        db, ended = SQLAlchemy(), list[str]()
        app = flask_app(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'app.db'}", SESSION_STORE=db
        )
        db.init_app(app)
        ServerSession(app)
        app.teardown_appcontext(lambda _: ended.append("context"))

        with app.app_context():
            app.extensions["serversession"].load("an id that nobody has")
            assert ended == []
            db.engine.dispose()

    @pytest.mark.parametrize(
        ("config", "advice"),
        [
            ({"SESSION_STORE": "memroy"}, "Did you mean 'memory'"),
            ({"SESSION_STORE": "rediss2://localhost"}, "Did you mean 'rediss'"),
            ({"SESSION_STORE": 42}, "load, create, save, touch and delete"),
            ({"SESSION_STORE_OPTIONS": {"size": 1}}, "size"),
            (
                {"SESSION_STORE": MemoryStore(), "SESSION_STORE_OPTIONS": {"max_records": 1}},
                "pass the options to the store itself",
            ),
        ],
    )
    def test_an_invalid_store_is_refused_with_advice(
        self, config: dict[str, Any], advice: str
    ) -> None:
        with pytest.raises(ConfigError, match=advice):
            ServerSession(flask_app(**config))

    def test_the_default_memory_store_is_warned_about_once_in_production(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            ServerSession(flask_app(TESTING=False, SECRET_KEY=token_hex()))

        [record] = caplog.records
        assert "Set SESSION_STORE" in record.getMessage()

    @pytest.mark.parametrize("config", [{"TESTING": True}, {"TESTING": False, "DEBUG": True}])
    def test_the_default_memory_store_is_not_warned_about_in_development(
        self, config: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        ServerSession(flask_app(**config))

        assert caplog.records == []


def warnings_of(caplog: pytest.LogCaptureFixture, **config: Any) -> list[str]:
    """Return what an application in production is told at start-up."""
    safe = {"SECRET_KEY": token_hex(), "SESSION_STORE": CountingStore(MemoryStore())}
    ServerSession(flask_app(TESTING=False, **{**safe, **config}))
    return caplog.messages


class TestInsecureSettings:
    @pytest.mark.parametrize(
        "secret",
        ["dev", "fifteen bytes!!", "please-CHANGE me! please", b'_5#y2L"F4Q8z\n\xec]/', "ä" * 7],
    )
    @pytest.mark.parametrize("key", ["SECRET_KEY", "SESSION_SECRET"])
    def test_a_weak_secret_is_logged_and_not_shown(
        self, caplog: pytest.LogCaptureFixture, key: str, secret: str | bytes
    ) -> None:
        [line] = warnings_of(caplog, **{key: secret})

        assert line.startswith(f"{key} has a secret")
        assert str(secret) not in line

    def test_a_weak_secret_that_is_set_later_is_logged_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = flask_app(TESTING=False, SECRET_KEY=None, SESSION_STORE=MemoryStore())
        ServerSession(app)
        serve_browsers(app)
        app.secret_key = "weak"
        caplog.clear()

        for _ in range(2):
            browser_of(app).run(lambda: session.update(user="ada"))

        assert len(caplog.messages) == 1

    def test_a_list_given_as_text_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        [line] = warnings_of(caplog, SESSION_SECRET=f'["{token_hex()}", "{token_hex()}"]')

        assert (
            line
            == "SESSION_SECRET is text that looks like a list; give a list to use several secrets."
        )

    @pytest.mark.parametrize("key", ["0" * 64, "0f" * 32, "deadbeef" * 8, PUBLISHED_KEY])
    def test_an_encryption_key_that_is_not_random_is_logged_and_not_shown(
        self, caplog: pytest.LogCaptureFixture, key: str
    ) -> None:
        [line] = warnings_of(caplog, SESSION_ENCRYPTION_KEYS=[token_hex(), None, key])

        assert line.startswith("Key 3 of SESSION_ENCRYPTION_KEYS is not random.")
        assert key not in line

    @pytest.mark.parametrize("spelled", [str, str.upper, bytes.fromhex])
    def test_a_secret_that_is_an_encryption_key_too_is_logged_and_not_shown(
        self, caplog: pytest.LogCaptureFixture, spelled: Callable[[str], str | bytes]
    ) -> None:
        key = token_hex()
        [line] = warnings_of(
            caplog, SECRET_KEY=spelled(key), SESSION_ENCRYPTION_KEYS=[token_hex(), None, key]
        )

        assert line.startswith("SECRET_KEY has a secret that is one of SESSION_ENCRYPTION_KEYS")
        assert key not in line.lower()

    def test_a_weak_fallback_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        assert len(warnings_of(caplog, SECRET_KEY_FALLBACKS=["weak"])) == 1

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("SESSION_COOKIE_MAX_AGE", timedelta(days=401)),
            ("SESSION_COOKIE_MAX_AGE", 86_400_000),
            ("SESSION_COOKIE_MAX_AGE", 1_800_000),
            ("PERMANENT_SESSION_LIFETIME", timedelta(days=500)),
            ("SESSION_IDLE_TIMEOUT", 3_600_000),
            ("SESSION_IDLE_TIMEOUT", 30),
            ("SESSION_ABSOLUTE_TIMEOUT", 43_200_000),
            ("SESSION_FIRST_LIFETIME", 10),
            ("SESSION_TOUCH_INTERVAL", timedelta(hours=13)),
        ],
    )
    def test_an_age_that_cannot_be_meant_is_logged_with_its_key(
        self, caplog: pytest.LogCaptureFixture, key: str, value: object
    ) -> None:
        [line] = warnings_of(caplog, **{key: value})

        assert line.startswith(key)

    def test_an_idle_timeout_that_ends_no_session_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        [line] = warnings_of(caplog, SESSION_ABSOLUTE_TIMEOUT=timedelta(hours=12))

        assert line.startswith("SESSION_IDLE_TIMEOUT is longer than SESSION_ABSOLUTE_TIMEOUT")

    @pytest.mark.parametrize(
        "config",
        [
            {"SESSION_COOKIE_MAX_AGE": timedelta(days=400)},
            {"SESSION_COOKIE_MAX_AGE": timedelta(days=30)},
            {"SESSION_COOKIE_MAX_AGE": 1000},
            {"SESSION_IDLE_TIMEOUT": timedelta(days=365)},
            {"SESSION_TOUCH_INTERVAL": timedelta(hours=12)},
            {"SESSION_ABSOLUTE_TIMEOUT": timedelta(days=1)},
        ],
    )
    def test_a_usual_setting_is_not_logged(
        self, caplog: pytest.LogCaptureFixture, config: dict[str, Any]
    ) -> None:
        assert warnings_of(caplog, **config) == []

    @pytest.mark.parametrize("mode", [{"TESTING": True}, {"TESTING": False, "DEBUG": True}])
    def test_development_and_tests_may_use_any(
        self, caplog: pytest.LogCaptureFixture, mode: dict[str, bool]
    ) -> None:
        ServerSession(flask_app(SECRET_KEY="dev", SESSION_COOKIE_MAX_AGE=86_400_000, **mode))

        assert caplog.messages == []


class TestUnknownKeys:
    def test_the_warning_about_a_misspelled_key_suggests_the_nearest(self) -> None:
        with pytest.warns(UserWarning, match=r"SESSION_COOKIE_MAXAGE.*SESSION_COOKIE_MAX_AGE\?"):
            ServerSession(flask_app(SESSION_COOKIE_MAXAGE=60))

    def test_a_key_of_another_extension_is_nothing_to_warn_of(self) -> None:
        ServerSession(flask_app(SESSION_PROTECTION="strong"))

    @pytest.mark.parametrize(
        ("key", "advice"),
        [
            ("SESSION_TYPE", r"SESSION_STORE, with a URL"),
            ("SESSION_PERMANENT", r"SESSION_COOKIE_MAX_AGE"),
            ("SESSION_USE_SIGNER", r"always signed"),
            ("SESSION_KEY_PREFIX", r"SESSION_STORE_OPTIONS = {'prefix'"),
            ("SESSION_ID_LENGTH", r"SESSION_GENID"),
            ("SESSION_SERIALIZATION_FORMAT", r"JSON"),
            ("SESSION_CLEANUP_N_REQUESTS", r"flask sessions prune"),
            ("SESSION_REDIS", r"SESSION_STORE = the client"),
            ("SESSION_MEMCACHED", r"SESSION_STORE = the client"),
            ("SESSION_CACHELIB", r"SESSION_STORE = the cache"),
            ("SESSION_FILE_DIR", r"SESSION_STORE = 'file:///"),
            ("SESSION_FILE_THRESHOLD", r"no live session is dropped"),
            ("SESSION_FILE_MODE", r"private"),
            ("SESSION_MONGODB", r"SESSION_STORE = the client"),
            ("SESSION_MONGODB_DB", r"SESSION_STORE_OPTIONS = {'database'"),
            ("SESSION_MONGODB_COLLECT", r"SESSION_STORE_OPTIONS = {'collection'"),
            ("SESSION_SQLALCHEMY", r"SESSION_STORE = the engine"),
            ("SESSION_SQLALCHEMY_TABLE", r"SESSION_STORE_OPTIONS = {'table'"),
            ("SESSION_SQLALCHEMY_SCHEMA", r"SESSION_STORE_OPTIONS = {'schema'"),
            ("SESSION_SQLALCHEMY_SEQUENCE", r"no sequence"),
            ("SESSION_SQLALCHEMY_BIND_KEY", r"db\.engines"),
            ("SESSION_DYNAMODB", r"a store of your own"),
            ("SESSION_DYNAMODB_TABLE", r"a store of your own"),
        ],
    )
    def test_the_warning_about_a_key_of_flask_session_names_its_equivalent(
        self, key: str, advice: str
    ) -> None:
        with pytest.warns(UserWarning, match=rf"{key} is Flask-Session's; .*{advice}"):
            ServerSession(flask_app(**{key: "value"}))

    def test_the_warning_points_at_the_line_that_makes_the_extension(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ServerSession(flask_app(SESSION_TYPE="redis"))

        assert [warning.filename for warning in caught] == [__file__]

    def test_the_warning_points_at_the_line_that_calls_init_app(self) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ServerSession().init_app(flask_app(SESSION_TYPE="redis"))

        assert [warning.filename for warning in caught] == [__file__]


def test_an_invalid_value_is_refused_by_init_app() -> None:
    with pytest.raises(ConfigError, match=r"SESSION_PROFILE is 'django'.*'express' or 'strict'"):
        ServerSession(flask_app(SESSION_PROFILE="django"))


def test_the_error_about_an_invalid_secret_does_not_show_secrets() -> None:
    with pytest.raises(ConfigError) as caught:
        ServerSession(flask_app(SESSION_SECRET=["hunter2", ""]))

    assert "hunter2" not in str(caught.value)


def visitor_of_two(one: Flask, other: Flask) -> Browser:
    """Return a browser of the other application with a session of the first one."""
    browser = browser_of(one)
    browser.run(lambda: session.update(user="ada"))
    return after_moving(browser, other)


def after_moving(browser: Browser, app: Flask) -> Browser:
    """Return a browser of another application with the unchanged cookie of this one."""
    moved = browser_of(app)
    cookie = browser.get_cookie(browser.cookie_name)
    assert cookie is not None
    moved.set_cookie(moved.cookie_name, cookie.value)
    return moved


def _port(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port
