"""An attacker puts line ends into everything that a header or a line of the log is made of."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession.interface import manager_of
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import session
from .conftest import logged_in
from .conftest import MakeSite

LINE_ENDS = ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"]
FORGED = "Set-Cookie: session=forged"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(params=LINE_ENDS, ids=ascii)
def evil(request: pytest.FixtureRequest) -> str:
    """Text that ends a line and begins another."""
    return f"x{request.param}{FORGED}"


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check, after each test, that each record of the log is one line."""
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.get_records("call"):
        assert len(record.getMessage().splitlines()) <= 1, record.getMessage()


def assert_one_line_each(response: Any) -> None:
    for name, value in response.headers:
        assert len(f"{name}: {value}".splitlines()) == 1
        assert not value.startswith("forged")


def test_an_id_never_begins_another_header(make_site: MakeSite, evil: str) -> None:
    site = make_site(SESSION_GENID=lambda request: evil * 3)

    response = browser_of(site).run(lambda: session.update(user="ada"))

    assert len(response.headers.getlist("Set-Cookie")) == 1
    assert_one_line_each(response)


def test_an_id_never_begins_another_line_of_the_log(make_site: MakeSite, evil: str) -> None:
    # The first 16 characters of such an id are where the tag of a user is.
    sid = f"{evil.ljust(16, 'x')[:16]}.{evil}"
    browser = browser_of(make_site(SESSION_GENID=lambda request: sid))
    browser.hold(sid)

    browser.run(lambda: session.get("user"))
    browser.run(lambda: session.update(note="mine"))
    browser.run(lambda: session.log_out())


@pytest.mark.parametrize(
    "key",
    ["NAME", "PATH", "DOMAIN", "SAMESITE", "PRIORITY"],
)
def test_no_configured_attribute_begins_another_header(
    make_site: MakeSite, evil: str, key: str
) -> None:
    with pytest.raises(ConfigError):
        make_site(**{f"SESSION_COOKIE_{key}": evil})


@pytest.mark.parametrize("attribute", ["path", "domain", "samesite", "priority"])
def test_no_attribute_of_a_request_begins_another_header(
    make_site: MakeSite, evil: str, attribute: str
) -> None:
    site = make_site(SESSION_COOKIE_OPTIONS=lambda request: {attribute: evil})

    with pytest.raises(ConfigError):
        browser_of(site).run(lambda: session.update(user="ada"))


@pytest.mark.parametrize("attribute", ["path", "domain", "samesite", "priority"])
def test_no_attribute_of_a_session_begins_another_header(
    site: Flask, evil: str, attribute: str
) -> None:
    def view() -> None:
        with pytest.raises(ValueError, match=attribute):
            setattr(session.cookie, attribute, evil)
        session["user"] = "ada"

    assert_one_line_each(browser_of(site).run(view))


@pytest.mark.parametrize("member", ["path", "domain", "sameSite", "priority", "expires"])
@pytest.mark.parametrize("profile", ["flask", "express"])
def test_no_stored_attribute_begins_another_header(
    make_site: MakeSite, store: MemoryStore, evil: str, member: str, profile: str
) -> None:
    site = make_site(SESSION_PROFILE=profile, SESSION_ROLLING=True)
    settings = manager_of(site).settings
    cookie = {"originalMaxAge": 60_000, "expires": "2099-01-01T00:00:00.000Z", member: evil}
    payload = settings.serializer.compose(cookie, b'{"user":"ada"}')
    store.create("planted", Record(payload, utc_now() + timedelta(hours=1)))
    browser = browser_of(site)
    browser.hold("planted")

    response = browser.run(lambda: session.update(seen=True))

    assert response.headers.getlist("Set-Cookie")
    assert_one_line_each(response)


def test_no_value_of_a_session_in_the_cookie_begins_another_header(
    make_site: MakeSite, evil: str
) -> None:
    site = make_site(SESSION_STORE="cookie")

    response = browser_of(site).run(lambda: session.update({evil: evil}))

    assert_one_line_each(response)


def test_what_a_browser_says_of_itself_stays_in_its_place(site: Flask, evil: str) -> None:
    agent = evil.encode().decode("latin-1")
    environ = {"HTTP_USER_AGENT": agent, "REMOTE_ADDR": evil}
    browser = browser_of(site)

    response = browser.run(lambda: session.log_in(evil, label=evil), environ_overrides=environ)
    other = browser.run(lambda: session.log_out(), environ_overrides=environ)

    assert_one_line_each(response)
    assert_one_line_each(other)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_label_begins_no_other_line_of_what_a_command_prints(
    site: Flask, evil: str, options: list[str]
) -> None:
    agent = evil.encode().decode("latin-1")
    browser_of(site).run(
        lambda: session.log_in(evil, label=evil),
        environ_overrides={"HTTP_USER_AGENT": agent, "REMOTE_ADDR": evil},
    )

    runner = site.test_cli_runner()
    result = runner.invoke(args=["sessions", "list", "--user", evil, *options])

    assert result.exit_code == 0
    assert len(result.output.splitlines()) == (1 if options else 2)


def test_a_reason_stays_in_its_place(site: Flask, evil: str) -> None:
    victim = logged_in(site, evil)

    manager_of(site).end_all(evil, reason=evil)
    response = victim.run(lambda: str(session.ended_reason == evil))

    assert response.text == "True"
    assert_one_line_each(response)


def test_a_reason_given_for_one_session_stays_in_its_place(site: Flask, evil: str) -> None:
    victim = logged_in(site, "ada")

    manager_of(site).end(victim.see(lambda: session.handle), reason=evil)


def test_the_path_of_a_request_stays_in_its_place(make_site: MakeSite, evil: str) -> None:
    site = make_site(APPLICATION_ROOT="/shop")

    path = f"/{evil}".encode().decode("latin-1")

    browser_of(site).run(lambda: session.get("user"), environ_overrides={"PATH_INFO": path})


def test_a_value_that_cannot_be_stored_is_named_in_one_line(site: Flask, evil: str) -> None:
    def view() -> None:
        session[evil] = object()

    with pytest.raises(Exception, match="session"):
        browser_of(site).run(view)


def test_a_tag_of_an_unknown_type_is_named_in_one_line(
    site: Flask, store: MemoryStore, evil: str
) -> None:
    tagged = json.dumps({"a": {f" {evil}": 1}}, separators=(",", ":")).encode()
    payload = manager_of(site).settings.serializer.compose({"originalMaxAge": None}, tagged)
    store.create("planted", Record(payload, utc_now() + timedelta(hours=1)))
    browser = browser_of(site)
    browser.hold("planted")

    assert browser.see(lambda: "a" in session)


def test_a_cookie_header_stays_in_its_place(site: Flask, evil: str) -> None:
    client = site.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    header = f"session={evil}; {evil}=1".encode().decode("latin-1")

    response = client.run(
        lambda: session.update(user="ada"), environ_overrides={"HTTP_COOKIE": header}
    )

    assert_one_line_each(response)


def test_a_session_of_flask_session_is_refused_in_one_line(evil: str, tmp_path: Any) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="x" * 32, TESTING=True, SESSION_ADOPT=["flask-session-pickle"])
    app.config.update(SESSION_TYPE="filesystem", SESSION_FILE_DIR=str(tmp_path))
    with pytest.warns(UserWarning, match="SESSION_STORE"):
        ServerSession(app)
    [former] = manager_of(app).settings.formers
    name = evil.encode()
    pickle = b"\x80\x04\x8c" + bytes([len(name)]) + name + b"\x8c\x01a\x93."

    assert former._decoded(pickle) == {}  # type: ignore[attr-defined] # what a file holds
