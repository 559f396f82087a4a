"""With ``SESSION_ADOPT``, the keys of Flask-Session are enough to start with."""

from __future__ import annotations

import pickle
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .flask_sessions import KINDS
from .flask_sessions import PICKLED_KINDS
from .flask_sessions import Records
from .flask_sessions import records_in
from .flask_sessions import SOON

ALL_KINDS = [*KINDS, *PICKLED_KINDS]
#: Their stores can tell which records are theirs.
LISTING_KINDS = ["redis", "mongodb", "sqlalchemy", "filesystem"]


@pytest.fixture
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    records = records_in(getattr(request, "param", "sqlalchemy"), request, tmp_path)
    yield records
    records.close()


def configured(records: Records, **config: Any) -> Flask:
    """Return an application with Flask-Session's keys, and without its extension."""
    app = Flask(__name__)
    is_pickled = records.config["SESSION_TYPE"] in PICKLED_KINDS
    kind = "flask-session-pickle" if is_pickled else "flask-session"
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_ADOPT=[kind])
    app.config.update(records.config)
    app.config.update(config)
    records.prepare(app)
    serve_browsers(app)
    return app


def started(app: Flask) -> str:
    """Make the extension; return what the only warning says."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ServerSession(app)
    [one] = caught
    assert one.filename == __file__
    return str(one.message)


@pytest.mark.parametrize("records", ALL_KINDS, indirect=True)
def test_sessions_are_kept_beside_those_of_flask_session(records: Records) -> None:
    app = configured(records)
    started(app)
    sid = secrets.token_urlsafe(32)
    encode = pickle.dumps if "pickle" in app.config["SESSION_ADOPT"][0] else ormsgpack.packb
    records.put(f"session:{sid}", encode({"cart": 1}), SOON)
    browser = browser_of(app)
    browser.set_cookie("session", sid)

    assert browser.data() == {"cart": 1}
    browser.run(lambda: session.update(cart=2))
    assert browser.data() == {"cart": 2}


@pytest.mark.parametrize("records", ALL_KINDS, indirect=True)
def test_the_lines_of_the_warning_replace_it(records: Records) -> None:
    before = configured(records)
    lines = started(before).partition("Write:")[2].strip().splitlines()
    assert len(lines) in (2, 3)
    browser = browser_of(before)
    browser.run(lambda: session.update(cart=1))

    app = configured(records)
    exec("\n".join(map(str.strip, lines)), {"app": app})
    ServerSession(app)
    there = browser_of(app)
    there.hold(browser.sid or "")

    assert there.data() == {"cart": 1}
    changed = ("SESSION_STORE", "SESSION_STORE_OPTIONS", "SESSION_COOKIE_MAX_AGE")
    assert [app.config.get(key) for key in changed[1:]] == [
        before.config.get(key) or None for key in changed[1:]
    ]


@pytest.mark.parametrize("records", LISTING_KINDS, indirect=True)
def test_records_of_flask_session_are_never_counted_listed_or_removed(records: Records) -> None:
    app = configured(records)
    started(app)
    names = [f"session:{secrets.token_urlsafe(32)}" for _ in range(3)]
    for name in names:
        records.put(name, b"\x81\xa4cart\x01", SOON)
    browser_of(app).run(lambda: session.update(cart=1))
    manager = manager_of(app)

    with app.app_context():
        assert manager.count() == 1
        assert len(list(manager.keys())) == 1
        assert manager.clear() == 1

    assert all(map(records.has, names))


@pytest.mark.parametrize(
    ("config", "is_permanent"),
    [
        ({}, True),
        ({"SESSION_PERMANENT": True}, True),
        ({"SESSION_PERMANENT": False}, False),
        ({"SESSION_COOKIE_MAX_AGE": None}, False),
    ],
)
def test_sessions_are_as_permanent_as_those_of_flask_session(
    records: Records, config: dict[str, Any], is_permanent: bool
) -> None:
    app = configured(records, **config)
    message = started(app)

    [line] = cookie_lines(browser_of(app).run(lambda: session.update(cart=1)))

    assert ("Expires=" in line) is is_permanent
    assert ("SESSION_COOKIE_MAX_AGE" in message) is is_permanent


def test_a_bind_gets_a_store_of_its_own(records: Records) -> None:
    app = configured(
        records,
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_BINDS={"sessions": records.config["SQLALCHEMY_DATABASE_URI"]},
        SESSION_SQLALCHEMY_BIND_KEY="sessions",
        SESSION_SQLALCHEMY_SCHEMA="main",
    )
    message = started(app)
    browser = browser_of(app)
    browser.run(lambda: session.update(cart=1))

    assert browser.data() == {"cart": 1}
    assert isinstance(manager_of(app).store, SQLAlchemyStore)
    store = (
        "SQLAlchemyStore(lambda: db.engines['sessions'], table='server_sessions', schema='main')"
    )
    assert f"app.config['SESSION_STORE'] = {store}\n" in message


def test_a_store_of_the_application_is_used_without_a_warning(records: Records) -> None:
    app = configured(records, SESSION_STORE="memory")

    ServerSession(app)

    assert "SESSION_STORE_OPTIONS" not in app.config
    assert "SESSION_COOKIE_MAX_AGE" not in app.config


def test_a_client_that_the_store_cannot_use_is_refused_with_a_remedy(
    records: Records, tmp_path: Path
) -> None:
    from cachelib import FileSystemCache

    app = configured(
        records,
        SESSION_ADOPT=["flask-session-pickle"],
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(str(tmp_path / "cache"), threshold=500),
    )

    with (
        pytest.warns(UserWarning, match="SESSION_STORE is not set"),
        pytest.raises(ConfigError, match="threshold=0"),
    ):
        ServerSession(app)
