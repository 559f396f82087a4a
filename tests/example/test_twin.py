"""The example app and its Express twin on one port, as a visitor sees them."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from http.cookiejar import Cookie
from http.cookiejar import CookieJar
from importlib import import_module
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode
from urllib.request import build_opener
from urllib.request import HTTPCookieProcessor
from urllib.request import HTTPErrorProcessor
from urllib.request import Request

import pytest
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.serving import WSGIRequestHandler

from ..servers.base import free_port
from ..servers.base import running
from ..servers.base import unavailable

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TWIN = ROOT / "example_app" / "express"

# Last, so that the installed package is tested and not the checkout beside the example.
sys.path.append(str(ROOT))
create_app: Callable[..., Flask] = import_module("example_app").create_app

FLASK, EXPRESS = "", "/express"


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest) -> str:
    """The path of the ``node`` that runs Express."""
    node = shutil.which("node")
    if node is None or not (TWIN / "node_modules" / "express").is_dir():
        remedy = "install Node 20, then npm ci in example_app/express"
        unavailable(request.config, "The Express twin", remedy)
    assert node is not None
    return node


@pytest.fixture(scope="module")
def shops(node: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start both shops and return the URL of the proxy in front of them."""
    folder = tmp_path_factory.mktemp("twin")
    secret = {"SECRET_KEY": "the same in both"}
    with (
        flask_shop(folder, SESSION_STORE=redis_url, **secret) as flask_url,
        program(node, "server.js", folder, REDIS_URL=redis_url, **secret) as express_url,
        program(node, "proxy.js", folder, FLASK_URL=flask_url, EXPRESS_URL=express_url) as url,
    ):
        yield url


@contextmanager
def flask_shop(folder: Path, **environment: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"TWIN_URL": f"{EXPRESS}/", **environment}.items():
            patch.setenv(name, value)
        app = create_app(instance_path=str(folder))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.extensions["serversession"].close()


class Silent(WSGIRequestHandler):
    def log_request(self, *args: object) -> None:
        pass


@contextmanager
def program(node: str, script: str, folder: Path, **environment: str) -> Iterator[str]:
    port = free_port()
    home = folder / script
    home.mkdir()
    variables = [f"{name}={value}" for name, value in environment.items()]
    with running(
        ["env", *variables, f"PORT={port}", node, str(TWIN / script)],
        ready=lambda: socket.create_connection(("127.0.0.1", port)).close(),
        folder=home,
    ):
        yield f"http://127.0.0.1:{port}"


class Visitor:
    """A browser that does not follow redirects by itself."""

    def __init__(self, url: str, cookies: Iterable[Cookie] = (), agent: str = "") -> None:
        self._url = url
        self._cookies = CookieJar()
        for cookie in cookies:
            self._cookies.set_cookie(cookie)
        self._opener = build_opener(HTTPCookieProcessor(self._cookies), AnyStatus)
        self._opener.addheaders = [("User-Agent", agent)]

    def copy(self) -> Visitor:
        """Return another browser with a copy of the current cookies."""
        return Visitor(self._url, self._cookies)

    @property
    def cookie(self) -> str | None:
        [cookie] = self._cookies
        return cookie.value

    def look(self, path: str, *, expected: int = 200) -> str:
        """Return the page at a path."""
        return self._open(path, None, expected=expected)

    def send(self, path: str, *, seen_at: str, expected: int = 302, **fields: str) -> None:
        """Send a form with the CSRF token of a page."""
        tokens = re.findall(r'name="csrf_token" value="([^"]+)"', self.look(seen_at))
        form = urlencode({"csrf_token": tokens[0], **fields})
        self._open(path, form.encode(), expected=expected)

    def _open(self, path: str, data: bytes | None, *, expected: int) -> str:
        with self._opener.open(self._url + path, data) as response:
            assert response.status == expected
            page: str = response.read().decode()
        return page


class AnyStatus(HTTPErrorProcessor):
    def http_response(self, request: Request, response: HTTPResponse) -> HTTPResponse:
        return response


@pytest.fixture
def visitor(shops: str) -> Visitor:
    return Visitor(shops)


def log_in(visitor: Visitor, side: str, name: str = "Ada") -> None:
    visitor.send(f"{side}/login", seen_at=f"{side}/login", name=name)


def add(visitor: Visitor, side: str, slug: str, glaze: str) -> None:
    visitor.send(f"{side}/cart/{slug}", seen_at=f"{side}/", glaze=glaze)


def name_on(page: str) -> str | None:
    """Return the name of the user logged in, as shown on a page."""
    found = re.search(r"<span>([^<]+)</span>\s*<button class=\"quiet\">Log out", page)
    return found[1] if found else None


def cart_on(page: str) -> dict[str, int]:
    """Return the contents of the cart, as shown on a page."""
    lines = re.findall(r'"One ([^"]+) less">.</button>\s*<span>(\d+)</span>', page)
    return {name: int(quantity) for name, quantity in lines}


def devices_on(page: str) -> list[tuple[str, str]]:
    """Return the name and the time of each device on a page, the current one with an asterisk."""
    page = page.replace(' <small class="mark">This device</small>', "*")
    items = page.split("<li>")[1:]
    return [
        (re.findall(r"<h2>(.+?)</h2>", item)[0], " ".join(re.findall(r"<dd>(.+?)</dd>", item)))
        for item in items
    ]


def handles_on(page: str) -> list[str]:
    """Return the handles of the devices that a page can end."""
    return re.findall(r'name="handle" value="([^"]+)"', page)


both_ways = pytest.mark.parametrize(("here", "there"), [(FLASK, EXPRESS), (EXPRESS, FLASK)])


def test_each_page_says_which_framework_answered(visitor: Visitor) -> None:
    for path in ["/", "/login"]:
        assert "Answered by <b>Flask</b>" in visitor.look(FLASK + path)
        assert "Answered by <b>Express</b>" in visitor.look(EXPRESS + path)


def test_the_example_app_alone_does_not_mention_a_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TWIN_URL", raising=False)
    monkeypatch.setenv("SESSION_STORE", "memory")

    page = create_app(instance_path=str(tmp_path)).test_client().get("/").text

    assert "Answered" not in page


@both_ways
def test_a_login_on_one_side_is_a_login_on_the_other(
    visitor: Visitor, here: str, there: str
) -> None:
    log_in(visitor, here)
    cookie = visitor.cookie

    assert name_on(visitor.look(f"{there}/")) == "Ada"
    assert visitor.cookie == cookie


@both_ways
def test_a_logout_on_one_side_is_a_logout_on_the_other(
    visitor: Visitor, here: str, there: str
) -> None:
    log_in(visitor, here)
    thief = visitor.copy()
    visitor.send(f"{there}/logout", seen_at=f"{there}/")

    assert name_on(visitor.look(f"{here}/")) is None
    assert name_on(thief.look(f"{here}/")) is None
    assert name_on(thief.look(f"{there}/")) is None


@both_ways
def test_a_login_changes_the_id_and_keeps_the_cart_of_the_other_side(
    visitor: Visitor, here: str, there: str
) -> None:
    add(visitor, there, "bowl", "chalk")
    before = visitor.cookie
    log_in(visitor, here)

    assert visitor.cookie != before
    assert cart_on(visitor.look(f"{there}/")) == {"Bowl, chalk": 1}


@both_ways
def test_a_remembered_login_is_remembered_on_the_other_side(
    visitor: Visitor, here: str, there: str
) -> None:
    visitor.send(f"{here}/login", seen_at=f"{here}/login", name="Ada", remember="on")

    assert "30 days after each visit" in visitor.look(f"{there}/")


@both_ways
def test_a_cart_filled_on_one_side_can_be_changed_on_the_other(
    visitor: Visitor, here: str, there: str
) -> None:
    add(visitor, here, "cup", "celadon")
    add(visitor, here, "vase", "iron")
    visitor.send(f"{there}/cart/cup/celadon", seen_at=f"{there}/", quantity="3")
    visitor.send(f"{there}/cart/vase/iron", seen_at=f"{there}/", quantity="0")

    assert cart_on(visitor.look(f"{there}/")) == {"Cup, celadon": 3}
    assert cart_on(visitor.look(f"{here}/")) == {"Cup, celadon": 3}


@both_ways
def test_a_form_of_one_side_can_be_sent_to_the_other(
    visitor: Visitor, here: str, there: str
) -> None:
    visitor.send(f"{there}/cart/cup", seen_at=f"{here}/", glaze="iron")

    assert cart_on(visitor.look(f"{here}/")) == {"Cup, iron": 1}


@both_ways
def test_a_message_flashed_on_one_side_is_shown_once_by_the_other(
    visitor: Visitor, here: str, there: str
) -> None:
    log_in(visitor, here)

    assert "Welcome, Ada." in visitor.look(f"{there}/")
    assert "Welcome, Ada." not in visitor.look(f"{here}/")


@pytest.mark.parametrize("side", [FLASK, EXPRESS])
def test_a_form_without_a_valid_csrf_token_is_refused(visitor: Visitor, side: str) -> None:
    visitor.send(f"{side}/cart/cup", seen_at=f"{side}/", csrf_token="", glaze="iron", expected=400)
    visitor.send(f"{side}/logout", seen_at=f"{side}/", csrf_token="another", expected=400)

    assert cart_on(visitor.look(f"{side}/")) == {}


@both_ways
def test_both_sides_show_the_same_devices(shops: str, here: str, there: str) -> None:
    name = f"Eve of{here}"
    one, other = Visitor(shops, agent="Firefox/143.0 (Android)"), Visitor(shops, agent="Edg Linux")
    log_in(one, here, name)
    log_in(other, there, name)

    page, twin = one.look(f"{here}/devices"), one.look(f"{there}/devices")

    times = "127.0.0.1 just now just now in 1 h"
    assert devices_on(page) == [("Edge on Linux", times), ("Firefox on Android*", times)]
    assert devices_on(twin) == devices_on(page)
    assert handles_on(twin) == handles_on(page)


@both_ways
@pytest.mark.parametrize("kind", ["end", "end-others"])
def test_a_device_that_logged_in_on_one_side_can_be_ended_on_the_other(
    shops: str, here: str, there: str, kind: str
) -> None:
    one, other, name = Visitor(shops), Visitor(shops), f"Eve {kind} of{here}"
    log_in(one, here, name)
    log_in(other, there, name)
    [handle] = handles_on(one.look(f"{here}/devices"))

    one.send(f"{here}/devices/{kind}", seen_at=f"{here}/devices", handle=handle)

    assert len(devices_on(one.look(f"{there}/devices"))) == 1
    for side in (here, there):
        assert name_on(one.look(f"{side}/")) == name
        assert name_on(other.look(f"{side}/")) is None


@pytest.mark.parametrize("side", [FLASK, EXPRESS])
def test_a_device_that_flask_ended_is_told_why_by_either_side(shops: str, side: str) -> None:
    one, other, name = Visitor(shops), Visitor(shops), f"Eve told by{side}"
    log_in(one, FLASK, name)
    log_in(other, side, name)
    one.send("/devices/end-others", seen_at="/devices")

    for expected in (True, False):
        page = other.look(f"{side}/login")
        assert ("You logged this device out from another one." in page) is expected


@pytest.mark.parametrize("side", [FLASK, EXPRESS])
def test_a_device_of_another_user_cannot_be_ended(shops: str, side: str) -> None:
    ada, bob = Visitor(shops), Visitor(shops)
    log_in(ada, side, "Another user")
    log_in(bob, side, f"Bob of{side}")
    bob_again = Visitor(shops)
    log_in(bob_again, side, f"Bob of{side}")
    [handle] = handles_on(bob_again.look(f"{side}/devices"))

    path = f"{side}/devices"
    ada.send(f"{path}/end", seen_at=path, handle=handle, expected=404)

    assert name_on(bob.look(f"{side}/")) == f"Bob of{side}"


@both_ways
def test_the_limit_counts_the_logins_of_both_sides(shops: str, here: str, there: str) -> None:
    name = f"Eve the fourth of{here}"
    visitors = [Visitor(shops) for _ in range(4)]
    for visitor, side in zip(visitors, [here, there, here, FLASK], strict=True):
        log_in(visitor, side, name)

    assert name_on(visitors[0].look(f"{here}/")) is None
    assert name_on(visitors[1].look(f"{here}/")) == name


@pytest.mark.parametrize("side", [FLASK, EXPRESS])
def test_another_user_finds_nothing_of_the_first_ones_cart(visitor: Visitor, side: str) -> None:
    log_in(visitor, side)
    add(visitor, side, "cup", "iron")
    log_in(visitor, side, "Bob")

    assert cart_on(visitor.look(f"{side}/")) == {}


@pytest.mark.parametrize("side", [FLASK, EXPRESS])
def test_a_visitor_is_asked_to_log_in_before_devices_are_shown(
    visitor: Visitor, side: str
) -> None:
    assert "/devices" not in visitor.look(f"{side}/")
    visitor.look(f"{side}/devices", expected=302)

    assert "Please log in first." in visitor.look(f"{side}/login")
