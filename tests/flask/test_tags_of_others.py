"""Where Express may write the sessions, a visitor of Express cannot make Markup for Flask."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import render_template_string
from markupsafe import Markup

from flask_serversession import Record
from flask_serversession.cookies.signing import Keygrip
from flask_serversession.stores.base import Store
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser

SID = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
#: What ``req.session.profile = req.body`` stores for a visitor who knows of tags.
FORGED = {"profile": {"name": {" markup": "<img src=x>"}, "roles": {" set": ["admin"]}}}
COOKIE = {"originalMaxAge": None, "expires": None, "httpOnly": True, "path": "/"}


@pytest.fixture(params=["express profile", "file layout", "SQL layout"])
def shared(
    request: pytest.FixtureRequest, make_browser: MakeBrowser, tmp_path: Path
) -> Iterator[tuple[Browser, Store]]:
    """A browser of an application, and its store that Express may write to."""
    store: Store = MemoryStore()
    if request.param == "file layout":
        store = FileSystemStore(tmp_path, layout="session-file-store")
    elif request.param == "SQL layout":
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
        store = SQLAlchemyStore.from_url(url, layout="connect-session-knex")
    profile = "express" if request.param == "express profile" else "flask"
    browser = make_browser(SESSION_PROFILE=profile, SESSION_STORE=store)
    yield browser, store
    browser.application.extensions["serversession"].close()


def show_name() -> str:
    return render_template_string("{{ session.profile.name }}")


def test_a_tag_that_a_visitor_wrote_is_escaped(shared: tuple[Browser, Store]) -> None:
    browser, store = shared
    payload = json.dumps({"cookie": COOKIE, **FORGED}, separators=(",", ":")).encode()
    store.create(SID, Record(payload, utc_now() + timedelta(hours=1)))
    browser.hold(SID)

    page = browser.run(show_name).text

    assert "<img" not in page
    assert browser.data() == FORGED


def test_what_the_application_stored_keeps_its_types(shared: tuple[Browser, Store]) -> None:
    browser, _ = shared
    profile: dict[str, Any] = {"name": Markup("<b>Ada</b>"), "roles": {"admin"}}

    browser.run(lambda: session.update(profile=profile))

    assert browser.run(show_name).text == "<b>Ada</b>"
    assert browser.data() == {"profile": profile}


def test_a_tag_in_a_cookie_that_express_wrote_is_escaped(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_STORE="cookie")
    value = base64.b64encode(json.dumps(FORGED, separators=(",", ":")).encode()).decode()
    browser.set_cookie("session", value)
    browser.set_cookie("session.sig", Keygrip(["keyboard cat"]).sign(f"session={value}"))

    assert browser.data() == FORGED
    assert "<img" not in browser.run(show_name).text


def test_a_store_that_only_this_application_writes_stores_tags_alone(
    make_browser: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_browser(SESSION_STORE=memory)

    browser.run(lambda: session.update(size=(1, 2)))

    [key] = memory.keys()
    record = memory.load(key)
    assert record is not None
    assert record.payload.endswith(b',"size":{" tuple":[1,2]}}')
