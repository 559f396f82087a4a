"""A user of an app. Each answer tells the time it took and the store calls it made."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_serversession import ServerSession
from flask_serversession import Store
from flask_serversession import StoreUnavailable
from flask_serversession.stores import open_store

from ..flask.browser import browser_of
from ..flask.browser import cookie_lines
from ..flask.browser import serve_browsers
from ..flask.browser import session
from ..flask.browser import View
from ..flask.counting import CountingStore

#: The stores' timeout, in seconds.
TIMEOUT = 0.5
#: Seconds after which a request counts as hanging, even on a slow and busy machine.
LONGEST = 4 * TIMEOUT + 2
#: Simultaneous visitors, each with its own connection from the pool.
CROWD = 3


@dataclass(frozen=True)
class Answer:
    """The response to a request, and how it came about."""

    status: int
    text: str
    cookies: list[str]
    #: The store calls in that time, including those of other visitors.
    calls: list[str]
    seconds: float

    @property
    def is_served(self) -> bool:
        """Whether the request succeeded in time."""
        return self.status == 200 and self.seconds < LONGEST

    @property
    def is_outage(self) -> bool:
        """Whether the request failed in time and without a cookie."""
        return self.status in (500, 503) and not self.cookies and self.seconds < LONGEST


_UNLIMITED = {"SESSION_BREAKER": None, "SESSION_MAX_BYTES": None}


class Site:
    """An app that sends its cookie with every change and answers an outage with an error.

    A failure in the view is a 503 from the app's error handler. A failure while the session
    is saved is a 500, because Flask's error handlers do not see it.

    :param config: without any, each request tries to reach the store, with any size.
    """

    def __init__(self, url: str, config: dict[str, Any] | None = None, **options: Any) -> None:
        self.store = open_store(url, options)
        self.asked = CountingStore(self.store)
        self.app = _application(self.asked, config or _UNLIMITED)

    def visitor(self) -> Visitor:
        return Visitor(self)

    def crowd(self) -> list[Visitor]:
        return [self.visitor() for _ in range(CROWD)]

    def close(self) -> None:
        close: Callable[[], None] = getattr(self.store, "close", lambda: None)
        close()


class Visitor:
    """One browser."""

    def __init__(self, site: Site) -> None:
        self._browser = browser_of(site.app)
        self._asked = site.asked
        #: The last count in a successful response: the app promised that it was stored.
        self.acknowledged = 0

    @property
    def sid(self) -> str | None:
        return self._browser.sid

    def sends(self, view: View) -> Answer:
        """Send a request to ``view``."""
        before = len(self._asked.calls)
        started = time.monotonic()
        response = self._browser.run(view)
        seconds = time.monotonic() - started
        calls = self._asked.calls[before:]
        cookies = cookie_lines(response)
        return Answer(response.status_code, response.text, cookies, calls, seconds)

    def counts(self) -> Answer:
        """Send a request that increments the count in the session."""
        answer = self.sends(_count)
        if answer.status == 200:
            self.acknowledged = int(answer.text)
        return answer

    def reads(self) -> Answer:
        """Send a request that returns the count."""
        return self.sends(lambda: str(session.get("count")))

    def writes(self, text: str) -> Answer:
        """Send a request that stores a text in the session."""
        return self.sends(lambda: session.update(text=text))

    def has(self, text: str) -> bool:
        """Whether a request finds that text in the session."""
        return self.sends(lambda: session.get("text", "nothing")).text == text

    def ignores_the_session(self) -> Answer:
        return self.sends(lambda: "hello")

    def has_lost_nothing(self) -> bool:
        """Whether the store has the last acknowledged count, or the one after it.

        A request that was interrupted may have stored its count without an answer.
        """
        answer = self.reads()
        assert answer.status == 200
        return int(answer.text) - self.acknowledged in (0, 1)


@contextmanager
def traffic(visitors: Sequence[Visitor]) -> Iterator[list[Answer]]:
    """Have visitors change their sessions without a pause; yield the growing list of answers.

    The block begins once each visitor has been served a few times.
    """
    answers: list[Answer] = []
    over = threading.Event()

    def go_on(visitor: Visitor) -> None:
        while not over.is_set():
            answers.append(visitor.counts())

    with ThreadPoolExecutor(len(visitors)) as threads:
        each = [threads.submit(go_on, visitor) for visitor in visitors]
        try:
            wait_until(lambda: all(visitor.acknowledged > 3 for visitor in visitors))
            yield answers
        finally:
            over.set()
    for one in each:
        one.result()


def wait_for_outage(answers: Sequence[Answer]) -> None:
    """Wait until as many requests have failed as there are visitors."""
    wait_until(lambda: sum(not answer.is_served for answer in answers) >= CROWD)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def failures_before_success(visitor: Visitor) -> list[Answer]:
    """Send requests until one is served; return those that failed before it."""
    failures: list[Answer] = []
    for _ in range(10 * CROWD):
        answer = visitor.counts()
        if answer.is_served:
            return failures
        failures.append(answer)
    raise AssertionError("the server is back, but requests still fail")


def _application(store: Store, config: dict[str, Any]) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", SESSION_STORE=store)
    app.config.update(SESSION_COOKIE_MAX_AGE=3600, PROPAGATE_EXCEPTIONS=False, **config)
    app.logger.disabled = True  # otherwise it prints hundreds of tracebacks
    ServerSession(app)
    serve_browsers(app)
    app.register_error_handler(StoreUnavailable, lambda error: ("Come back later", 503))
    return app


def _count() -> str:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])
