"""A browser that sends several cookies of the session's name: which session is used, and ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from flask_serversession import Record
from flask_serversession import session_ambiguous
from flask_serversession import session_destroyed
from flask_serversession.sessions.login import handle_of
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .browser import sid_of
from .browser import signed
from .browser import View
from .conftest import MakeApp
from .counting import CountingStore

Send = Callable[..., TestResponse]


@pytest.fixture
def make_send(make_app: MakeApp, store: CountingStore) -> Callable[..., Send]:
    """Return a function that sends a request with these ids in cookies, which a view answers."""

    def make_send(**config: Any) -> Send:
        app = make_app(**config)
        client = app.test_client(use_cookies=False)
        assert isinstance(client, Browser)

        def send(view: View, *sids: str) -> TestResponse:
            store.calls.clear()
            header = "; ".join(f"{client.cookie_name}={signed(app, sid)}" for sid in sids)
            return client.run(view, environ_overrides={"HTTP_COOKIE": header})

        return send

    return make_send


@pytest.fixture
def send(make_send: Callable[..., Send]) -> Send:
    return make_send()


@pytest.fixture
def live(send: Send) -> str:
    """The id of a session that is stored."""
    return log_in(send, "ada")


def log_in(send: Send, user: str, *sids: str) -> str:
    [line] = cookie_lines(send(lambda: session.update(user=user), *sids))
    return sid_of(line)


def test_only_as_many_cookies_are_verified_as_are_allowed(
    make_send: Callable[..., Send], memory: MemoryStore
) -> None:
    send = make_send(SESSION_MAX_COOKIES=2)
    sid = log_in(send, "ada")

    assert send(user, "another", sid).text == "ada"
    assert send(user, "another", "one more", sid).text == "None"


def user() -> str:
    return str(session.get("user"))


@pytest.fixture
def ended(send: Send, memory: MemoryStore) -> dict[str, str]:
    """Ids whose sessions are not in the store any more, or cannot be used."""
    log_in(send, "bob")
    [destroyed] = memory.keys()
    memory.delete(destroyed)
    past, future = utc_now() - timedelta(hours=1), utc_now() + timedelta(hours=1)
    memory.create("expired", Record(b'{"cookie":{"path":"/"},"user":"bob"}', past))
    memory.create("unreadable", Record(b"no session", future))
    return {"destroyed": destroyed, "expired": "expired", "unreadable": "unreadable"}


@pytest.mark.parametrize("kind", ["destroyed", "expired", "unreadable"])
@pytest.mark.parametrize("profile", ["flask", "express"])
def test_a_session_that_ended_does_not_hide_one_that_is_stored(
    make_send: Callable[..., Send], ended: dict[str, str], kind: str, profile: str
) -> None:
    send = make_send(SESSION_PROFILE=profile)
    live = log_in(send, "ada")

    assert send(user, ended[kind], live).text == "ada"
    assert send(user, live, ended[kind]).text == "ada"


def test_a_login_is_remembered_although_an_ended_session_comes_first(send: Send) -> None:
    live = log_in(send, "ada", "ended")

    assert send(user, "ended", live).text == "ada"


def test_changes_are_stored_in_the_session_that_was_found(send: Send, live: str) -> None:
    response = send(lambda: session.update(theme="dark"), "ended", live)

    assert cookie_lines(response) == []
    assert send(lambda: str(session["theme"]), live).text == "dark"


def test_a_session_with_a_new_id_gives_way_to_one_that_can_be_written(
    make_send: Callable[..., Send],
) -> None:
    send = make_send(SESSION_REGENERATE_GRACE=60)
    old = log_in(send, "ada")
    response = send(lambda: session.regenerate(keep_data=True), old)
    new = sid_of(cookie_lines(response)[0])
    send(lambda: session.update(user="grace"), new)

    assert send(user, old, new).text == "grace"
    assert send(user, old, old, "ended").text == "ada"


def test_of_two_sessions_with_new_ids_one_can_be_read(make_send: Callable[..., Send]) -> None:
    send = make_send(SESSION_REGENERATE_GRACE=60)
    one, other = log_in(send, "ada"), log_in(send, "ada")
    for sid in (one, other):
        send(lambda: session.regenerate(keep_data=True), sid)

    assert send(user, one, other).text == "ada"


class TestTripsToTheStore:
    def test_one_cookie_costs_one(self, send: Send, store: CountingStore, live: str) -> None:
        send(user, live)

        assert store.calls == ["load"]

    def test_a_cookie_sent_twice_costs_one(
        self, send: Send, store: CountingStore, live: str
    ) -> None:
        send(user, live, live)

        assert store.calls == ["load"]

    def test_nothing_is_looked_up_after_the_session_was_found(
        self, send: Send, store: CountingStore, live: str
    ) -> None:
        send(user, "ended", live, "another")

        assert store.calls == ["load", "load"]

    def test_four_ids_are_looked_up_at_most(
        self, send: Send, store: CountingStore, live: str
    ) -> None:
        assert send(user, "1", "2", "3", live).text == "ada"
        assert send(user, "1", "2", "3", "4", live).text == "None"
        assert store.calls == ["load"] * 4

    def test_four_are_ended_at_most(self, send: Send, store: CountingStore) -> None:
        send(lambda: session.destroy(), "1", "2", "3", "4", "5")

        assert len(store.calls) == 4


class TestLogout:
    @pytest.mark.parametrize("is_read", [False, True])
    @pytest.mark.parametrize("end", ["destroy", "clear", "unset"])
    def test_uncovers_no_other_login(
        self, make_send: Callable[..., Send], memory: MemoryStore, end: str, is_read: bool
    ) -> None:
        send = make_send(SESSION_UNSET="destroy")
        one, other = log_in(send, "ada"), log_in(send, "bob")

        def log_out() -> None:
            if is_read:
                session.get("user")
            getattr(session, end)()

        send(log_out, "ended", one, other)

        assert memory.count() == 0
        assert send(user, one, other).text == "None"

    def test_sends_a_signal_for_each_session_that_it_ends(
        self, send: Send, live: str, heard: list[Any]
    ) -> None:
        other = log_in(send, "bob")
        heard.clear()

        send(lambda: session.destroy(), "ended", live, other)

        assert [values["handle"] for _, values in heard] == [handle_of(live), handle_of(other)]


def test_the_session_that_is_stored_is_locked(send: Send, live: str) -> None:
    def write() -> None:
        with session.lock():
            session["count"] = session.get("count", 0) + 1

    send(write, "ended", live)

    assert send(lambda: str(session["count"]), live).text == "1"


@pytest.fixture
def heard(send: Send) -> Iterator[list[Any]]:
    """The signals about ambiguity and ends, each as its name and its values."""
    heard: list[Any] = []

    def hear_ambiguous(sender: Flask, **values: Any) -> None:
        heard.append(("ambiguous", values))

    def hear_destroyed(sender: Flask, **values: Any) -> None:
        heard.append(("destroyed", values))

    with (
        session_ambiguous.connected_to(hear_ambiguous),
        session_destroyed.connected_to(hear_destroyed),
    ):
        yield heard


def test_a_signal_says_which_sessions_were_named_and_which_one_is_used(
    send: Send, live: str, heard: list[Any]
) -> None:
    found: list[str] = []
    send(lambda: found.append(session.handle), "ended", live)

    [(name, values)] = heard
    assert name == "ambiguous"
    assert values["handles"] == [handle_of("ended"), handle_of(live)]
    assert values["rate"] == 1
    assert found == [handle_of(live)]


def test_no_signal_is_sent_for_one_cookie(send: Send, live: str, heard: list[Any]) -> None:
    send(user, live, live)

    assert heard == []


def test_the_log_says_once_a_minute_which_path_and_domain_to_look_at(
    make_send: Callable[..., Send], caplog: pytest.LogCaptureFixture
) -> None:
    send = make_send(SESSION_COOKIE_DOMAIN="example.com")

    with caplog.at_level(logging.WARNING):
        send(user, "planted id", "other")
        send(user, "planted id", "other")

    [record] = [one for one in caplog.records if "several signed" in one.message]
    assert "'session'" in record.message
    assert "Path=/" in record.message
    assert "Domain=example.com" in record.message
    assert "planted id" not in record.message


def test_the_log_says_if_the_cookie_has_no_domain(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    send(user, "one", "other")

    assert "and no Domain" in caplog.text
