"""An application on a store that counts its calls, and a browser to visit it with."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

import pytest
import time_machine
from flask import Flask

from flask_serversession import request
from flask_serversession import ServerSession
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session
from .counting import CountingStore

MakeApp = Callable[..., Flask]
MakeBrowser = Callable[..., Browser]
ADA = {"user": "ada"}
LetPass = Callable[[Browser, timedelta], None]
Go = Callable[[timedelta], object]


@pytest.fixture(autouse=True)
def _each_test_can_cause_a_warning_that_is_logged_once() -> None:
    request._warn_once.cache_clear()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(memory: MemoryStore) -> CountingStore:
    return CountingStore(memory)


@pytest.fixture
def make_app(store: CountingStore) -> MakeApp:
    def make_app(**config: Any) -> Flask:
        app = Flask(__name__, static_folder=".", static_url_path="/static")
        app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=store)
        app.config.update(config)
        ServerSession(app)
        serve_browsers(app)
        return app

    return make_app


@pytest.fixture
def make_browser(make_app: MakeApp) -> MakeBrowser:
    """Make an application with these config keys and return a browser to visit it with."""
    return lambda **config: browser_of(make_app(**config))


@pytest.fixture
def make_member(make_browser: MakeBrowser, store: CountingStore) -> MakeBrowser:
    """Like ``make_browser``, but the browser has a session, whose cost is not counted."""

    def make_member(data: Mapping[str, Any] = ADA, **config: Any) -> Browser:
        browser = make_browser(**config)
        browser.run(lambda: session.update(data))
        store.calls.clear()
        return browser

    return make_member


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app()


@pytest.fixture
def browser(app: Flask) -> Browser:
    return browser_of(app)


@pytest.fixture
def let_pass(memory: MemoryStore) -> LetPass:
    """Make a browser's session expire earlier, as if this much time had passed."""

    def let_pass(browser: Browser, time: timedelta) -> None:
        sid = browser.sid
        record = memory.load(sid) if sid else None
        assert sid
        assert record
        assert record.expires_at
        memory.touch(sid, record.expires_at - time)

    return let_pass


@pytest.fixture
def go() -> Iterator[Go]:
    """Return a function that moves the clock to so long after the beginning."""
    start = datetime.now(timezone.utc)
    with time_machine.travel(start, tick=False) as clock:
        yield lambda time: clock.move_to(start + time, tick=False)
