"""A TCP proxy between an application and its server that counts bytes and round trips."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit


class Traffic(NamedTuple):
    trips: int
    sent: int
    received: int


class Proxy:
    """Forwards bytes in both directions. Counts them, and the round trips."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._other: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        #: The sockets of clients whose request has not been answered yet.
        self._asking: set[socket.socket] = set()
        self._trips = self._sent = self._received = 0
        self._open = True

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def traffic(self) -> Traffic:
        return Traffic(self._trips, self._sent, self._received)

    def run(self) -> None:
        while self._open:
            for key, _ in self._selector.select(timeout=0.1):
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if source is self._listener:
                    self._accept()
                elif source in self._other:
                    self._pass_on(source)

    def close(self) -> None:
        self._open = False

    def release(self) -> None:
        """Close every socket. Call it after :meth:`run` has ended."""
        for each in (self._listener, *self._other):
            each.close()
        self._selector.close()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._server)
        self._clients.add(client)
        self._other |= {client: server, server: client}
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(each, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        other = self._other[source]
        try:
            data = source.recv(1 << 20)
        except ConnectionError:
            data = b""
        if not data:
            self._drop(source, other)
            return
        self._count(source, other, len(data))
        other.sendall(data)

    def _count(self, source: socket.socket, other: socket.socket, length: int) -> None:
        if source in self._clients:
            self._sent += length
            self._asking.add(source)
            return
        self._received += length
        if other in self._asking:
            self._asking.remove(other)
            self._trips += 1

    def _drop(self, *ends: socket.socket) -> None:
        for each in ends:
            self._selector.unregister(each)
            del self._other[each]
            self._clients.discard(each)
            self._asking.discard(each)
            each.close()


@contextmanager
def counting(url: str) -> Iterator[tuple[str, Proxy]]:
    """Run a proxy in front of a URL's server; yield the URL to use instead, and the proxy."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    proxy = Proxy(parts.hostname, parts.port)
    thread = Thread(target=proxy.run, name="proxy")
    thread.start()
    try:
        yield url.replace(f":{parts.port}", f":{proxy.port}"), proxy
    finally:
        proxy.close()
        thread.join()
        proxy.release()
