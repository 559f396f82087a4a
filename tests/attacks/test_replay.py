"""An attacker has copied a victim's cookie, and sends it after what should have ended it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
import time_machine
from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import Store
from flask_serversession.interface import manager_of
from flask_serversession.stores.abilities import has_epochs
from flask_serversession.stores.abilities import why_not_found
from flask_serversession.stores.base import utc_now

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import serve_browsers
from ..flask.browser import session
from .conftest import anonymous
from .conftest import logged_in
from .conftest import MakeSite
from .conftest import pass_time
from .conftest import user_of

GRACE = 60
LIMIT = 3600

#: Ends the victim's session.
End = Callable[[Flask, Browser], object]


def log_out(site: Flask, victim: Browser) -> None:
    victim.run(lambda: session.log_out())


def destroy(site: Flask, victim: Browser) -> None:
    victim.run(lambda: session.destroy())


def clear(site: Flask, victim: Browser) -> None:
    victim.run(lambda: session.clear())


def clear_and_write(site: Flask, victim: Browser) -> None:
    def write() -> None:
        session.clear()
        session["note"] = "new"

    victim.run(write)


def regenerate(site: Flask, victim: Browser) -> None:
    victim.run(lambda: session.regenerate())


def log_in_as_another(site: Flask, victim: Browser) -> None:
    victim.run(lambda: session.log_in("grace"))


def log_out_everywhere_elsewhere(site: Flask, victim: Browser) -> None:
    logged_in(site, "ada").run(lambda: session.log_out(everywhere=True))


def end_all(site: Flask, victim: Browser) -> None:
    manager_of(site).end_all("ada")


def end_all_for_a_reason(site: Flask, victim: Browser) -> None:
    manager_of(site).end_all("ada", reason="disabled")


def change_the_password_elsewhere(site: Flask, victim: Browser) -> None:
    logged_in(site, "ada").run(lambda: manager_of(site).end_others("ada") and None)


def end_by_its_handle(site: Flask, victim: Browser) -> None:
    handle = victim.see(lambda: session.handle)
    manager_of(site).end(handle)


def expire(site: Flask, victim: Browser) -> None:
    assert victim.sid is not None
    manager_of(site).store.touch(victim.sid, utc_now() - timedelta(seconds=1))


def reach_the_absolute_timeout(site: Flask, victim: Browser) -> None:
    pass_time(site, LIMIT - 1)
    victim.run(lambda: session.update(note="busy"))
    pass_time(site, 2)


ENDINGS: list[End] = [
    log_out,
    destroy,
    clear,
    clear_and_write,
    regenerate,
    log_in_as_another,
    log_out_everywhere_elsewhere,
    end_all,
    end_all_for_a_reason,
    change_the_password_elsewhere,
    end_by_its_handle,
    expire,
    reach_the_absolute_timeout,
]
#: Those for which the store has to list the sessions of a user.
LISTING = (change_the_password_elsewhere, end_by_its_handle)
#: Those for which it has to list them or to end all of them.
FINDING = (*LISTING, log_out_everywhere_elsewhere, end_all, end_all_for_a_reason)


@pytest.fixture(params=[0, GRACE], ids=["no-grace", "grace"])
def site(request: pytest.FixtureRequest, make_site: MakeSite) -> Flask:
    return make_site(SESSION_REGENERATE_GRACE=request.param, SESSION_ABSOLUTE_TIMEOUT=LIMIT)


@pytest.fixture(params=ENDINGS, ids=lambda end: end.__name__)
def end(request: pytest.FixtureRequest, store: Store) -> End:
    end: End = request.param
    needed = LISTING if has_epochs(store) else FINDING
    if end in needed and why_not_found(store):
        pytest.skip("this store cannot find the sessions of a user")
    return end


@pytest.fixture
def thief(site: Flask, victim: Browser) -> Browser:
    """A browser with a copy of the victim's cookie."""
    return copy_of(victim)


def copy_of(victim: Browser) -> Browser:
    assert victim.sid is not None
    thief = browser_of(victim.application)
    thief.hold(victim.sid)
    return thief


def test_a_copied_cookie_is_worth_nothing_after_the_session_ended(
    site: Flask, victim: Browser, thief: Browser, end: End
) -> None:
    assert user_of(thief) == "ada"

    end(site, victim)

    assert user_of(thief) is None
    assert thief.data() == {}


def test_writing_with_a_copied_cookie_does_not_bring_the_session_back(
    site: Flask, victim: Browser, thief: Browser, end: End
) -> None:
    stolen = victim.sid
    assert stolen is not None
    end(site, victim)

    thief.run(lambda: session.update(note="back"))

    thief.hold(stolen)
    assert user_of(thief) is None


def test_a_session_that_was_ended_for_another_is_not_followed(
    site: Flask, victim: Browser, thief: Browser, end: End
) -> None:
    end(site, victim)
    victim.run(lambda: session.log_in("ada"))

    assert user_of(victim) == "ada"
    assert user_of(thief) is None


def test_a_copied_cookie_is_worth_nothing_after_a_newer_login_took_its_place(
    store: Store, make_site: MakeSite
) -> None:
    if why_not_found(store):
        pytest.skip("this store cannot count the sessions of a user")
    site = make_site(SESSION_LIMIT_PER_USER=1)
    victim = logged_in(site, "ada")
    thief = copy_of(victim)

    newer = logged_in(site, "ada")

    assert user_of(newer) == "ada"
    assert user_of(thief) is None
    assert thief.data() == {}


class TestAnIdFromBeforeALogin:
    """The attacker copied the cookie before the victim logged in."""

    def test_does_not_show_the_login_within_the_grace_or_after_it(self, site: Flask) -> None:
        victim = anonymous(site)
        thief = copy_of(victim)

        victim.run(lambda: session.log_in("ada"))

        assert user_of(thief) is None
        pass_time(site, GRACE + 1)
        assert thief.data() == {}

    def test_does_not_lead_to_a_later_id(self, site: Flask) -> None:
        victim = anonymous(site)
        thief = copy_of(victim)

        victim.run(lambda: session.log_in("ada"))
        victim.run(lambda: session.log_in("ada", level="mfa"))
        thief.run(lambda: session.update(note="thief"))
        thief.run(lambda: session.regenerate(keep_data=True))

        assert user_of(thief) is None

    def test_does_not_change_the_session(self, site: Flask) -> None:
        victim = anonymous(site)
        thief = copy_of(victim)
        victim.run(lambda: session.log_in("ada"))

        thief.run(lambda: session.update(note="thief"))

        assert victim.data()["note"] == "anonymous"


class TestAnIdFromBeforeARotation:
    """The session was given a new id, and the attacker copied the cookie before."""

    def test_does_not_show_what_is_stored_under_the_new_one(
        self, site: Flask, victim: Browser, thief: Browser
    ) -> None:
        victim.run(lambda: session.regenerate(keep_data=True))
        victim.run(lambda: session.update(note="new"))

        assert thief.data().get("note") in (None, "ada's secret")

    def test_cannot_write(self, site: Flask, victim: Browser, thief: Browser) -> None:
        victim.run(lambda: session.regenerate(keep_data=True))
        stolen = thief.sid
        assert stolen is not None

        thief.run(lambda: session.update(note="thief"))

        assert victim.data()["note"] == "ada's secret"
        thief.hold(stolen)
        assert thief.data().get("note") != "thief"

    def test_gets_no_new_cookie_for_the_session(
        self, site: Flask, victim: Browser, thief: Browser
    ) -> None:
        victim.run(lambda: session.regenerate(keep_data=True))

        thief.run(lambda: session.regenerate(keep_data=True))
        thief.run(lambda: session.touch())
        pass_time(site, GRACE + 1)

        assert user_of(thief) is None

    def test_is_worth_nothing_after_the_grace(
        self, site: Flask, victim: Browser, thief: Browser
    ) -> None:
        victim.run(lambda: session.regenerate(keep_data=True))
        pass_time(site, GRACE + 1)

        assert thief.data() == {}

    def test_is_worth_nothing_after_a_logout_under_the_new_one(
        self, site: Flask, victim: Browser, thief: Browser
    ) -> None:
        victim.run(lambda: session.regenerate(keep_data=True))
        victim.run(lambda: session.log_out())

        assert thief.data() == {}


class TestAfterTheSecretWasRotated:
    def test_a_copied_cookie_is_worth_nothing_without_the_old_secret(
        self, make_site: MakeSite
    ) -> None:
        stolen = cookie_of(logged_in(make_site(SECRET_KEY="old" * 16), "ada"))

        thief = browser_of(make_site(SECRET_KEY="new" * 16))
        thief.set_cookie(thief.cookie_name, stolen)

        assert thief.data() == {}

    def test_a_signature_by_a_removed_secret_opens_no_session(self, make_site: MakeSite) -> None:
        now, before = make_site(SECRET_KEY="new" * 16), make_site(SECRET_KEY="old" * 16)
        victim, forger = logged_in(now, "ada"), browser_of(before)
        assert victim.sid is not None
        forger.hold(victim.sid)

        thief = browser_of(now)
        thief.set_cookie(thief.cookie_name, cookie_of(forger))

        assert user_of(thief) is None

    def test_a_cookie_signed_by_an_old_secret_is_replaced_when_it_is_used(
        self, make_site: MakeSite
    ) -> None:
        stolen = cookie_of(logged_in(make_site(SECRET_KEY="old" * 16), "ada"))
        rotating = make_site(SECRET_KEY="new" * 16, SECRET_KEY_FALLBACKS=["old" * 16])
        victim = browser_of(rotating)
        victim.set_cookie(victim.cookie_name, stolen)

        assert user_of(victim) == "ada"
        assert cookie_of(victim) != stolen


class TestASessionInTheCookie:
    """The server keeps nothing of it, so that only time ends it."""

    @pytest.fixture
    def site(self) -> Flask:
        app = Flask(__name__)
        app.config.update(SECRET_KEY="keyboard cat" * 4, TESTING=True, SESSION_STORE="cookie")
        app.config.update(PERMANENT_SESSION_LIFETIME=LIMIT)
        ServerSession(app)
        serve_browsers(app)
        return app

    @staticmethod
    def copy_of(victim: Browser, site: Flask | None = None, name: str = "session") -> Browser:
        """Return a browser with the victim's cookies, for another site or under another name."""
        thief = browser_of(site or victim.application)
        for end in ("", ".sig"):
            cookie = victim.get_cookie(f"session{end}")
            assert cookie is not None
            thief.set_cookie(f"{name}{end}", cookie.value)
        return thief

    def test_is_worth_nothing_after_its_end(self, victim: Browser) -> None:
        thief = self.copy_of(victim)
        assert user_of(thief) == "ada"

        with time_machine.travel(datetime.now(timezone.utc) + timedelta(seconds=LIMIT + 1)):
            assert user_of(thief) is None

    def test_is_not_read_from_a_cookie_of_another_name(self, victim: Browser) -> None:
        assert user_of(self.copy_of(victim, name="other")) is None

    def test_is_not_forged_with_the_secret_alone_if_it_is_encrypted(self, site: Flask) -> None:
        forger = logged_in(site, "ada")
        encrypted = Flask(__name__)
        encrypted.config.update(site.config, SESSION_ENCRYPTION_KEYS=["5e" * 32])
        ServerSession(encrypted)
        serve_browsers(encrypted)

        assert user_of(self.copy_of(forger, encrypted)) is None

    def test_does_not_take_the_signature_of_another_session(
        self, site: Flask, victim: Browser
    ) -> None:
        thief = self.copy_of(logged_in(site, "mallory"))
        value = victim.get_cookie("session")
        assert value is not None
        thief.set_cookie("session", value.value)

        assert user_of(thief) is None


def cookie_of(browser: Browser) -> str:
    cookie = browser.get_cookie(browser.cookie_name)
    assert cookie is not None
    return cookie.value
