"""When each signal is sent, with which values, and in which state of the store."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from blinker import Signal
from flask import Flask

import flask_serversession
from flask_serversession import manager_of
from flask_serversession import session_conflict
from flask_serversession import session_created
from flask_serversession import session_destroyed
from flask_serversession import session_loaded
from flask_serversession import session_regenerated
from flask_serversession import session_saved
from flask_serversession import session_store_error
from flask_serversession import session_touched
from flask_serversession import SessionConflict
from flask_serversession import StoreError
from flask_serversession import StoreUnavailable
from flask_serversession.sessions.login import handle_of
from flask_serversession.stores.memory import MemoryStore

from ..servers.base import free_port
from .browser import Browser
from .browser import browser_of
from .browser import session
from .browser import View
from .conftest import LetPass
from .conftest import MakeApp

SIGNALS: dict[str, Signal] = {
    name.removeprefix("session_"): signal
    for name, signal in vars(flask_serversession).items()
    if isinstance(signal, Signal)
}


class Listener:
    """Records every signal."""

    def __init__(self) -> None:
        #: The signals, each as its name and its values.
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.senders: set[object] = set()

    def hear(self, name: str) -> Any:
        def receive(sender: object, **values: Any) -> None:
            self.senders.add(sender)
            self.heard.append((name, values))

        return receive

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]

    def values(self, name: str) -> dict[str, Any]:
        [values] = [values for heard, values in self.heard if heard == name]
        return values


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    receivers = {name: listener.hear(name) for name in SIGNALS}
    for name, signal in SIGNALS.items():
        signal.connect(receivers[name])
    yield listener
    for name, signal in SIGNALS.items():
        signal.disconnect(receivers[name])


@pytest.fixture
def member(browser: Browser, listener: Listener) -> Browser:
    """A browser with a session. The signals of its creation are not recorded."""
    browser.run(lambda: session.update(user="ada"))
    listener.heard.clear()
    return browser


def log_out_elsewhere(browser: Browser) -> None:
    session.get("user")
    browser.twin().run(lambda: session.destroy())


def change_elsewhere(browser: Browser) -> None:
    session.get("user")
    browser.twin().run(lambda: session.update(theme="dark"))


def test_there_are_fifteen_signals() -> None:
    assert sorted(SIGNALS) == [
        "ambiguous",
        "anomalous",
        "conflict",
        "created",
        "destroyed",
        "ended",
        "loaded",
        "logged_in",
        "logged_out",
        "refused",
        "regenerated",
        "rejected",
        "saved",
        "store_error",
        "touched",
    ]


def test_the_sender_is_the_application(app: Flask, member: Browser, listener: Listener) -> None:
    member.run(lambda: session.update(user="bob"))

    assert listener.senders == {app}
    assert all(isinstance(sender, Flask) for sender in listener.senders)


def test_a_receiver_hears_only_the_application_it_is_connected_to(
    make_app: MakeApp, memory: MemoryStore
) -> None:
    one, other = make_app(), make_app()
    heard: list[object] = []

    def hear(sender: Flask, **extra: Any) -> None:
        heard.append(sender)

    with session_created.connected_to(hear, sender=one):
        browser_of(other).run(lambda: session.update(user="bob"))
        browser_of(one).run(lambda: session.update(user="ada"))

    assert heard == [one]


@pytest.mark.parametrize(
    ("view", "names"),
    [
        pytest.param(lambda: "hello", [], id="ignoring"),
        pytest.param(lambda: session.get("user"), ["loaded"], id="reading"),
        pytest.param(lambda: session.update(user="bob"), ["loaded", "saved"], id="changing"),
        pytest.param(lambda: session.touch(), ["loaded", "touched"], id="touching"),
        pytest.param(lambda: session.clear(), ["loaded", "destroyed"], id="emptying"),
        pytest.param(lambda: session.destroy(), ["destroyed"], id="destroying"),
        pytest.param(
            lambda: session.regenerate(), ["destroyed", "regenerated"], id="regenerating"
        ),
        pytest.param(lambda: session.unset(), ["loaded"], id="unsetting"),
    ],
)
def test_each_kind_of_request_sends_its_signals(
    member: Browser, listener: Listener, view: View, names: list[str]
) -> None:
    member.run(view)

    assert listener.names == names


def test_created_is_sent_when_the_record_is_in_the_store(
    browser: Browser, listener: Listener, memory: MemoryStore
) -> None:
    there: list[bool] = []

    def hear(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        there.append(memory.load(session.id) is not None)

    with session_created.connected_to(hear):
        browser.run(lambda: session.update(user="ada"))

    assert there == [True]
    assert listener.names == ["created"]
    assert listener.values("created")["session"].id == browser.sid


def test_loaded_is_sent_before_the_view_sees_the_data(member: Browser) -> None:
    def translate(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        session["user"] = session["user"].upper()

    with session_loaded.connected_to(translate):
        assert member.see(lambda: session["user"]) == "ADA"


def test_loaded_is_not_sent_for_a_new_session(browser: Browser, listener: Listener) -> None:
    browser.run(lambda: session.get("user"))

    assert listener.names == []


def test_saved_is_sent_when_the_data_are_in_the_store(member: Browser) -> None:
    seen: list[str] = []

    def hear(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        session_by_id = sender.extensions["serversession"].load(session.id)
        seen.append(session_by_id["user"])

    with session_saved.connected_to(hear):
        member.run(lambda: session.update(user="bob"))

    assert seen == ["bob"]


def test_touched_is_sent_when_the_expiry_has_moved(
    member: Browser, memory: MemoryStore, let_pass: LetPass
) -> None:
    before = memory.load(member.sid or "")
    assert before is not None
    assert before.expires_at is not None
    let_pass(member, timedelta(hours=1))
    moved: list[bool] = []

    def hear(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        record = memory.load(session.id)
        assert record is not None
        assert record.expires_at is not None
        assert before.expires_at is not None
        moved.append(record.expires_at >= before.expires_at)

    with session_touched.connected_to(hear):
        member.run(lambda: session.get("user"))

    assert moved == [True]


@pytest.mark.parametrize("keep_data", [True, False])
def test_regenerated_carries_the_old_handle_before_the_new_id_is_stored(
    member: Browser, listener: Listener, memory: MemoryStore, keep_data: bool
) -> None:
    old_id = member.sid
    stored: list[bool] = []

    def hear(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        stored.append(memory.load(session.id) is not None)

    with session_regenerated.connected_to(hear):
        member.run(lambda: session.regenerate(keep_data=keep_data) or session.update(user="ada"))

    values = listener.values("regenerated")
    assert values["old_handle"] == handle_of(str(old_id))
    assert values["session"].id == member.sid != old_id
    assert stored == [False]


def test_regenerated_carries_no_old_handle_for_a_new_session(
    browser: Browser, listener: Listener
) -> None:
    browser.run(lambda: session.regenerate(keep_data=True) or session.update(user="ada"))

    assert listener.values("regenerated")["old_handle"] is None


def test_destroyed_is_sent_when_the_record_is_deleted(
    member: Browser, listener: Listener, memory: MemoryStore
) -> None:
    sid = member.sid
    left: list[int] = []

    def hear(sender: Flask, **values: Any) -> None:
        left.append(memory.count())

    with session_destroyed.connected_to(hear):
        member.run(lambda: session.destroy())

    assert left == [0]
    assert listener.values("destroyed")["handle"] == handle_of(str(sid))
    assert listener.values("destroyed")["session"] is not None


def test_destroyed_is_sent_when_a_login_ends_the_old_record(
    member: Browser, listener: Listener
) -> None:
    old_id = member.sid

    member.run(lambda: session.regenerate(keep_data=True))

    assert listener.names == ["loaded", "regenerated", "created", "destroyed"]
    assert listener.values("destroyed")["handle"] == handle_of(str(old_id))


def test_destroyed_is_sent_once_for_a_session_destroyed_twice(
    member: Browser, listener: Listener
) -> None:
    member.run(lambda: session.destroy() or session.destroy())

    assert listener.names == ["destroyed"]


def test_destroyed_carries_no_session_when_the_manager_destroys_an_id(
    app: Flask, member: Browser, listener: Listener
) -> None:
    app.extensions["serversession"].destroy(member.sid)

    handle = handle_of(str(member.sid))
    values = {"session": None, "handle": handle, "by": "manager"}
    assert listener.heard == [("destroyed", values)]


def test_destroyed_is_not_sent_for_an_unknown_id(app: Flask, listener: Listener) -> None:
    app.extensions["serversession"].destroy("nothing")

    assert listener.heard == []


def test_conflict_is_sent_as_merged_before_the_merge_is_saved(
    member: Browser, listener: Listener
) -> None:
    def change() -> None:
        change_elsewhere(member)
        listener.heard.clear()
        session["user"] = "bob"

    member.run(change)

    assert listener.names == ["conflict", "saved"]
    assert listener.values("conflict")["outcome"] == "merged"


def test_conflict_is_sent_as_rejected_and_nothing_is_saved(
    make_app: MakeApp, listener: Listener
) -> None:
    browser = browser_of(make_app(SESSION_CONCURRENCY="reject"))
    browser.run(lambda: session.update(user="ada"))

    def change() -> None:
        change_elsewhere(browser)
        listener.heard.clear()
        session["user"] = "bob"

    with pytest.raises(SessionConflict):
        browser.run(change)

    assert listener.names == ["conflict"]
    assert listener.values("conflict")["outcome"] == "rejected"


def test_conflict_is_sent_as_gone_and_nothing_is_saved(
    member: Browser, listener: Listener
) -> None:
    def change() -> None:
        log_out_elsewhere(member)
        listener.heard.clear()
        session["user"] = "bob"

    member.run(change)

    assert listener.names == ["conflict"]
    assert listener.values("conflict")["outcome"] == "gone"


def test_conflict_is_sent_while_the_session_still_has_the_changes(member: Browser) -> None:
    seen: list[dict[str, Any]] = []

    def hear(sender: Flask, session: flask_serversession.Session, **extra: Any) -> None:
        seen.append(session.copy())

    def change() -> None:
        log_out_elsewhere(member)
        session["user"] = "bob"

    with session_conflict.connected_to(hear):
        member.run(change)

    assert seen == [{"user": "bob"}]


def test_store_error_is_sent_before_the_error_is_raised(
    make_app: MakeApp, listener: Listener
) -> None:
    app = make_app(SESSION_STORE=f"redis://127.0.0.1:{free_port()}")
    browser = browser_of(app)
    browser.hold("aBcDeFgHiJkLmNoPqRsTuVwXyZ012345")

    def read() -> list[str]:
        with pytest.raises(StoreUnavailable):
            session.get("user")
        return listener.names

    assert browser.see(read) == ["store_error"]
    assert isinstance(listener.values("store_error")["error"], StoreError)


def test_an_exception_in_a_receiver_fails_the_request(member: Browser) -> None:
    def refuse(sender: Flask, **extra: Any) -> None:
        raise PermissionError("not from this address")

    with session_loaded.connected_to(refuse), pytest.raises(PermissionError):
        member.run(lambda: session.get("user"))


def test_store_error_is_not_sent_for_an_unreadable_record(
    member: Browser, listener: Listener, memory: MemoryStore
) -> None:
    sid = member.sid or ""
    record = memory.load(sid)
    assert record is not None
    memory.save(sid, flask_serversession.Record(b"not JSON", record.expires_at))
    heard: list[object] = []

    with session_store_error.connected_to(lambda sender, **extra: heard.append(sender)):
        member.run(lambda: session.get("user"))

    assert heard == []


class TestLogins:
    """The signals of logins. Each names the session by its handle."""

    @pytest.fixture
    def make_user(self, make_app: MakeApp, memory: MemoryStore) -> Callable[..., Browser]:
        def make_user(**config: Any) -> Browser:
            browser = browser_of(make_app(SESSION_STORE=memory, **config))
            browser.run(lambda: session.log_in("ada"))
            return browser

        return make_user

    def test_logging_in(
        self,
        make_user: Callable[..., Browser],
        listener: Listener,
    ) -> None:
        browser = make_user()

        values = listener.values("logged_in")
        assert values["user_id"] == "ada"
        assert values["handle"] == browser.see(lambda: session.handle)
        assert listener.names.count("regenerated") == 1

    def test_another_user_logging_in_is_one_new_id(
        self, make_user: Callable[..., Browser], listener: Listener
    ) -> None:
        browser = make_user()
        before = browser.see(lambda: session.handle)
        listener.heard.clear()

        browser.run(lambda: session.log_in("bob"))

        assert listener.values("regenerated")["old_handle"] == before
        assert listener.values("destroyed")["handle"] == before

    def test_logging_out(
        self,
        make_user: Callable[..., Browser],
        listener: Listener,
    ) -> None:
        browser = make_user()
        handle = browser.see(lambda: session.handle)

        browser.run(lambda: session.log_out())

        values = listener.values("logged_out")
        assert (values["user_id"], values["handle"]) == ("ada", handle)

    def test_being_ended_by_others(
        self,
        make_user: Callable[..., Browser],
        listener: Listener,
    ) -> None:
        browser = make_user()
        handle = browser.see(lambda: session.handle)

        manager_of(browser.application).end(handle, reason="stolen")

        values = listener.values("ended")
        assert values["session"] is None
        assert (values["user_id"], values["handle"]) == ("ada", handle)
        assert values["reason"] == "stolen"

    def test_being_refused(
        self,
        make_user: Callable[..., Browser],
        listener: Listener,
    ) -> None:
        app = make_user(SESSION_LIMIT_PER_USER=1, SESSION_ON_LIMIT="refuse").application
        late = browser_of(app)
        late.run(lambda: session.update(cart="apple"))
        handle = late.see(lambda: session.handle)

        late.run(lambda: session.log_in("ada"))

        assert listener.values("refused")["user_id"] == "ada"
        assert listener.values("refused")["handle"] == handle

    @pytest.mark.parametrize(
        ("options", "changed"),
        [
            ({}, None),
            ({"headers": {"User-Agent": "Lynx"}}, ("user_agent",)),
            ({"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}, ("address",)),
        ],
    )
    def test_another_browser_with_the_same_id(
        self,
        make_user: Callable[..., Browser],
        listener: Listener,
        options: dict[str, Any],
        changed: tuple[str, ...] | None,
    ) -> None:
        browser = make_user()
        handle = browser.see(lambda: session.handle)
        listener.heard.clear()

        browser.run(lambda: str(session.user_id), **options)

        if changed is None:
            assert "anomalous" not in listener.names
        else:
            values = listener.values("anomalous")
            assert (values["user_id"], values["handle"]) == ("ada", handle)
            assert values["changed"] == changed

    def test_a_visitor_is_not_anomalous(self, member: Browser, listener: Listener) -> None:
        member.run(lambda: str(session.get("user")), headers={"User-Agent": "Lynx"})

        assert "anomalous" not in listener.names
