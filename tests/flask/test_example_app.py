"""The example shop, visited with a browser."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_serversession import Session
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.sqlalchemy import SQLAlchemyStore

# Last, so that the installed package is tested and not the checkout beside the example.
sys.path.append(str(Path(__file__).parents[2]))
create_app: Callable[..., Flask] = import_module("example_app").create_app

OpenShop = Callable[[], Flask]


@pytest.fixture
def sqlite_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenShop:
    """Open the shop without any configuration, which means on a SQLite file."""
    monkeypatch.delenv("SESSION_STORE", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    return lambda: create_app(instance_path=str(tmp_path / "instance"))


@pytest.fixture(params=["memory", "sqlite"])
def shop(
    request: pytest.FixtureRequest, sqlite_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    if request.param == "memory":
        monkeypatch.setenv("SESSION_STORE", "memory")
    return sqlite_shop()


@pytest.fixture
def visitor(shop: Flask) -> FlaskClient:
    return shop.test_client()


def submit(visitor: FlaskClient, path: str, **fields: str | int) -> str:
    """Submit a form with the token of its page, and return the page that follows."""
    form_page = "/login" if path == "/login" else "/"
    token = re.search('name="csrf_token" value="(.+?)"', visitor.get(form_page).text)
    assert token is not None
    answer = visitor.post(path, data={"csrf_token": token[1], **fields}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def data_of(visitor: FlaskClient) -> dict[str, object]:
    with visitor.session_transaction() as session:
        return dict(session)


def id_of(visitor: FlaskClient) -> str:
    with visitor.session_transaction() as session:
        assert isinstance(session, Session)
        return session.id


def test_a_login_changes_the_id_and_keeps_the_cart(visitor: FlaskClient) -> None:
    submit(visitor, "/cart/cup", glaze="iron")
    before = id_of(visitor)

    page = submit(visitor, "/login", name="Ada")

    assert "Welcome, Ada." in page
    assert id_of(visitor) != before
    assert data_of(visitor)["cart"] == {"cup": {"iron": 1}}


def test_an_id_planted_before_a_login_is_useless_after_it(
    shop: Flask, visitor: FlaskClient
) -> None:
    visitor.get("/")
    planted = visitor.get_cookie("session")
    assert planted is not None
    submit(visitor, "/login", name="Ada")

    attacker = shop.test_client()
    attacker.set_cookie("session", planted.value)

    assert "Ada" not in attacker.get("/").text


def test_a_login_renews_the_csrf_token(visitor: FlaskClient) -> None:
    visitor.get("/")
    before = data_of(visitor)["csrf_token"]

    submit(visitor, "/login", name="Ada")

    assert data_of(visitor)["csrf_token"] != before


def test_a_login_needs_a_name(visitor: FlaskClient) -> None:
    assert "Please enter a name." in submit(visitor, "/login", name="  ")
    assert "name" not in data_of(visitor)


def test_remember_me_gives_the_cookie_an_expiry(
    visitor: FlaskClient,
) -> None:
    submit(visitor, "/login", name="Ada")
    cookie = visitor.get_cookie("session")
    assert cookie is not None
    assert cookie.expires is None

    submit(visitor, "/login", name="Ada", remember="on")
    cookie = visitor.get_cookie("session")
    assert cookie is not None
    assert cookie.expires is not None


def test_a_logout_ends_the_session_and_flashes_bye_in_a_new_one(
    shop: Flask, visitor: FlaskClient
) -> None:
    submit(visitor, "/cart/cup", glaze="iron")
    submit(visitor, "/login", name="Ada")
    before = id_of(visitor)

    page = submit(visitor, "/logout")

    assert "Bye" in page
    assert "Ada" not in page
    assert shop.extensions["serversession"].load(before) is None
    assert id_of(visitor) != before
    assert "cart" not in data_of(visitor)


def test_nested_changes_to_the_cart_are_stored(visitor: FlaskClient) -> None:
    submit(visitor, "/cart/cup", glaze="iron")
    submit(visitor, "/cart/cup", glaze="iron")
    submit(visitor, "/cart/cup", glaze="chalk")
    submit(visitor, "/cart/vase", glaze="chalk")
    assert data_of(visitor)["cart"] == {"cup": {"iron": 2, "chalk": 1}, "vase": {"chalk": 1}}

    submit(visitor, "/cart/cup/iron", quantity=5)
    submit(visitor, "/cart/cup/chalk", quantity=0)
    page = submit(visitor, "/cart/vase/chalk", quantity=-1)
    assert data_of(visitor)["cart"] == {"cup": {"iron": 5}}
    assert "€120" in page


def test_a_cart_holds_at_most_a_dozen_of_a_kind(visitor: FlaskClient) -> None:
    submit(visitor, "/cart/cup/iron", quantity=1000)
    submit(visitor, "/cart/cup", glaze="iron")

    assert data_of(visitor)["cart"] == {"cup": {"iron": 12}}


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/cart/teapot", {"glaze": "iron"}, 404),
        ("/cart/cup", {"glaze": "gold"}, 404),
        ("/cart/cup", {}, 404),
        ("/cart/cup/iron", {"quantity": "many"}, 400),
    ],
)
def test_an_invalid_order_changes_nothing(
    visitor: FlaskClient, path: str, fields: dict[str, str], status: int
) -> None:
    visitor.get("/")
    token = data_of(visitor)["csrf_token"]

    answer = visitor.post(path, data={"csrf_token": token, **fields})

    assert answer.status_code == status
    assert "cart" not in data_of(visitor)


@pytest.mark.parametrize(
    "path",
    ["/login", "/logout", "/cart/cup", "/cart/cup/iron", "/devices/end", "/devices/end-others"],
)
@pytest.mark.parametrize("fields", [{}, {"csrf_token": ""}, {"csrf_token": "gue\u00dfed"}])
def test_a_form_without_a_valid_csrf_token_is_refused(
    visitor: FlaskClient, path: str, fields: dict[str, str]
) -> None:
    submit(visitor, "/login", name="Ada")
    before = data_of(visitor)

    answer = visitor.post(path, data={"name": "Eve", "glaze": "iron", "quantity": 1, **fields})

    assert answer.status_code == 400
    assert data_of(visitor) == before


def test_a_form_sent_without_a_session_is_refused_and_starts_none(visitor: FlaskClient) -> None:
    answer = visitor.post("/login", data={"csrf_token": "", "name": "Eve"})

    assert answer.status_code == 400
    assert visitor.get_cookie("session") is None


def test_counter_cart_and_login_survive_a_restart(sqlite_shop: OpenShop) -> None:
    before = sqlite_shop().test_client()
    submit(before, "/login", name="Ada")
    submit(before, "/cart/bowl", glaze="celadon")
    cookie = before.get_cookie("session")
    assert cookie is not None
    views = data_of(before)["views"]
    assert isinstance(views, int)

    after = sqlite_shop().test_client()
    after.set_cookie("session", cookie.value)
    page = after.get("/").text

    assert f"{views + 1} times" in page
    assert "Ada" in page
    assert data_of(after)["cart"] == {"bowl": {"celadon": 1}}


def test_the_generated_secret_is_readable_only_by_its_owner(
    sqlite_shop: OpenShop, tmp_path: Path
) -> None:
    key = sqlite_shop().secret_key
    file = tmp_path / "instance" / "secret_key"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text() == key == sqlite_shop().secret_key


def test_nothing_is_written_to_disk_if_store_and_secret_are_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_STORE", "memory")
    monkeypatch.setenv("SECRET_KEY", "from the environment")

    app = create_app(instance_path=str(tmp_path / "instance"))

    assert app.secret_key == "from the environment"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "kind", "shown"),
    [
        ("memory", MemoryStore, "MemoryStore (memory)"),
        ("sqlite:///{folder}/other.db", SQLAlchemyStore, "SQLAlchemyStore (sqlite)"),
        ("file://{folder}/sessions", FileSystemStore, "FileSystemStore (file)"),
    ],
)
def test_session_store_chooses_the_store(
    sqlite_shop: OpenShop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    kind: type,
    shown: str,
) -> None:
    monkeypatch.setenv("SESSION_STORE", url.format(folder=tmp_path))
    app = sqlite_shop()
    visitor = app.test_client()
    visitor.get("/")
    page = visitor.get("/").text

    assert isinstance(app.extensions["serversession"].store, kind)
    assert "2 times" in page
    assert shown in page
    assert str(tmp_path) not in page


def test_the_panel_shows_neither_the_whole_id_nor_the_csrf_token(
    visitor: FlaskClient,
) -> None:
    page = submit(visitor, "/login", name="Ada")
    panel = page[page.index("Behind the counter") :]

    sid = id_of(visitor)
    token = data_of(visitor)["csrf_token"]
    tag, secret = sid.split(".")
    assert f"session=s%3A{tag}.{secret[:8]}…" in panel
    assert sid not in page
    assert isinstance(token, str)
    assert token not in panel


def test_the_panel_shows_how_long_the_session_had_left(visitor: FlaskClient) -> None:
    assert "Not stored yet" in visitor.get("/").text
    assert "1 h, renewed by this visit" in visitor.get("/").text

    assert "30 d, renewed by this visit" in submit(visitor, "/login", name="A", remember="on")


def test_a_page_of_a_user_can_ask_when_the_session_ends_and_extend_it(
    visitor: FlaskClient,
) -> None:
    assert "timeout.js" not in visitor.get("/").text
    page = submit(visitor, "/login", name="Ada")

    asked = re.search('data-url="(.+?)" data-token="(.+?)"', page)

    assert asked is not None
    assert "timeout.js" in page
    url, token = asked.groups()
    for answer in (visitor.get(url), visitor.post(url, data={"csrf_token": token})):
        assert answer.json is not None
        assert answer.json["expires_in"] in (3599, 3600)


def test_another_user_finds_nothing_of_the_first_ones_cart(visitor: FlaskClient) -> None:
    submit(visitor, "/login", name="Ada")
    submit(visitor, "/cart/cup", glaze="chalk")
    assert data_of(visitor)["cart"]

    submit(visitor, "/login", name="Bob")

    assert "cart" not in data_of(visitor)


def test_the_panel_shows_the_attributes_of_the_cookie(visitor: FlaskClient) -> None:
    assert "HttpOnly · SameSite=Lax · Path=/" in visitor.get("/").text

    visitor.delete_cookie("session")
    page = visitor.get("/", base_url="https://localhost").text
    assert "HttpOnly · Secure · SameSite=Lax · Path=/" in page


def test_a_name_is_escaped(visitor: FlaskClient) -> None:
    page = submit(visitor, "/login", name="<b>Ada</b>")

    assert "<b>" not in page
    assert "&lt;b&gt;Ada" in page


def test_static_files_and_missing_pages_start_no_session(visitor: FlaskClient) -> None:
    for path in ("/static/style.css", "/static/vessels.svg", "/nowhere"):
        visitor.get(path).close()

    assert visitor.get_cookie("session") is None


@pytest.mark.parametrize("path", ["/", "/login"])
def test_an_unreachable_store_gives_an_explaining_503_page(
    sqlite_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("SESSION_STORE", "sqlite:////nowhere/at/all.db")

    answer = sqlite_shop().test_client().get(path)

    assert answer.status_code == 503
    assert "Our store room does not answer" in answer.text


@dataclass
class Device:
    """A browser in which a user is logged in."""

    browser: FlaskClient

    @property
    def is_logged_in(self) -> bool:
        return "_user_id" in data_of(self.browser)

    @property
    def handle(self) -> str:
        with self.browser.session_transaction() as session:
            assert isinstance(session, Session)
            return session.handle


LogIn = Callable[..., Device]


@pytest.fixture
def log_in(shop: Flask) -> LogIn:
    """Log a user in with another browser."""

    def log_in(name: str = "Ada", agent: str = "") -> Device:
        browser = shop.test_client()
        browser.environ_base["HTTP_USER_AGENT"] = agent
        submit(browser, "/login", name=name)
        return Device(browser)

    return log_in


def devices_on(page: str) -> list[str]:
    """Return the names of the devices on a page, with an asterisk for the current one."""
    names = re.findall(r"<h2>(.+?)</h2>", page)
    return [name.replace(' <small class="mark">This device</small>', "*") for name in names]


WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
EDGE = f"{WINDOWS} Edg/140.0.0.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"
)
ANDROID = "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0"


def test_a_user_sees_the_own_devices_and_which_is_this_one(log_in: LogIn) -> None:
    log_in("Ada", IPHONE)
    log_in("Bob", EDGE)
    here = log_in("Ada", ANDROID)

    page = here.browser.get("/devices").text

    assert devices_on(page) == ["Firefox on Android*", "Safari on iPhone"]
    assert page.count("127.0.0.1") == 2
    assert page.count("just now") == 4
    assert page.count("in 1 h") == 2


@pytest.mark.parametrize(
    ("agent", "name"),
    [(WINDOWS, "Chrome on Windows"), (EDGE, "Edge on Windows"), ("curl/8.5", "Unknown browser")],
)
def test_a_device_has_a_readable_name(log_in: LogIn, agent: str, name: str) -> None:
    assert devices_on(log_in(agent=agent).browser.get("/devices").text) == [f"{name}*"]


def test_a_label_is_shown_instead_of_the_browser(log_in: LogIn) -> None:
    here = log_in(agent=EDGE)
    with here.browser.session_transaction() as session:
        assert isinstance(session, Session)
        session.log_in("Ada", label="The till")

    assert devices_on(here.browser.get("/devices").text) == ["The till*"]


def test_the_devices_are_linked_and_shown_to_users_only(visitor: FlaskClient) -> None:
    assert 'href="/devices"' not in visitor.get("/").text
    assert "Please log in first." in visitor.get("/devices", follow_redirects=True).text
    assert 'href="/devices"' in submit(visitor, "/login", name="Ada")


def test_a_user_ends_another_device_which_is_told_why(log_in: LogIn) -> None:
    here, other, third = log_in(), log_in(), log_in()

    page = submit(here.browser, "/devices/end", handle=other.handle)

    assert "The device is logged out." in page
    assert [here.is_logged_in, other.is_logged_in, third.is_logged_in] == [True, False, True]
    assert "You logged this device out from another one." in other.browser.get("/").text
    assert "from another one" not in other.browser.get("/").text


def test_an_ended_device_is_told_why_also_where_a_login_is_asked_for(log_in: LogIn) -> None:
    here, other = log_in(), log_in()
    submit(here.browser, "/devices/end", handle=other.handle)

    page = other.browser.get("/devices", follow_redirects=True).text

    assert "You logged this device out from another one." in page
    assert "Please log in first." in page


def test_a_user_logs_out_everywhere_else(log_in: LogIn) -> None:
    here, other, third, bob = log_in(), log_in(), log_in(), log_in("Bob")

    page = submit(here.browser, "/devices/end-others")

    assert "Your other devices are logged out." in page
    assert "Log out everywhere else" not in page
    assert here.is_logged_in
    assert bob.is_logged_in
    for ended in (other, third):
        assert "You logged this device out from another one." in ended.browser.get("/").text


def test_a_remembered_device_does_not_come_back_after_its_end(log_in: LogIn) -> None:
    here, other = log_in(), log_in()
    submit(other.browser, "/login", name="Ada", remember="on")
    submit(here.browser, "/devices/end-others")

    assert "Log in" in other.browser.get("/").text
    assert not other.is_logged_in


def test_a_fourth_login_ends_the_first_which_is_told_why(log_in: LogIn) -> None:
    first, *others = [log_in() for _ in range(4)]

    assert not first.is_logged_in
    assert all(device.is_logged_in for device in others)
    told = "This device was logged out because you logged in on another one."
    assert told in first.browser.get("/").text


def test_the_device_of_another_user_cannot_be_ended(log_in: LogIn) -> None:
    ada, bob = log_in("Ada"), log_in("Bob")

    for handle in (bob.handle, ada.handle, "nonsense", ""):
        token = data_of(ada.browser)["csrf_token"]
        answer = ada.browser.post("/devices/end", data={"csrf_token": token, "handle": handle})
        assert answer.status_code == 404

    assert bob.is_logged_in
    assert ada.is_logged_in


def test_an_ended_session_with_an_unknown_reason_is_called_a_logout(
    shop: Flask, log_in: LogIn
) -> None:
    device = log_in()
    shop.extensions["serversession"].end_all("Ada", reason="password changed")

    assert "You were logged out." in device.browser.get("/").text
