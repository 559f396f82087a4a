"""Flask-SocketIO's events: which session they see and change, and when their sockets end."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from flask_serversession import manager_of
from flask_serversession import session_destroyed
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import LetPass
from .conftest import MakeApp

flask_socketio = pytest.importorskip("flask_socketio")
simple_websocket = pytest.importorskip("simple_websocket")

#: What the application does at an event, by the event's name.
HANDLERS: dict[str, Callable[[], Any]] = {
    "who": lambda: str(session.user_id),
    "vote": lambda: session.update(votes=session.get("votes", 0) + 1),
    "save": lambda: session.save(),
    "log out": lambda: session.log_out(),
    "log in": lambda: session.log_in("bob"),
}


@pytest.fixture
def app(make_app: MakeApp, memory: MemoryStore) -> Flask:
    app = make_app(SESSION_STORE=memory)
    let_sockets_in(app)
    return app


def let_sockets_in(app: Flask) -> None:
    socketio = flask_socketio.SocketIO(app, manage_session=False)
    for name, handle in HANDLERS.items():
        socketio.on(name)(handle)
    sockets: dict[str, str] = {}

    @socketio.on("connect")
    def connect() -> None:
        sockets[flask_socketio.flask.request.sid] = session.handle

    @session_destroyed.connect_via(app, weak=False)
    def disconnect(sender: Flask, **ended: Any) -> None:
        for socket, handle in sockets.items():
            if handle == ended["handle"]:
                socketio.server.disconnect(socket)


@pytest.fixture
def member(browser: Browser) -> Browser:
    browser.run(lambda: session.log_in("ada"))
    return browser


def socket_of(browser: Browser) -> Any:
    app = browser.application
    return app.extensions["socketio"].test_client(app, flask_test_client=browser)


def send(socket: Any, event: str) -> Any:
    return socket.emit(event, callback=True)


def test_an_event_sees_what_views_have_stored(member: Browser) -> None:
    socket = socket_of(member)
    member.run(lambda: session.update(votes=3))

    send(socket, "vote")

    assert member.see(lambda: session["votes"]) == 4


def test_an_event_extends_the_session_only_by_storing_it(
    member: Browser, memory: MemoryStore, let_pass: LetPass
) -> None:
    socket = socket_of(member)
    let_pass(member, timedelta(hours=5))

    def ends() -> Any:
        record = memory.load(member.sid or "")
        assert record is not None
        return record.expires_at

    before = ends()
    send(socket, "who")
    assert ends() == before

    send(socket, "save")
    assert ends() - before > timedelta(hours=4)


@pytest.mark.parametrize("event", ["vote", "log in"])
def test_an_event_of_a_visitor_stores_no_session(
    browser: Browser, memory: MemoryStore, event: str
) -> None:
    send(socket_of(browser), event)

    assert memory.count() == 0


def test_a_logout_in_an_event_ends_the_session_and_the_socket(member: Browser) -> None:
    socket = socket_of(member)
    socket.emit("log out")

    assert member.see(lambda: session.user_id) is None
    assert not socket.is_connected()


def log_out(browser: Browser) -> None:
    browser.run(lambda: session.log_out())


def log_in_again(browser: Browser) -> None:
    browser.run(lambda: session.log_in("ada"))


def end_it_elsewhere(browser: Browser) -> None:
    assert browser.sid is not None
    manager_of(browser.application).destroy(browser.sid)


def end_all_of_the_user(browser: Browser) -> None:
    manager_of(browser.application).end_all("ada", reason="banned")


@pytest.mark.parametrize("end", [log_out, log_in_again, end_it_elsewhere, end_all_of_the_user])
def test_a_socket_ends_with_the_id_of_its_session(
    member: Browser, end: Callable[[Browser], None]
) -> None:
    socket, other = socket_of(member), socket_of(browser_of(member.application))

    end(member)

    assert not socket.is_connected()
    assert other.is_connected()


def test_an_event_of_an_ended_session_sees_an_empty_one(
    member: Browser, memory: MemoryStore
) -> None:
    socket = socket_of(member)
    memory.clear()

    assert send(socket, "who") == "None"


def test_a_session_that_flask_socketio_manages_is_a_copy_that_outlives_a_logout(
    browser: Browser,
) -> None:
    socketio = flask_socketio.SocketIO(browser.application)
    socketio.on("look")(lambda: session["user"])
    browser.run(lambda: session.update(user="ada"))
    socket = socket_of(browser)
    send(socket, "look")

    log_out(browser)

    assert send(socket, "look") == "ada"


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application with threads, and yield the server's address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_works_over_a_real_websocket(member: Browser) -> None:
    cookie = member.get_cookie(member.cookie_name)
    assert cookie is not None
    headers = {"Cookie": f"{cookie.key}={cookie.value}"}
    with served(member.application) as address:
        url = f"ws://{address}/socket.io/?EIO=4&transport=websocket"
        with closing(simple_websocket.Client(url, headers=headers)) as socket:

            def receive() -> str:
                packet = socket.receive(timeout=60)
                while packet == "2":  # Engine.IO's ping, which may come at any time
                    socket.send("3")
                    packet = socket.receive(timeout=60)
                assert packet is not None
                return str(packet)

            assert receive().startswith("0{")  # Engine.IO's handshake
            socket.send("40")
            assert receive().startswith("40{")
            socket.send('421["vote"]')
            assert receive() == "431[]"
            assert member.see(lambda: session["votes"]) == 1
            socket.send('422["who"]')
            assert json.loads(receive().removeprefix("432")) == ["ada"]

            log_out(member)
            assert receive() == "41"  # Socket.IO's disconnect
