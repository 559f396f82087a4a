"""An attacker sends an id, or a signed one, anywhere but in the session's cookie."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import Browser
from ..flask.browser import session
from ..flask.browser import signed
from .conftest import MakeSite
from .conftest import user_of


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(params=["id", "signed", "header"])
def sent(request: pytest.FixtureRequest, site: Flask, victim: Browser) -> str:
    """The victim's id in a form that the attacker got hold of."""
    assert victim.sid is not None
    cookie = signed(site, victim.sid)
    return {"id": victim.sid, "signed": cookie, "header": f"session={cookie}"}[request.param]


def visit(site: Flask, **options: Any) -> Any:
    client = site.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    response = client.run(lambda: [session.user_id, dict(session)], **options)
    return response.json


@pytest.mark.parametrize("name", ["session", "sid", "session_id", "connect.sid", "PHPSESSID"])
def test_an_id_in_the_query_is_not_used(site: Flask, sent: str, name: str) -> None:
    assert visit(site, query_string={name: sent}) == [None, {}]


@pytest.mark.parametrize("name", ["session", "sid", "session_id"])
def test_an_id_in_a_form_is_not_used(site: Flask, sent: str, name: str) -> None:
    assert visit(site, method="POST", data={name: sent}) == [None, {}]


def test_an_id_in_json_is_not_used(site: Flask, sent: str) -> None:
    assert visit(site, method="POST", json={"session": sent, "sid": sent}) == [None, {}]


def test_an_id_in_the_path_is_not_used(make_site: MakeSite, site: Flask, sent: str) -> None:
    other = make_site()
    other.add_url_rule("/<path:_>", "below", lambda _: [session.user_id])

    assert other.test_client().get(f"/page;session={sent}").json == [None]


@pytest.mark.parametrize(
    "name",
    ["Session", "X-Session", "X-Session-Id", "Authorization", "Cookie2", "X-Cookie", "Set-Cookie"],
)
def test_an_id_in_a_header_is_not_used(site: Flask, sent: str, name: str) -> None:
    assert visit(site, headers={name: sent}) == [None, {}]


@pytest.mark.parametrize("name", ["sid", "session.sig", "connect.sid", "Session", "session[]"])
def test_an_id_in_another_cookie_is_not_used(site: Flask, sent: str, name: str) -> None:
    assert visit(site, environ_overrides={"HTTP_COOKIE": f"{name}={sent}"}) == [None, {}]


def test_an_id_without_its_signature_is_not_used(site: Flask, victim: Browser) -> None:
    header = f"session={victim.sid}; session=s%3A{victim.sid}; session=s%3A{victim.sid}."

    assert visit(site, environ_overrides={"HTTP_COOKIE": header}) == [None, {}]


def test_a_handle_is_not_used_as_an_id(site: Flask, victim: Browser, attacker: Browser) -> None:
    attacker.hold(victim.see(lambda: session.handle))

    assert user_of(attacker) is None
