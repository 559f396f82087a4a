"""An attacker plants an id in a victim's browser, and waits for the victim to log in."""

from __future__ import annotations

import pytest
from flask import Flask

from flask_serversession import Store

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import session
from .conftest import anonymous
from .conftest import logged_in
from .conftest import MakeSite
from .conftest import pass_time
from .conftest import user_of

GRACE = 60


@pytest.fixture(params=[0, GRACE], ids=["no-grace", "grace"])
def site(request: pytest.FixtureRequest, make_site: MakeSite) -> Flask:
    return make_site(SESSION_REGENERATE_GRACE=request.param)


@pytest.fixture
def victim(site: Flask, attacker: Browser) -> Browser:
    """A browser that the attacker gave the cookie of their own session."""
    browser = browser_of(site)
    assert attacker.sid is not None
    browser.hold(attacker.sid)
    return browser


def test_an_id_planted_before_a_login_is_not_logged_in(attacker: Browser, victim: Browser) -> None:
    victim.run(lambda: session.log_in("ada"))

    assert user_of(victim) == "ada"
    assert user_of(attacker) is None


def test_an_id_planted_before_a_login_by_regenerate_is_not_logged_in(
    attacker: Browser, victim: Browser
) -> None:
    def log_in() -> None:
        session.regenerate(keep_data=True)
        session["user"] = "ada"

    victim.run(log_in)

    assert victim.data()["user"] == "ada"
    assert "user" not in attacker.data()


def test_an_id_planted_again_after_a_login_is_not_logged_in(
    attacker: Browser, victim: Browser
) -> None:
    planted = attacker.sid
    assert planted is not None
    victim.run(lambda: session.log_in("ada"))
    victim.hold(planted)
    victim.run(lambda: session.log_in("ada"))

    assert user_of(attacker) is None


def test_what_is_written_under_a_planted_id_does_not_reach_the_login(
    attacker: Browser, victim: Browser
) -> None:
    victim.run(lambda: session.log_in("ada"))
    attacker.run(lambda: session.update(note="planted", _login={"user": "mallory"}))

    assert user_of(victim) == "ada"
    assert victim.data()["note"] == "anonymous"


def test_a_planted_id_shows_nothing_that_is_stored_after_the_login(
    attacker: Browser, victim: Browser
) -> None:
    victim.run(lambda: session.log_in("ada"))
    victim.run(lambda: session.update(card="4111"))

    assert "card" not in attacker.data()


def test_a_planted_id_is_worth_nothing_once_its_grace_is_over(
    site: Flask, attacker: Browser, victim: Browser
) -> None:
    victim.run(lambda: session.log_in("ada"))
    pass_time(site, GRACE + 1)

    assert attacker.data() == {}


def test_the_attackers_own_login_in_a_victims_browser_does_not_become_the_victims(
    site: Flask,
) -> None:
    mallory, victim = logged_in(site, "mallory"), browser_of(site)
    assert mallory.sid is not None
    victim.hold(mallory.sid)

    victim.run(lambda: session.log_in("ada"))

    assert (user_of(victim), victim.data().get("note")) == ("ada", None)
    assert user_of(mallory) in (None, "mallory")


@pytest.mark.parametrize("sid", ["chosen", "a" * 32, "former-session", "by-user:ada"])
def test_a_signed_id_that_the_store_does_not_know_is_not_adopted(site: Flask, sid: str) -> None:
    victim = browser_of(site)
    victim.hold(sid)

    victim.run(lambda: session.log_in("ada"))

    attacker = browser_of(site)
    attacker.hold(sid)
    assert sid not in (victim.sid or "")
    assert user_of(attacker) is None


@pytest.mark.parametrize("ending", ["log_out", "destroy", "clear"])
def test_an_id_that_has_ended_is_not_adopted(
    site: Flask, store: Store, attacker: Browser, ending: str
) -> None:
    sid = attacker.sid
    assert sid is not None
    attacker.run(lambda: getattr(session, ending)())
    victim = browser_of(site)
    victim.hold(sid)

    victim.run(lambda: session.log_in("ada"))

    attacker.hold(sid)
    assert user_of(attacker) is None


def test_a_visit_without_a_login_leaves_no_id_that_could_be_planted(site: Flask) -> None:
    browser = browser_of(site)

    browser.run(lambda: session.get("user"))

    assert browser.sid is None


def test_an_anonymous_id_is_not_the_one_of_a_later_login(site: Flask) -> None:
    browser = anonymous(site)
    before = browser.sid

    browser.run(lambda: session.log_in("ada"))

    assert browser.sid != before
