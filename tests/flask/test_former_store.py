"""SESSION_STORE_BEFORE: sessions of the former store are moved, and nobody is logged out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from markupsafe import Markup

from flask_serversession import ConfigError
from flask_serversession import manager_of
from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import ServerSession
from flask_serversession import StoreUnavailable
from flask_serversession.stores.base import SupportsEpochs
from flask_serversession.stores.base import SupportsKeys
from flask_serversession.stores.base import SupportsUsers
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.moving.mark import Mark
from flask_serversession.stores.record_lock import RecordLock

from .browser import Browser
from .browser import browser_of
from .browser import serve_browsers
from .browser import session
from .browser import View
from .counting import CountingStore

SECRET = "keyboard cat"
UNKNOWN = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"


def app_on(store: Any, before: Any = None, **config: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, TESTING=True, SESSION_STORE=store)
    app.config.update(SESSION_STORE_BEFORE=before, **config)
    ServerSession(app)
    serve_browsers(app)
    return app


def member_of(app: Flask, user: str = "ada") -> Browser:
    """Return a browser that is logged in."""
    browser = browser_of(app)
    browser.run(lambda: session.log_in(user))
    return browser


def same_browser(browser: Browser, app: Flask) -> Browser:
    """Return the browser as a visitor of another application."""
    twin = browser_of(app)
    assert browser.sid is not None
    twin.hold(browser.sid)
    return twin


def user_of(browser: Browser) -> Any:
    return browser.see(lambda: session.user_id)


@pytest.fixture
def new() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def former() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def member(new: MemoryStore, former: MemoryStore) -> Browser:
    """A browser that logged in before the store was changed, and comes back after it."""
    return same_browser(member_of(app_on(former)), app_on(new, former))


class DownStore(MemoryStore):
    """A store whose server can be stopped."""

    is_down = False

    def load(self, key: str) -> Record | None:
        if self.is_down:
            raise StoreUnavailable("The server does not answer.")
        return super().load(key)


# What a visitor notices


def test_a_login_in_the_former_store_lasts(
    member: Browser, new: MemoryStore, former: MemoryStore
) -> None:
    sid = member.sid

    assert user_of(member) == "ada"
    assert member.sid == sid
    assert (list(new.keys()), list(former.keys())) == ([sid], [])


def test_changes_to_a_moved_session_are_kept(member: Browser) -> None:
    member.run(lambda: session.update(cart=[1]))
    member.run(lambda: session["cart"].append(2))

    assert member.data()["cart"] == [1, 2]


def test_a_logout_ends_a_session_that_was_not_moved_yet(
    member: Browser, new: MemoryStore, former: MemoryStore
) -> None:
    twin = member.twin()

    member.run(lambda: session.log_out())

    assert user_of(twin) is None
    assert [*new.keys(), *former.keys()] == []


def test_a_moved_session_needs_no_former_store(member: Browser, new: MemoryStore) -> None:
    member.data()

    assert user_of(same_browser(member, app_on(new))) == "ada"


# While old instances run


def test_an_old_instance_that_only_reads_a_moved_session_leaves_its_cookie(
    member: Browser, former: MemoryStore
) -> None:
    member.data()
    at_an_old_one = same_browser(member, app_on(former))

    assert user_of(at_an_old_one) is None

    assert at_an_old_one.sid == member.sid
    assert user_of(member) == "ada"


def test_instances_with_the_stores_the_other_way_round_move_sessions_back(
    member: Browser, new: MemoryStore, former: MemoryStore
) -> None:
    other = same_browser(member, app_on(former, new))

    for browser in (member, other, member):
        browser.run(lambda: session.update(count=session.get("count", 0) + 1))

    assert other.data() == member.data()
    assert other.data()["count"] == 3


# What it costs


@pytest.fixture
def counted(new: MemoryStore, former: MemoryStore) -> tuple[CountingStore, CountingStore]:
    return CountingStore(new), CountingStore(former)


def test_a_session_in_the_new_store_costs_no_call_of_the_former(
    counted: tuple[CountingStore, CountingStore],
) -> None:
    store, before = counted
    browser = member_of(app_on(store, before))
    store.calls.clear()

    browser.run(lambda: session.update(cart=[]))

    assert (store.calls, before.calls) == (["load", "save"], [])


def test_a_logout_costs_nothing_more(counted: tuple[CountingStore, CountingStore]) -> None:
    store, before = counted
    browser = member_of(app_on(store, before))
    store.calls.clear()

    browser.run(lambda: session.log_out())

    assert (store.calls, before.calls) == (["load", "save"], [])


@pytest.mark.parametrize(
    "view", [lambda: session.update(cart=[]), lambda: session.log_out()], ids=["write", "logout"]
)
def test_with_overwrite_a_change_costs_one_more_call(
    counted: tuple[CountingStore, CountingStore], view: View
) -> None:
    store, before = counted
    browser = member_of(app_on(store, before, SESSION_CONCURRENCY="overwrite"))
    store.calls.clear()

    browser.run(view)

    assert (store.calls, before.calls) == (["load", "load", "save"], [])


def test_a_request_without_a_cookie_costs_nothing(
    counted: tuple[CountingStore, CountingStore],
) -> None:
    store, before = counted

    browser_of(app_on(store, before)).data()

    assert store.calls + before.calls == []


def test_an_unknown_id_costs_two_more_calls(counted: tuple[CountingStore, CountingStore]) -> None:
    store, before = counted
    browser = browser_of(app_on(store, before))
    browser.hold(UNKNOWN)

    browser.data()

    assert (store.calls, before.calls) == (["load", "load"], ["load"])


def test_a_move_costs_five_more_calls(
    member: Browser, counted: tuple[CountingStore, CountingStore]
) -> None:
    store, before = counted

    same_browser(member, app_on(store, before)).data()

    assert (store.calls, before.calls) == (["load", "create", "save"], ["load", "save", "save"])


# All sessions of a user, and of everybody


def test_the_sessions_of_a_user_in_both_stores_are_listed_once(
    new: MemoryStore, former: MemoryStore
) -> None:
    old, app = app_on(former), app_on(new, former)
    moved, unmoved = member_of(old), member_of(old)
    moved = same_browser(moved, app)
    moved.data()
    fresh = member_of(app)

    handles = {found.handle for found in manager_of(app).sessions_of("ada")}

    assert len(handles) == 3
    assert manager_of(app).count() == 3
    assert sorted(manager_of(app).keys()) == sorted([moved.sid, unmoved.sid, fresh.sid])


def test_end_all_ends_sessions_in_both_stores(new: MemoryStore, former: MemoryStore) -> None:
    old, app = app_on(former), app_on(new, former)
    browsers = [same_browser(member_of(old), app), member_of(app)]
    bob = same_browser(member_of(old, "bob"), app)

    assert manager_of(app).end_all("ada", reason="password changed") == 2

    assert [user_of(browser) for browser in browsers] == [None, None]
    assert user_of(bob) == "bob"


def test_the_limit_of_a_user_counts_sessions_in_both_stores(
    new: MemoryStore, former: MemoryStore
) -> None:
    app = app_on(new, former, SESSION_LIMIT_PER_USER=1)
    before = same_browser(member_of(app_on(former)), app)

    after = member_of(app)

    assert (user_of(before), user_of(after)) == (None, "ada")


def test_clear_and_prune_cover_both_stores(new: MemoryStore, former: MemoryStore) -> None:
    app = app_on(new, former)
    member_of(app_on(former))
    member_of(app)
    for number, store in enumerate([new, former]):
        store.create(
            f"dead{number}",
            Record(b'{"cookie":{}}', datetime(2000, 1, 1, tzinfo=utc_now().tzinfo)),
        )

    assert manager_of(app).prune() == 2
    assert manager_of(app).clear() == 2
    assert [*new.keys(), *former.keys()] == []


def test_an_interrupted_move_is_listed_once_and_finished(
    member: Browser, new: MemoryStore, former: MemoryStore
) -> None:
    sid = member.sid
    assert sid is not None
    record = former.load(sid)
    assert record is not None
    note = Mark.new()
    new.create(sid, note.record(record.expires_at))
    former.save(sid, Mark(note.token, record.payload).record(record.expires_at))

    manager = manager_of(member.application)

    assert len(manager.sessions_of("ada")) == manager.count() == 1
    assert user_of(member) == "ada"
    assert (list(new.keys()), list(former.keys())) == ([sid], [])


# A former store that does not answer


def test_without_the_former_store_moved_sessions_and_new_ones_work(new: MemoryStore) -> None:
    former = DownStore()
    app = app_on(new, former)
    moved = same_browser(member_of(app_on(former)), app)
    moved.data()
    former.is_down = True

    assert user_of(moved) == "ada"
    bob = member_of(app, "bob")
    assert user_of(bob) == "bob"
    manager_of(app).ping()
    moved.run(lambda: session.log_out())
    assert list(new.keys()) == [bob.sid]


def test_without_the_former_store_an_unmoved_session_is_an_error_and_keeps_its_cookie(
    new: MemoryStore,
) -> None:
    former = DownStore()
    member = same_browser(member_of(app_on(former)), app_on(new, former))
    sid, former.is_down = member.sid, True
    member.application.config["PROPAGATE_EXCEPTIONS"] = False

    assert member.run(lambda: str(session.user_id)).status_code == 500

    former.is_down = False
    assert member.sid == sid
    assert user_of(member) == "ada"


# Layouts of Node stores


def layouts(tmp_path: Path, *names: str) -> Iterator[tuple[str, dict[str, str]]]:
    for number, name in enumerate(names):
        yield f"file://{tmp_path}/{number}", {"layout": name}


@pytest.mark.parametrize(
    "names", [("native", "session-file-store"), ("session-file-store", "native")]
)
def test_values_with_python_types_survive_a_change_of_layout(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    (before, old_options), (store, options) = layouts(tmp_path, *names)
    browser = browser_of(app_on(before, SESSION_STORE_OPTIONS=old_options))
    value = {"pair": (1, 2), "text": Markup("<b>"), "odd": {" tuple": [1]}, "seen": {1}}
    browser.run(lambda: session.update(value))
    app = app_on(
        store, before, SESSION_STORE_OPTIONS=options, SESSION_STORE_BEFORE_OPTIONS=old_options
    )

    found = same_browser(browser, app).data()

    assert found == value
    assert type(found["text"]) is Markup


def test_markup_that_express_stored_is_no_markup_after_the_move(tmp_path: Path) -> None:
    (before, old_options), (store, options) = layouts(tmp_path, "session-file-store", "native")
    old = app_on(before, SESSION_STORE_OPTIONS=old_options)
    browser = browser_of(old)
    browser.run(lambda: session.update(profile={}))
    sid = browser.sid
    assert sid is not None
    there = manager_of(old).store
    record = there.load(sid)
    assert record is not None
    forged = record.payload.replace(b'"profile":{}', b'"profile":{" Markup":"<script>"}')
    there.save(sid, Record(forged, record.expires_at))
    app = app_on(
        store, before, SESSION_STORE_OPTIONS=options, SESSION_STORE_BEFORE_OPTIONS=old_options
    )

    assert same_browser(browser, app).data() == {"profile": {" Markup": "<script>"}}


# Pairs that cannot work


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"SESSION_STORE": "memory"}, "SESSION_STORE is 'memory'"),
        ({"SESSION_STORE_BEFORE": "memory"}, "SESSION_STORE_BEFORE is 'memory'"),
        ({"SESSION_STORE_BEFORE": "cookie"}, "SESSION_STORE_BEFORE is 'cookie'"),
        ({"SESSION_STORE": "cookie"}, "SESSION_STORE 'cookie'"),
        ({"SESSION_STORE_BEFORE": "sqlite:///sessions.db"}, "with the same options"),
        ({"SESSION_STORE_BEFORE": "redsi://localhost"}, "SESSION_STORE_BEFORE is a URL"),
        ({"SESSION_STORE_BEFORE_OPTIONS": {"prefixx": ""}}, "SESSION_STORE_BEFORE_OPTIONS has"),
        (
            {"SESSION_STORE_BEFORE": None, "SESSION_STORE_BEFORE_OPTIONS": {"prefix": "a:"}},
            "SESSION_STORE_BEFORE_OPTIONS needs SESSION_STORE_BEFORE",
        ),
        ({"SESSION_STORE": "memcached://localhost"}, "moved to MemcachedStore"),
        (
            {"SESSION_STORE_OPTIONS": {"layout": "connect-session-sequelize"}},
            "whose ids have at most 36 characters",
        ),
        (
            {
                "SESSION_STORE": "redis://localhost",
                "SESSION_STORE_OPTIONS": {"prefix": "sess:new:"},
            },
            "One must not begin with the other",
        ),
    ],
)
def test_a_pair_that_cannot_work_is_refused_by_name(config: dict[str, Any], named: str) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRET, SESSION_STORE="sqlite:///sessions.db")
    app.config.update({"SESSION_STORE_BEFORE": "redis://localhost", **config})

    with pytest.raises(ConfigError, match=named):
        ServerSession(app)


def test_one_store_object_cannot_be_both(new: MemoryStore) -> None:
    with pytest.raises(ConfigError, match="with the same options"):
        app_on(new, new)


def test_a_former_store_that_cannot_list_leaves_what_it_can(new: MemoryStore) -> None:
    store = manager_of(app_on(new, "memcached://localhost")).store

    assert isinstance(store, SupportsEpochs)
    assert not isinstance(store, (SupportsKeys, SupportsUsers))


# flask sessions migrate


def migrate(app: Flask, *options: str) -> Result:
    result = app.test_cli_runner().invoke(args=["sessions", "migrate", *options])
    assert isinstance(result, Result)
    return result


def test_migrate_moves_the_remaining_sessions(new: MemoryStore, former: MemoryStore) -> None:
    old, app = app_on(former), app_on(new, former)
    browsers = [same_browser(member_of(old), app) for _ in range(3)]
    browsers[0].data()
    RecordLock(former, "of an old instance", ttl=60).acquire(0)
    [lock] = set(former.keys()) - {browser.sid for browser in browsers}

    dry, result = migrate(app, "--dry-run", "--json"), migrate(app)

    assert json.loads(dry.output) == {"moved": 2, "already_there": 0, "expired": 0, "left": 0}
    assert result.output.startswith("2 moved, 0 already there, 0 expired, 0 left")
    assert result.exit_code == 0
    assert list(former.keys()) == [lock]
    assert [user_of(browser) for browser in browsers] == ["ada"] * 3
    assert migrate(app).output.startswith("0 moved")


def test_migrate_says_what_it_could_not_move_and_exits_with_1(tmp_path: Path) -> None:
    (store, options), (before, _) = layouts(tmp_path, "session-file-store", "native")
    old = app_on(before)
    member_of(old)
    manager_of(old).store.create("unreadable", Record(b"no JSON", None))
    app = app_on(store, before, SESSION_STORE_OPTIONS=options)

    result = migrate(app, "--json")

    assert result.exit_code == 1
    assert json.loads(result.output) == {"moved": 1, "already_there": 0, "expired": 0, "left": 1}


def test_migrate_says_how_far_it_came_when_the_former_store_fails(new: MemoryStore) -> None:
    class FailingStore(DownStore):
        def save(
            self, key: str, record: Record, *, replacing: Record | None = None
        ) -> Refusal | None:
            self.is_down = True
            return super().save(key, record, replacing=replacing)

    former = FailingStore()
    old = app_on(former)
    for _ in range(2):
        member_of(old)

    result = migrate(app_on(new, former))

    assert result.exit_code == 1
    assert "Stopped. Sessions looked at: 1, or a few more.\nError: The server" in result.output


def test_migrate_needs_a_former_store(new: MemoryStore) -> None:
    result = migrate(app_on(new))

    assert (result.exit_code, "names no store" in result.output) == (1, True)


def test_migrate_needs_stores_that_list(new: MemoryStore) -> None:
    result = migrate(app_on(new, "memcached://localhost"))

    assert (result.exit_code, "cannot list" in result.output) == (1, True)


def test_migrate_refuses_one_store_under_two_names(tmp_path: Path) -> None:
    store = f"file://{tmp_path}/sessions"
    browser = member_of(app_on(store))
    app = app_on(f"{store}/", store)

    result = migrate(app)

    assert (result.exit_code, "both are the same store" in result.output) == (1, True)
    assert user_of(same_browser(browser, app)) == "ada"


def test_migrate_asks_before_it_moves_between_stores_that_are_not_configured(
    tmp_path: Path,
) -> None:
    (before, options), (store, _) = layouts(tmp_path, "session-file-store", "native")
    old = app_on(before, SESSION_STORE_OPTIONS=options)
    browser = member_of(old)
    browser.run(lambda: session.update(pair=(1, 2)))
    stores = ["--from", before, "--to", store]

    refused = migrate(old, *stores)
    dry = migrate(old, *stores, "--dry-run")
    assert (refused.exit_code, manager_of(old).count()) == (1, 1)
    assert "differs in SESSION_STORE and SESSION_STORE_BEFORE." in refused.output
    assert "1 would be moved" in dry.output
    assert "Move them?" not in dry.output
    # The options of the former store are those in the configuration.
    assert "1 moved" in migrate(old, *stores, "--yes").output
    one = migrate(app_on(store), "--from", before, "--dry-run")
    assert "differs in SESSION_STORE_BEFORE." in one.output

    app = app_on(store, before, SESSION_STORE_BEFORE_OPTIONS=options)
    assert same_browser(browser, app).data()["pair"] == (1, 2)
    assert migrate(app, *stores).output.startswith("0 moved")
    for setting in (False, "switch"):
        alone = migrate(app_on(store, SESSION_HASH_IDS=setting), "--to", before)
        assert alone.output == (
            "Error: SESSION_STORE_BEFORE names no store to move sessions from: give --from, too.\n"
        )
    cookie = migrate(app, "--to", "cookie")
    assert (cookie.exit_code, "SESSION_STORE is 'cookie'" in cookie.output) == (1, True)


@pytest.mark.parametrize("protection", [{}, {"SESSION_HASH_IDS": True}], ids=["raw", "hashed"])
def test_check_and_list_ask_both_stores_and_move_nothing(
    tmp_path: Path, protection: dict[str, Any]
) -> None:
    old = app_on(f"sqlite:///{tmp_path}/former.db", **protection)
    member_of(old)
    app = app_on(f"sqlite:///{tmp_path}/new.db", f"sqlite:///{tmp_path}/former.db", **protection)
    run = app.test_cli_runner().invoke

    result = run(args=["sessions", "check"])

    assert (result.exit_code, "Warning: SESSION_STORE_BEFORE" in result.output) == (0, False)
    assert "It can: show, destroy, list, count, clear, prune, setup" in result.output
    assert "SQLAlchemyStoreAfter" in result.output
    assert "SESSION_STORE_BEFORE can be removed once" in result.output
    assert "ends" in run(args=["sessions", "list"]).output
    assert run(args=["sessions", "clear"], input="n").exit_code == 1
    assert manager_of(old).count() == 1
    for each in (old, app):
        manager_of(each).close()
