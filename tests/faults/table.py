"""Prints what users see during each fault, by store: ``python -m tests.faults.table``."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from .backends import BACKENDS
from .narrow import fill
from .narrow import PLACES
from .narrow import TEXT
from .server import own_server
from .server import Server
from .visitor import Answer
from .visitor import CROWD
from .visitor import failures_before_success
from .visitor import Site
from .visitor import TIMEOUT
from .visitor import traffic
from .visitor import wait_for_outage

ROW = "{:10} {:9} {:9} {:7} {:>8}  {:12}  {}"
HEADINGS = ("store", "fault", "answers", "cookies", "longest", "failed after", "sessions")
INTRODUCTION = f"""\
The stores' timeout is {TIMEOUT} s, and {CROWD} visitors send requests at the same time.
"answers" and "cookies" are those of the requests that failed; "failed after" counts the requests
that failed after the server was back or had room again, until all visitors were served.
"""

Cells = tuple[object, ...]


def main() -> None:
    print(INTRODUCTION)
    print(ROW.format(*HEADINGS))
    for backend in BACKENDS:
        if backend.is_installed:
            with own_server(backend) as server:
                for fault in ("killed", "hanging", "restarted"):
                    show(backend.name, fault, outage(server, fault))
    for name in PLACES:
        try:
            show(name, "full", fullness(name))
        except pytest.skip.Exception as reason:
            print(f"{name}, full: {reason}")


def show(name: str, fault: str, cells: Cells) -> None:
    print(ROW.format(name, fault, *map(str, cells)), flush=True)


def outage(server: Server, fault: str) -> Cells:
    site = Site(server.url, timeout=TIMEOUT)
    visitors = site.crowd()
    with traffic(visitors) as answers:
        ids = [visitor.sid for visitor in visitors]
        if fault != "restarted":
            strike = server.kill if fault == "killed" else server.hang
            strike()
            wait_for_outage(answers)
    if fault == "restarted":
        server.kill()
    server.mend()
    late = [answer for visitor in visitors for answer in failures_before_success(visitor)]
    kept = [visitor.sid for visitor in visitors] == ids
    site.close()
    return (*summary([*answers, *late]), len(late), "kept" if kept else "lost: new ids")


def fullness(name: str) -> Cells:
    with PLACES[name]() as narrow:
        site = Site(narrow.url, **narrow.options)
        members = fill(site)
        newcomer = site.visitor()
        refused = newcomer.writes(TEXT)
        whole = sum(member.has(TEXT) for member in members)
        narrow.make_room()
        late = failures_before_success(newcomer)
        site.close()
    return (*summary([refused]), len(late), f"{whole} of {len(members)} whole")


def summary(answers: Iterable[Answer]) -> Cells:
    met = [answer for answer in answers if not answer.is_served]
    if not met:
        return "-", "-", "-"
    statuses = " ".join(sorted({str(answer.status) for answer in met}))
    cookies = sum(len(answer.cookies) for answer in met)
    return statuses, cookies, f"{max(answer.seconds for answer in met):.2f} s"


if __name__ == "__main__":
    main()
