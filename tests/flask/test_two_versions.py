"""Two versions of an application on the same sessions, while servers are replaced one by one."""

from __future__ import annotations

from itertools import pairwise

from flask import Flask

from flask_serversession import Record
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp

OLD, NEW = "the old secret of 32 characters.", "the new secret of 32 characters."


def moved(browser: Browser, app: Flask) -> Browser:
    """Return the browser after the load balancer sent it to another server."""
    cookie = browser.get_cookie("session")
    assert cookie is not None
    moved = browser_of(app)
    moved.set_cookie("session", cookie.value)
    return moved


def test_a_secret_that_every_server_knew_before_one_signs_with_it_loses_no_session(
    make_app: MakeApp,
) -> None:
    lists = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]]
    versions = [make_app(SESSION_SECRET=secrets) for secrets in lists]
    browser = browser_of(versions[0])
    browser.run(lambda: session.update(name="ada"))

    for older, newer in pairwise(versions):
        for app in (older, newer, older, newer):
            browser = moved(browser, app)
            assert browser.data() == {"name": "ada"}


def test_an_older_version_keeps_what_a_newer_one_added(app: Flask, memory: MemoryStore) -> None:
    browser = browser_of(app)
    browser.run(lambda: session.log_in("ada"))
    assert browser.sid is not None
    record = memory.load(browser.sid)
    assert record is not None
    added = record.payload.replace(b'{"user":', b'{"added":1,"user":')
    memory.save(browser.sid, Record(added[:-1] + b',"new":{" tag":2}}', record.expires_at))

    browser.run(lambda: session.update(seen=True))

    record = memory.load(browser.sid)
    assert record is not None
    assert b'{"added":1,"user":' in record.payload
    assert b'"new":{" tag":2}' in record.payload
    assert b'"seen":true' in record.payload
