"""Sessions whose store has no ids, and whose data are encrypted: in applications."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import count
from itertools import pairwise
from logging import INFO
from pathlib import Path
from typing import Any

import cachelib
import pytest
from click.testing import Result
from flask import Flask

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import SessionTooLarge
from flask_serversession.cookies.signing import Keygrip
from flask_serversession.encryption import Encryption
from flask_serversession.stores.base import StoredKey
from flask_serversession.stores.cachelib import CacheLibStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.store import MovingStore
from flask_serversession.stores.protected.names import hashed
from flask_serversession.stores.protected.names import is_hashed
from flask_serversession.stores.protected.store import ProtectedStore
from flask_serversession.testing.contract import live

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .conftest import MakeApp

SECRET = "keyboard cat"
OLD, NEW = bytes(range(32)), bytes(range(32, 64))


def app_on(store: Any, **config: Any) -> Flask:
    # Not by a fixture: the store of those has none of the optional abilities.
    from flask_serversession import ServerSession

    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, TESTING=True, SESSION_STORE=store, **config)
    ServerSession(app)
    serve_browsers(app)
    return app


def write() -> None:
    session.update(user="ada", card="4111 1111")


def user(browser: Browser) -> Any:
    return browser.see(lambda: session.get("user"))


def same_browser(browser: Browser, app: Flask) -> Browser:
    twin = browser_of(app)
    cookie = browser.get_cookie("session")
    assert cookie is not None
    twin.set_cookie("session", cookie.value)
    return twin


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["sessions", *words])


@pytest.fixture
def place() -> MemoryStore:
    return MemoryStore()


def only_record(place: MemoryStore) -> tuple[str, bytes]:
    [(key, record)] = place.records()
    return key, record.payload


@pytest.mark.parametrize(
    ("config", "is_hidden", "is_secret"),
    [
        ({}, False, False),
        ({"SESSION_HASH_IDS": True}, True, False),
        ({"SESSION_ENCRYPTION_KEYS": [NEW.hex()]}, False, True),
        ({"SESSION_HASH_IDS": True, "SESSION_ENCRYPTION_KEYS": [NEW, OLD]}, True, True),
    ],
    ids=["neither", "hashed", "encrypted", "both"],
)
def test_the_store_has_neither_ids_nor_data_if_so_configured(
    place: MemoryStore, config: dict[str, Any], is_hidden: bool, is_secret: bool
) -> None:
    browser = browser_of(app_on(place, **config))
    browser.run(write)

    key, payload = only_record(place)
    assert (key == hashed(browser.sid or "")) is is_hidden
    assert (key == browser.sid) is not is_hidden
    assert (b"4111" in payload) is not is_secret
    assert user(browser) == "ada"
    browser.run(lambda: session.update(user="eve"))
    assert user(browser) == "eve"
    browser.run(lambda: session.destroy())
    assert place.count() == 0


def test_a_stolen_key_of_the_store_is_no_id(place: MemoryStore) -> None:
    app = app_on(place, SESSION_HASH_IDS=True)
    browser_of(app).run(write)
    key, _ = only_record(place)
    thief = browser_of(app)
    thief.hold(key)

    assert user(thief) is None
    assert manager_of(app).load(key) is None
    assert only_record(place)[0] == key


@pytest.mark.parametrize(
    "dotted", ["the-tenants-name.", "the.tenants.name.", "the-name-of-a-ten."]
)
def test_a_dot_in_a_generated_id_leaves_nothing_of_it_readable(
    caplog: pytest.LogCaptureFixture, dotted: str
) -> None:
    cache = cachelib.SimpleCache(threshold=sys.maxsize)
    ids = (f"{dotted}{number:024}" for number in count())
    app = app_on(
        CacheLibStore(cache), SESSION_HASH_IDS=True, SESSION_GENID=lambda request: next(ids)
    )
    browser = browser_of(app)

    with caplog.at_level(INFO):
        browser.run(write)
        assert user(browser) == "ada"
        browser.run(lambda: session.log_in("ada"))
    assert browser.see(lambda: session.user_id) == "ada"

    handles = [json.loads(line)["handle"] for line in caplog.messages]
    assert len(cache._cache) == len(handles) == 3
    assert not any("the" in shown for shown in (*cache._cache, *handles))


def test_a_record_that_was_changed_counts_as_absent(
    place: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_on(place, SESSION_HASH_IDS=True, SESSION_ENCRYPTION_KEYS=[NEW])
    browser, other = browser_of(app), browser_of(app)
    browser.run(write)
    other.run(lambda: session.update(user="eve"))
    (_, one), (key, _) = place.records()
    place.save(key, one)

    assert [user(browser), user(other)] == ["ada", None]
    assert "changed by others, or belongs to another record" in caplog.text
    assert "4111" not in caplog.text


@pytest.mark.parametrize("hash_ids", [True, False])
def test_a_session_of_an_older_key_is_read_and_encrypted_with_the_newest(
    place: MemoryStore, hash_ids: bool
) -> None:
    config: dict[str, Any] = {"SESSION_HASH_IDS": hash_ids}
    browser = browser_of(app_on(place, SESSION_ENCRYPTION_KEYS=[OLD], **config))
    browser.run(write)

    rotated = app_on(place, SESSION_ENCRYPTION_KEYS=[NEW, OLD], **config)
    without = app_on(place, SESSION_ENCRYPTION_KEYS=[NEW], **config)

    assert user(same_browser(browser, without)) is None
    assert user(same_browser(browser, rotated)) == "ada"
    assert user(same_browser(browser, without)) == "ada"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"SESSION_HASH_IDS": "yes"}, "must be True, False, 'prepare' or 'switch'"),
        ({"SESSION_HASH_IDS": None}, "must be True, False, 'prepare' or 'switch'"),
        ({"SESSION_ENCRYPTION_KEYS": "a password"}, "it must be a list"),
        ({"SESSION_ENCRYPTION_KEYS": ["a password"]}, "10 characters, and a password is no key"),
        ({"SESSION_ENCRYPTION_KEYS": []}, "has no key"),
        (
            {"SESSION_HASH_IDS": True, "SESSION_PROFILE": "express"},
            "SESSION_HASH_IDS cannot be used with SESSION_PROFILE 'express'",
        ),
        (
            {"SESSION_ENCRYPTION_KEYS": [NEW], "SESSION_PROFILE": "express"},
            "SESSION_ENCRYPTION_KEYS cannot be used with SESSION_PROFILE 'express'",
        ),
        (
            {"SESSION_HASH_IDS": "prepare", "SESSION_STORE": "cookie"},
            "SESSION_HASH_IDS cannot be used with SESSION_STORE 'cookie'",
        ),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_with_the_reason(
    make_app: MakeApp, config: dict[str, Any], why: str
) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        make_app(**config)

    assert "password is" in str(raised.value) or "a password" not in str(raised.value)


@pytest.mark.parametrize(
    "config", [{"SESSION_HASH_IDS": True}, {"SESSION_ENCRYPTION_KEYS": [NEW]}], ids=str
)
def test_the_layout_of_a_node_store_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="FileSystemStore, which Express reads"):
        app_on(
            f"file://{tmp_path}",
            SESSION_STORE_OPTIONS={"layout": "session-file-store"},
            **config,
        )


def test_the_memory_store_is_warned_of_inside_a_protected_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from flask_serversession import ServerSession

    app = Flask(__name__)
    app.config.update(SECRET_KEY="a long secret that nobody guesses", SESSION_HASH_IDS=True)
    ServerSession(app)

    assert "Sessions are kept in the memory of this process" in caplog.text
    assert isinstance(manager_of(app).store, ProtectedStore)


def test_three_deployments_lead_to_hashed_ids_and_log_nobody_out(place: MemoryStore) -> None:
    settings = [False, "prepare", "switch", True]
    apps = [app_on(place, SESSION_HASH_IDS=setting) for setting in settings]
    browsers = []
    for old, new in pairwise(apps):
        for app in (old, new):
            browser = browser_of(app)
            browser.run(write)
            browsers.append(browser)
        if new is apps[-1]:
            assert run(old, "migrate").exit_code == 0
        for browser in browsers:
            if new is not apps[-1] or user(same_browser(browser, new)) is None:
                assert user(same_browser(browser, old)) == "ada"
            assert user(same_browser(browser, new)) == "ada"

    assert all(map(is_hashed, place.keys()))
    assert place.count() == len(browsers)


@pytest.mark.parametrize("setting", ["prepare", "switch"])
def test_an_outage_of_its_one_server_is_noticed(place: MemoryStore, setting: str) -> None:
    settings = manager_of(app_on(place, SESSION_HASH_IDS=setting)).settings
    assert settings.breaker is not None


def test_prepare_leaves_every_session_where_it_is(place: MemoryStore) -> None:
    plain, hashing = app_on(place), app_on(place, SESSION_HASH_IDS=True)
    preparing = app_on(place, SESSION_HASH_IDS="prepare")
    browsers = [browser_of(app) for app in (plain, hashing, preparing)]
    for browser in browsers:
        browser.run(write)
    keys = set(place.keys())

    for browser in browsers:
        twin = same_browser(browser, preparing)
        twin.run(lambda: session.update(user="eve"))
        assert user(browser) == "eve"

    assert set(place.keys()) == keys
    assert [is_hashed(browser.sid or "") for browser in browsers] == [False] * 3
    assert manager_of(preparing).count() == 3
    for browser in browsers:
        same_browser(browser, preparing).run(lambda: session.destroy())
    assert place.count() == 0


@pytest.mark.parametrize("rotates", [False, True])
@pytest.mark.parametrize("begun_by", ["prepare", "switch"])
@pytest.mark.parametrize("setting", ["prepare", "switch"])
def test_servers_of_two_deployments_know_which_session_is_the_own(
    place: MemoryStore, setting: str, begun_by: str, rotates: bool
) -> None:
    begun = app_on(place, SESSION_HASH_IDS=begun_by)
    own, other = browser_of(begun), browser_of(begun)
    for browser in (own, other):
        browser.run(lambda: session.log_in("ada"))
    app = app_on(place, SESSION_HASH_IDS=setting)
    own, other = same_browser(own, app), same_browser(other, app)

    if rotates:
        own.run(lambda: session.regenerate(keep_data=True))

    def current() -> list[bool]:
        found = manager_of(app).sessions_of("ada")
        return [each.handle == session.handle for each in found if each.is_current]

    assert own.see(current) == [True]
    assert own.see(lambda: manager_of(app).end_others("ada")) == 1
    assert own.see(lambda: session.user_id) == "ada"
    assert other.see(lambda: session.user_id) is None


def test_switch_moves_what_is_used_and_migrate_the_rest(place: MemoryStore) -> None:
    plain, switching = app_on(place), app_on(place, SESSION_HASH_IDS="switch")
    used, unused = browser_of(plain), browser_of(plain)
    for browser in (used, unused):
        browser.run(write)

    assert user(same_browser(used, switching)) == "ada"
    assert sorted(map(is_hashed, place.keys())) == [False, True]
    assert run(switching, "migrate", "--dry-run").output.startswith("1 would be moved")
    result = run(switching, "migrate", "--json")

    assert json.loads(result.output) == {"moved": 1, "already_there": 0, "expired": 0, "left": 0}
    assert all(map(is_hashed, place.keys()))
    assert "set SESSION_HASH_IDS to True" in run(switching, "check").output
    assert "raw id" not in run(app_on(place, SESSION_HASH_IDS=True), "check").output
    assert user(same_browser(unused, app_on(place, SESSION_HASH_IDS=True))) == "ada"


def test_check_counts_the_sessions_under_raw_ids(place: MemoryStore) -> None:
    for number in range(150):
        place.create(f"id{number}", live())

    result = run(app_on(place, SESSION_HASH_IDS="switch"), "check")

    # It has read 100, and moved them.
    assert "50 sessions are still under raw ids: run flask sessions migrate" in result.output


@pytest.mark.parametrize("hash_ids", [False, True])
def test_check_counts_the_records_of_old_keys(place: MemoryStore, hash_ids: bool) -> None:
    config: dict[str, Any] = {"SESSION_HASH_IDS": hash_ids}
    old = app_on(place, SESSION_ENCRYPTION_KEYS=[OLD], **config)
    browsers = [browser_of(old) for _ in range(3)]
    for browser in browsers:
        browser.run(write)
    place.create(hashed("damaged") if hash_ids else "damaged", live(b"v1.damaged"))
    rotated = app_on(place, SESSION_ENCRYPTION_KEYS=[NEW, OLD], **config)

    same_browser(browsers[0], rotated).run(write)

    told = "2 sessions are not encrypted with the newest key"
    assert told in run(rotated, "check").output
    for browser in browsers:
        assert user(same_browser(browser, rotated)) == "ada"
    assert "the others can be removed" in run(rotated, "check").output
    newest_alone = app_on(place, SESSION_ENCRYPTION_KEYS=[NEW], **config)
    assert "SESSION_ENCRYPTION_KEYS" not in run(newest_alone, "check").output


@pytest.mark.parametrize("hash_ids", [False, True])
def test_check_counts_the_logins_of_old_keys(place: MemoryStore, hash_ids: bool) -> None:
    config: dict[str, Any] = {"SESSION_HASH_IDS": hash_ids}
    plain = app_on(place, **config)
    browser_of(plain).run(lambda: session.log_in("a user of plain sessions"))
    old = app_on(place, SESSION_ENCRYPTION_KEYS=[OLD, None], **config)
    browsers = [browser_of(old) for _ in range(2)]
    for browser in browsers:
        browser.run(lambda: session.log_in("ada"))
    rotated = app_on(place, SESSION_ENCRYPTION_KEYS=[NEW, OLD, None], **config)

    same_browser(browsers[0], rotated).run(lambda: session.log_in("ada"))

    told = "1 are of users who logged in with an older key"
    assert told in run(rotated, "check").output


def test_check_counts_no_records_where_sessions_cannot_be_listed() -> None:
    cache = CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize))

    result = run(app_on(cache, SESSION_ENCRYPTION_KEYS=[NEW, OLD]), "check")

    assert result.exit_code == 0
    assert "the newest key" not in result.output


def test_migrate_moves_nothing_unless_ids_are_switched(place: MemoryStore) -> None:
    for setting in (False, "prepare", True):
        result = run(app_on(place, SESSION_HASH_IDS=setting), "migrate")

        assert (result.exit_code, "is not 'switch'" in result.output) == (1, True)


def test_where_sessions_cannot_be_listed_check_says_how_long_to_wait() -> None:
    cache = CacheLibStore(cachelib.SimpleCache(threshold=sys.maxsize))
    switching = app_on(cache, SESSION_HASH_IDS="switch")
    plain = browser_of(app_on(cache))
    plain.run(lambda: session.log_in("ada"))

    assert (
        "cannot count the sessions that are still under raw ids" in run(switching, "check").output
    )
    result = run(switching, "migrate")
    assert (result.exit_code, "SESSION_HASH_IDS as it is" in result.output) == (1, True)
    assert same_browser(plain, switching).see(lambda: session.user_id) == "ada"
    manager_of(switching).end_all("ada")
    assert same_browser(plain, switching).see(lambda: session.user_id) is None


@pytest.mark.parametrize("setting", ["prepare", "switch"])
def test_a_list_shows_each_session_once_and_ends_it(place: MemoryStore, setting: str) -> None:
    apps = [app_on(place), app_on(place, SESSION_HASH_IDS=True)]
    browsers = [browser_of(app) for app in apps]
    for browser in browsers:
        browser.run(lambda: session.log_in("ada"))
    manager = manager_of(app_on(place, SESSION_HASH_IDS=setting))

    assert len(manager.sessions_of("ada")) == 2
    assert sorted(isinstance(key, StoredKey) for key in list(manager.keys())) == [False, True]
    assert manager.end_all("ada") == 2
    assert place.count() == 0


def test_a_session_of_a_former_store_is_found_under_its_raw_id(
    place: MemoryStore, tmp_path: Path
) -> None:
    former = browser_of(app_on(place))
    former.run(write)
    app = app_on(
        f"file://{tmp_path}",
        SESSION_STORE_BEFORE=place,
        SESSION_HASH_IDS="switch",
        SESSION_ENCRYPTION_KEYS=[NEW, None],
    )

    assert user(same_browser(former, app)) == "ada"
    store = manager_of(app).store
    assert isinstance(store, MovingStore)
    assert list(store.keys()) == [hashed(former.sid or "")]  # type: ignore[attr-defined]
    assert place.count() == 0


def test_a_former_store_that_was_protected_has_the_same_keys(
    place: MemoryStore, tmp_path: Path
) -> None:
    config: dict[str, Any] = {"SESSION_HASH_IDS": True, "SESSION_ENCRYPTION_KEYS": [NEW]}
    former, unused = (browser_of(app_on(place, **config)) for _ in range(2))
    for browser in (former, unused):
        browser.run(write)
    app = app_on(f"file://{tmp_path}", SESSION_STORE_BEFORE=place, **config)

    assert user(same_browser(former, app)) == "ada"
    assert isinstance(manager_of(app).store, ProtectedStore)
    assert run(app, "migrate").output.startswith("1 moved")
    assert user(same_browser(unused, app)) == "ada"
    assert place.count() == 0


def test_a_former_store_of_node_is_read_as_it_is(tmp_path: Path) -> None:
    layout = {"layout": "session-file-store"}
    node = browser_of(app_on(f"file://{tmp_path}/a", SESSION_STORE_OPTIONS=layout))
    node.run(write)
    app = app_on(
        f"file://{tmp_path}/b",
        SESSION_STORE_BEFORE=f"file://{tmp_path}/a",
        SESSION_STORE_BEFORE_OPTIONS=layout,
        SESSION_HASH_IDS=True,
        SESSION_ENCRYPTION_KEYS=[NEW],
    )

    assert user(same_browser(node, app)) == "ada"
    assert run(app, "check").exit_code == 0


def test_check_refuses_a_former_store_that_lists_the_hashed_ids(tmp_path: Path) -> None:
    app = app_on(
        f"file://{tmp_path}",
        SESSION_STORE_BEFORE=f"file://{tmp_path}/",
        SESSION_HASH_IDS="switch",
    )

    result = run(app, "check")

    assert (result.exit_code, "both are the same store" in result.output) == (1, True)


class TestTheCookie:
    """SESSION_STORE is "cookie"."""

    @pytest.fixture
    def app_with(self, make_app: MakeApp) -> Callable[..., Flask]:
        return lambda *keys, **config: make_app(
            SESSION_STORE="cookie", SESSION_ENCRYPTION_KEYS=list(keys) or None, **config
        )

    @staticmethod
    def value(browser: Browser) -> str:
        cookie = browser.get_cookie("session")
        assert cookie is not None
        return cookie.value

    @staticmethod
    def moved(browser: Browser, app: Flask) -> Browser:
        twin = browser_of(app)
        for name in ("session", "session.sig"):
            cookie = browser.get_cookie(name)
            assert cookie is not None
            twin.set_cookie(name, cookie.value)
        return twin

    def test_its_value_shows_nothing_and_is_not_sent_again(
        self, app_with: Callable[..., Flask]
    ) -> None:
        browser = browser_of(app_with(NEW, SESSION_REFRESH_EACH_REQUEST=False))
        browser.run(write)

        plain = Encryption((NEW,)).decrypt(
            self.value(browser).encode(), purpose="cookie", name="session"
        )
        assert json.loads(plain.plain)["card"] == "4111 1111"
        assert user(browser) == "ada"
        assert cookie_lines(browser.run(lambda: session.update(user="ada"))) == []

    def test_an_older_key_is_renewed_once(self, app_with: Callable[..., Flask]) -> None:
        browser = browser_of(app_with(OLD))
        browser.run(write)
        twin = self.moved(browser, app_with(NEW, OLD))

        assert len(cookie_lines(twin.run(lambda: session.get("user") and None))) == 2
        assert self.moved(twin, app_with(NEW)).see(lambda: session.get("user")) == "ada"
        assert cookie_lines(twin.run(lambda: session.get("user") and None)) == []

    def test_a_plain_cookie_is_read_only_while_none_is_among_the_keys(
        self, app_with: Callable[..., Flask]
    ) -> None:
        browser = browser_of(app_with())
        browser.run(write)
        preparing = self.moved(browser, app_with(None, NEW))

        assert user(preparing) == "ada"
        preparing.run(lambda: session.update(user="eve"))
        assert user(self.moved(preparing, app_with())) == "eve"
        switching = self.moved(browser, app_with(NEW, None))
        assert user(switching) == "ada"
        assert user(self.moved(switching, app_with(None, NEW))) == "ada"
        assert user(self.moved(switching, app_with(NEW))) == "ada"
        assert user(self.moved(browser, app_with(NEW))) is None

    def test_the_cookie_of_another_application_is_not_read(
        self, app_with: Callable[..., Flask], caplog: pytest.LogCaptureFixture
    ) -> None:
        value = Encryption((NEW,)).encrypt(b'{"user":"eve"}', purpose="cookie", name="other")
        browser = browser_of(app_with(NEW))
        browser.set_cookie("session", value.decode())
        browser.set_cookie("session.sig", Keygrip((SECRET,)).sign(f"session={value.decode()}"))

        assert user(browser) is None
        assert "belongs to another record" in caplog.text

    def test_a_value_that_is_too_long_encrypted_is_refused(
        self, app_with: Callable[..., Flask]
    ) -> None:
        app = app_with(NEW)
        app.testing = True

        with pytest.raises(SessionTooLarge):
            browser_of(app).run(lambda: session.update(text="x" * 3040))
        browser_of(app).run(lambda: session.update(text="x" * 2900))
