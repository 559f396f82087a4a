"""A store may fail at any call; what the browser had before is there afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import StoreUnavailable
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import MakeApp
from .counting import CountingStore


class FailingStore(CountingStore):
    """Fails at the verbs in ``broken``."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.broken: set[str] = set()

    def load(self, key: str) -> Record | None:
        self._check("load")
        return super().load(key)

    def create(self, key: str, record: Record) -> bool:
        self._check("create")
        return super().create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        self._check("save")
        return super().save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        self._check("touch")
        return super().touch(key, expires_at)

    def delete(self, key: str) -> bool:
        self._check("delete")
        return super().delete(key)

    def _check(self, verb: str) -> None:
        if verb in self.broken:
            self.calls.append(f"{verb} failed")
            raise StoreUnavailable("The store did not answer.")


Member = Callable[[str], Browser]


@pytest.fixture
def store(memory: MemoryStore) -> FailingStore:
    return FailingStore(memory)


@pytest.fixture(params=["raise", "null"])
def member(request: pytest.FixtureRequest, make_app: MakeApp) -> Member:
    """Return a browser whose session is stored, under either SESSION_STORE_ERROR."""

    def member(verb: str) -> Browser:
        # Where old ids have a grace, a session is ended by a save, and by a delete elsewhere.
        grace = {"SESSION_REGENERATE_GRACE": 0} if verb == "delete" else {}
        app = make_app(
            SESSION_STORE_ERROR=request.param,
            SESSION_COOKIE_MAX_AGE=3600,
            SESSION_TOUCH_INTERVAL=0,
            PROPAGATE_EXCEPTIONS=False,
            **grace,
        )
        browser = browser_of(app)
        browser.run(lambda: session.update(user="ada", cart=["tea"]))
        return browser

    return member


def write() -> None:
    session["theme"] = "dark"


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["role"] = "admin"


def clear_and_write() -> None:
    session.clear()
    session["user"] = "eve"


def empty() -> None:
    session.pop("user")
    session.pop("cart")


def under_a_lock(view: View) -> View:
    def locked() -> None:
        with session.lock():
            view()

    return locked


def and_save(view: View) -> View:
    def saved() -> None:
        view()
        session.save()

    return saved


STEPS = [
    pytest.param(write, "load", id="load of a write"),
    pytest.param(write, "save", id="save of a write"),
    pytest.param(and_save(write), "save", id="explicit save"),
    pytest.param(log_in, "create", id="create of a login"),
    pytest.param(log_in, "save", id="save of a login"),
    pytest.param(and_save(log_in), "save", id="explicit save of a login"),
    pytest.param(clear_and_write, "create", id="create of a clear and write"),
    pytest.param(lambda: session.destroy(), "load", id="load of a destroy"),
    pytest.param(empty, "save", id="save of an emptied session"),
    *(
        pytest.param(view, verb, id=f"{verb} of a {name}")
        for verb in ("save", "delete")
        for name, view in {
            "clear and write": clear_and_write,
            "saved clear and write": and_save(clear_and_write),
            "clear": lambda: session.clear(),
            "destroy": lambda: session.destroy(),
            "regenerate": lambda: session.regenerate(),
        }.items()
    ),
    pytest.param(lambda: session.reload(), "load", id="load of a reload"),
    pytest.param(under_a_lock(write), "create", id="create of a lock"),
    pytest.param(under_a_lock(write), "load", id="load under a lock"),
    pytest.param(under_a_lock(write), "save", id="save under a lock"),
    pytest.param(under_a_lock(clear_and_write), "delete", id="delete under a lock"),
]


@pytest.mark.parametrize(("view", "verb"), STEPS)
def test_an_unanswered_request_changes_nothing(
    member: Member, store: FailingStore, view: View, verb: str
) -> None:
    browser = member(verb)
    sid = browser.sid
    store.broken = {verb}

    response = browser.run(view)

    assert response.status_code == 500
    assert cookie_lines(response) == []
    store.broken.clear()
    assert browser.sid == sid
    assert browser.data() == {"user": "ada", "cart": ["tea"]}


@pytest.mark.parametrize(("view", "verb"), STEPS)
def test_a_view_that_catches_the_failure_is_answered(
    member: Member, store: FailingStore, view: View, verb: str
) -> None:
    browser = member(verb)
    sid = browser.sid
    store.broken = {verb}

    def fail() -> None:
        view()
        store.broken |= {"save"}
        session.save()

    def caught() -> str:
        with pytest.raises(StoreUnavailable):
            fail()
        return "caught"

    response = browser.run(caught)

    assert response.text == "caught"
    assert cookie_lines(response) == []
    store.broken.clear()
    assert browser.sid == sid
    assert browser.data() == {"user": "ada", "cart": ["tea"]}


@pytest.mark.parametrize(("view", "verb"), STEPS)
def test_the_store_is_not_asked_again_after_it_failed(
    member: Member, store: FailingStore, view: View, verb: str
) -> None:
    browser = member(verb)
    store.broken = {verb}

    browser.run(view)

    after = store.calls[store.calls.index(f"{verb} failed") + 1 :]
    assert after in ([], ["save"], ["save failed"])  # the release of a lock


@pytest.mark.parametrize("view", [lambda: session.get("user"), lambda: None])
def test_a_reader_under_a_lock_is_answered_as_any_reader(
    make_app: MakeApp, store: FailingStore, view: View
) -> None:
    browser = browser_of(make_app(SESSION_STORE_ERROR="null"))
    browser.run(lambda: session.update(user="ada"))

    def read() -> str:
        with session.lock():
            store.broken = {"load"}
            return str(view())

    assert browser.run(read).text == "None"


def test_a_lock_that_nothing_is_done_under_reads_nothing(
    make_app: MakeApp, store: FailingStore
) -> None:
    browser = browser_of(make_app())
    browser.run(lambda: session.update(user="ada"))
    store.calls.clear()

    browser.run(under_a_lock(lambda: None))

    assert store.calls == ["create", "save"]  # the lock


def test_a_session_is_not_called_absent_where_the_store_cannot_tell(
    member: Member, store: FailingStore
) -> None:
    browser = member("load")
    manager = browser.application.extensions["serversession"]
    store.broken = {"load"}

    with pytest.raises(StoreUnavailable):
        manager.load(browser.sid)
