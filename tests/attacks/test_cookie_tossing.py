"""An attacker has a site under the same domain, and sets cookies that the victim's browser sends.

Such a cookie comes before or after the victim's own, with another Domain or Path.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_serversession import session_ambiguous

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import cookie_lines
from ..flask.browser import session
from ..flask.browser import sid_of
from ..flask.browser import signed
from .conftest import logged_in
from .conftest import MakeSite
from .conftest import user_of

Send = Callable[..., TestResponse]


@pytest.fixture
def mallory(site: Flask) -> Browser:
    """The attacker's browser, logged in to an account of their own."""
    return logged_in(site, "mallory")


@pytest.fixture(params=["before", "after"])
def tossed(request: pytest.FixtureRequest, site: Flask, victim: Browser, mallory: Browser) -> str:
    """The Cookie header of the victim's browser, with the attacker's cookie in it."""
    theirs, ours = (f"session={signed(site, str(each.sid))}" for each in (mallory, victim))
    return f"{theirs}; {ours}" if request.param == "before" else f"{ours}; {theirs}"


def send(site: Flask, view: Callable[[], Any], header: str) -> TestResponse:
    """Send a request with this Cookie header."""
    client = site.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    return client.run(view, environ_overrides={"HTTP_COOKIE": header})


def read_user() -> str:
    return str(session.user_id)


def test_a_tossed_cookie_does_not_lead_its_owner_to_the_victims_session(
    site: Flask, mallory: Browser, tossed: str
) -> None:
    send(site, lambda: session.update(note="of the victim"), tossed)
    send(site, lambda: session.regenerate(keep_data=True), tossed)

    assert user_of(mallory) in ("mallory", None)


def test_a_login_beside_a_tossed_cookie_is_not_one_in_the_attackers_session(
    site: Flask, mallory: Browser, tossed: str
) -> None:
    response = send(site, lambda: session.log_in("ada"), tossed)

    new = signed(site, sid_of(cookie_lines(response)[0]))
    assert send(site, read_user, f"session={new}").text == "ada"
    assert user_of(mallory) in ("mallory", None)


def test_a_tossed_cookie_does_not_hide_the_login_that_follows_it(
    site: Flask, mallory: Browser
) -> None:
    theirs = f"session={signed(site, str(mallory.sid))}"
    response = send(site, lambda: session.log_in("ada"), theirs)

    new = signed(site, sid_of(cookie_lines(response)[0]))
    assert send(site, read_user, f"{theirs}; session={new}").text == "ada"


def test_a_logout_beside_a_tossed_cookie_ends_the_victims_session(
    site: Flask, victim: Browser, tossed: str
) -> None:
    send(site, lambda: session.log_out(), tossed)

    assert user_of(victim) is None


def test_a_forged_cookie_does_not_hide_the_victims(site: Flask, victim: Browser) -> None:
    ours = signed(site, str(victim.sid))

    for forged in ("", "x", "s%3Ax.y", ours[:-1], f"{ours}x", f"x{ours}"):
        several = f"session={forged}; " * 7
        assert send(site, read_user, f"{several}session={ours}").text == "ada"


@pytest.fixture
def heard(site: Flask) -> Iterator[list[Any]]:
    heard: list[Any] = []

    def hear(sender: Flask, **values: Any) -> None:
        heard.append(sender)

    with session_ambiguous.connected_to(hear):
        yield heard


def test_a_tossed_cookie_that_is_signed_does_not_go_unnoticed(
    site: Flask, tossed: str, heard: list[Any]
) -> None:
    send(site, read_user, tossed)

    assert heard == [site]


class TestANameThatBeginsWithHost:
    """A browser takes a ``__Host-`` cookie from its own host alone."""

    @pytest.fixture
    def site(self, make_site: MakeSite) -> Flask:
        return make_site(SESSION_COOKIE_NAME="__Host-session", SESSION_COOKIE_SECURE=True)

    @pytest.fixture
    def mallory(self, make_site: MakeSite) -> Browser:
        return logged_in(make_site(), "mallory")

    @pytest.mark.parametrize(
        "name",
        [
            "session",
            "__host-session",
            "__HOST-session",
            "__Host-Session",
            "\xa0__Host-session",
            "__Host-session\xa0",
            "\x85__Host-session",
            "\x1f__Host-session",
            "\u2000__Host-session".encode().decode("latin-1"),
            "=__Host-session",
            "__Host-session.sig",
            "x__Host-session",
            '"__Host-session"',
            "__Host%2Dsession",
            "__Host-session=__Host-session",
        ],
    )
    def test_is_not_read_from_a_cookie_that_is_spelled_differently(
        self, site: Flask, mallory: Browser, name: str
    ) -> None:
        value = signed(site, str(mallory.sid))

        assert send(site, read_user, f"{name}={value}").text == "None"

    def test_is_sent_without_what_a_browser_would_refuse(self, site: Flask) -> None:
        response = browser_of(site).run(
            lambda: session.update(note="mine"), base_url="https://example.com"
        )

        [line] = cookie_lines(response)
        attributes = line.lower().split("; ")[1:]
        assert line.startswith("__Host-session=")
        assert {"path=/", "secure"} <= set(attributes)
        assert not [each for each in attributes if each.startswith("domain")]
