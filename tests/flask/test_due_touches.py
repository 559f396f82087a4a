"""A touch that is due, made by the load: what the application sees is what it always saw."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from uuid import uuid4

import pytest
import redis
from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import signals

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session

HOUR = 3600


class Site:
    """An application with sessions in Redis, and what it says of them."""

    def __init__(self, url: str, **config: object) -> None:
        prefix = f"{uuid4().hex}:"
        self.app = Flask(__name__)
        self.app.config.update(
            SECRET_KEY="key",
            SESSION_STORE=url,
            SESSION_STORE_OPTIONS={"prefix": prefix},
            SESSION_IDLE_TIMEOUT=HOUR,
            SESSION_TOUCH_INTERVAL=60,
            TESTING=True,
            **config,
        )
        ServerSession(self.app)
        serve_browsers(self.app)
        self.manager = self.app.extensions["serversession"]
        self.touched: list[object] = []
        signals.session_touched.connect(self._note, self.app)
        self._client = redis.Redis.from_url(url)
        self._prefix = prefix

    def log_in(self) -> tuple[Browser, str]:
        browser = browser_of(self.app)
        browser.run(lambda: session.update(user="ada"))
        [sid] = self.manager.store.keys()
        return browser, sid

    def left(self, sid: str) -> float:
        """Return the seconds that a session has yet."""
        milliseconds: int = self._client.pttl(self._prefix + sid)
        return milliseconds / 1000

    def let_pass(self, sid: str, seconds: float) -> None:
        """Have a session as old as if so long had passed since its last touch."""
        self._client.pexpire(self._prefix + sid, int((self.left(sid) - seconds) * 1000))

    def close(self) -> None:
        self.manager.store.clear()
        self.manager.close()
        self._client.close()

    def _note(self, sender: Flask, session: object, **values: object) -> None:
        self.touched.append(session)


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(redis_url: str) -> Iterator[MakeSite]:
    sites: list[Site] = []

    def make(**config: object) -> Site:
        sites.append(Site(redis_url, **config))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


def read() -> str:
    return str(session["user"])


def test_a_read_extends_a_session_that_is_due_and_says_so_once(make_site: MakeSite) -> None:
    site = make_site()
    browser, sid = site.log_in()
    site.let_pass(sid, 600)

    response = browser.run(read)

    assert response.text == "ada"
    assert site.left(sid) > HOUR - 30
    assert len(site.touched) == 1
    assert "Set-Cookie" not in response.headers


def test_a_read_leaves_a_session_alone_that_is_not_due(make_site: MakeSite) -> None:
    site = make_site()
    browser, sid = site.log_in()
    site.let_pass(sid, 30)

    browser.run(read)

    assert site.left(sid) < HOUR - 29
    assert site.touched == []


def test_a_cookie_with_an_expiry_is_sent_again_after_a_last_look(make_site: MakeSite) -> None:
    site = make_site(SESSION_COOKIE_MAX_AGE=HOUR)
    browser, sid = site.log_in()
    site.let_pass(sid, 600)

    response = browser.run(read)

    assert "Expires=" in response.headers["Set-Cookie"]
    assert site.left(sid) > HOUR - 30
    assert len(site.touched) == 1


def test_a_session_with_a_life_of_its_own_is_extended_at_the_end(make_site: MakeSite) -> None:
    site = make_site()
    browser, sid = site.log_in()
    browser.run(lambda: setattr(session, "permanent", True))
    month = site.left(sid)
    site.let_pass(sid, 600)

    browser.run(read)

    assert month > 30 * 24 * HOUR
    assert abs(site.left(sid) - month) < 30
    assert len(site.touched) == 1


def test_a_second_touch_within_the_interval_is_made_at_the_end(make_site: MakeSite) -> None:
    site = make_site()
    browser, sid = site.log_in()
    for _ in range(2):
        site.let_pass(sid, 600)
        browser.run(read)

    assert site.left(sid) > HOUR - 30
    assert len(site.touched) == 2


def test_a_session_that_a_script_looks_at_is_not_extended(make_site: MakeSite) -> None:
    site = make_site()
    _, sid = site.log_in()
    site.let_pass(sid, 600)

    assert site.manager.load(sid)["user"] == "ada"

    assert site.left(sid) < HOUR - 590
    assert site.touched == []


def test_a_change_of_a_session_that_is_due_is_stored(make_site: MakeSite) -> None:
    site = make_site()
    browser, sid = site.log_in()
    site.let_pass(sid, 600)

    browser.run(lambda: session.update(user="bob"))

    assert browser.run(read).text == "bob"
    assert site.left(sid) > HOUR - 30
