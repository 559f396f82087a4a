"""An attacker uses a session of Flask or of Flask-Session that SESSION_ADOPT takes over."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator

import pytest
import redis
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from flask_serversession import ServerSession
from flask_serversession.interface import manager_of
from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import serve_browsers
from ..flask.browser import session
from .conftest import logged_in
from .conftest import OURS
from .conftest import user_of

SECRET = "keyboard cat" * 4
GRACE = 60
#: What Flask-Session has as the id of the former session.
FORMER_ID = "f" * 43
NAME = f"session:{OURS}:{FORMER_ID}"


@pytest.fixture
def records(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as records:
        records.delete(NAME)
        yield records
        records.delete(NAME)


@pytest.fixture(params=["flask", "flask-session in Redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param).split()[0]


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def site(kind: str, memory: MemoryStore, request: pytest.FixtureRequest) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, TESTING=True)
    app.config.update(SESSION_STORE=memory, SESSION_HASH_IDS=True)
    app.config.update(SESSION_ADOPT=[kind], SESSION_REGENERATE_GRACE=GRACE)
    if kind == "flask-session":
        records = request.getfixturevalue("records")
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=records)
        app.config.update(SESSION_KEY_PREFIX=f"session:{OURS}:")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # says which keys are to be removed later
        ServerSession(app)
    serve_browsers(app)
    return app


@pytest.fixture
def former(kind: str, request: pytest.FixtureRequest) -> str:
    """The cookie of a former session."""
    data = {"note": "former", "_user_id": "ada"}
    if kind == "flask-session":
        request.getfixturevalue("records").set(NAME, json.dumps(data))
        return FORMER_ID
    return flask_cookie(SECRET, data)


def flask_cookie(secret: str, data: dict[str, str]) -> str:
    app = Flask(__name__)
    app.secret_key = secret
    client = app.test_client()
    with client.session_transaction() as its:
        its.update(data)
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def browser_with(site: Flask, cookie: str) -> Browser:
    browser = browser_of(site)
    browser.set_cookie("session", cookie)
    return browser


def test_a_planted_former_session_is_not_logged_in(site: Flask, former: str) -> None:
    victim, attacker = browser_with(site, former), browser_with(site, former)

    assert victim.data()["note"] == "former"
    victim.run(lambda: session.log_in("grace"))

    assert user_of(victim) == "grace"
    assert user_of(attacker) != "grace"


def test_one_that_the_attacker_took_over_first_is_not_logged_in(site: Flask, former: str) -> None:
    victim, attacker = browser_with(site, former), browser_with(site, former)

    assert attacker.data()["note"] == "former"
    victim.run(lambda: session.log_in("grace"))

    assert user_of(victim) == "grace"
    assert user_of(attacker) != "grace"
    assert user_of(browser_with(site, former)) != "grace"


def test_a_copied_former_cookie_is_worth_nothing_after_a_logout(site: Flask, former: str) -> None:
    victim = browser_with(site, former)

    victim.run(lambda: session.log_out())

    assert browser_with(site, former).data() == {}


def test_a_copied_former_cookie_is_worth_nothing_after_a_later_logout(
    site: Flask, former: str
) -> None:
    victim = browser_with(site, former)
    victim.run(lambda: session.update(note="mine"))
    victim.run(lambda: session.log_in("ada"))

    victim.run(lambda: session.log_out())

    assert browser_with(site, former).data() == {}


def test_a_former_session_of_an_ended_user_is_not_taken_over(site: Flask, former: str) -> None:
    victim = browser_with(site, former)
    victim.run(lambda: session.log_in("ada"))

    manager_of(site).end_all("ada")

    assert user_of(victim) is None
    assert user_of(browser_with(site, former)) is None


def test_the_store_does_not_show_which_id_replaces_a_former_session(
    site: Flask, memory: MemoryStore, former: str
) -> None:
    victim, twin = browser_with(site, former), browser_with(site, former)
    victim.run(lambda: session.update(note="mine"))

    rows = repr([(key, record.payload) for key, record in memory.records()])

    assert victim.sid is not None
    assert victim.sid not in rows
    assert former not in rows
    assert twin.data()["note"] in ("mine", "former")  # of Flask's cookies, each has its own


@pytest.mark.parametrize("change", ["", "x", FORMER_ID[1:], f"{FORMER_ID}f", "e" * 43])
def test_a_former_session_that_never_was_is_not_adopted(site: Flask, change: str) -> None:
    attacker = browser_with(site, change)

    assert attacker.data() == {}
    attacker.run(lambda: session.update(note="mine"))
    assert attacker.sid not in (None, change)


@pytest.mark.parametrize("kind", ["flask"], indirect=True)
class TestFlasksCookie:
    def test_that_another_secret_signed_is_not_adopted(self, site: Flask) -> None:
        forged = flask_cookie("another" * 8, {"_user_id": "ada"})

        assert browser_with(site, forged).data() == {}

    @pytest.mark.parametrize("salt", ["itsdangerous", "csrf-token", "reset-password", ""])
    def test_is_not_what_the_application_signs_for_another_purpose(
        self, site: Flask, salt: str
    ) -> None:
        signed = URLSafeTimedSerializer(SECRET, salt=salt).dumps({"_user_id": "ada"})

        assert browser_with(site, str(signed)).data() == {}

    def test_is_not_taken_over_beside_a_session_of_this_package(
        self, site: Flask, former: str
    ) -> None:
        victim = logged_in(site, "grace")
        sid = victim.sid

        client = site.test_client(use_cookies=False)
        assert isinstance(client, Browser)
        cookie = victim.get_cookie("session")
        assert cookie is not None
        header = f"session={former}; session={cookie.value}"
        found: list[str] = []
        client.run(lambda: found.append(session.id), environ_overrides={"HTTP_COOKIE": header})

        assert found == [sid]
