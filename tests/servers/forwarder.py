"""A TCP address whose server changes, as a host name's does in a failover."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Forwarder(socketserver.ThreadingTCPServer):
    """Passes each new connection on to the server that it leads to at the time."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.port: int = self.server_address[1]
        #: The port to which new connections lead.
        self.target = target
        #: The ports to which the open connections lead.
        self.leads: dict[socketserver.BaseRequestHandler, int] = {}

    def move(self, target: int) -> None:
        """Lead new connections to another server. Open ones stay as they are."""
        self.target = target

    def wait_until_no_connection_leads(self, to: int) -> None:
        deadline = time.monotonic() + 60
        while to in self.leads.values():
            assert time.monotonic() < deadline, "a connection stays open"
            time.sleep(0.01)


class _Connection(socketserver.BaseRequestHandler):
    server: Forwarder

    def handle(self) -> None:
        port = self.server.target
        try:
            server = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            return
        self.server.leads[self] = port
        try:
            with server:
                _pass_on(self.request, server)
        except ConnectionError:
            pass
        finally:
            del self.server.leads[self]


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes on in both directions until one side hangs up."""
    other = {client: server, server: client}
    while True:
        readable, _, _ = select.select(list(other), [], [])
        for each in readable:
            received = each.recv(65536)
            if not received:
                return
            other[each].sendall(received)


@contextmanager
def forwarding_to(port: int) -> Iterator[Forwarder]:
    """Run a forwarder until the block ends."""
    with Forwarder(port) as forwarder:
        thread = threading.Thread(target=forwarder.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield forwarder
        finally:
            forwarder.shutdown()
            thread.join()
