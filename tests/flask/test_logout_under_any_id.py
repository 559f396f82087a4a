"""A session has several ids while old ones have a grace. A logout under any ends them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_serversession import PayloadError
from flask_serversession import Record
from flask_serversession import session_destroyed
from flask_serversession import SessionGone
from flask_serversession import StoreUnavailable
from flask_serversession.sessions.login import handle_of
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import MakeBrowser
from .counting import CountingStore
from .overlap import log_out
from .overlap import while_another


def log_in() -> None:
    session.regenerate(keep_data=True)
    session["user"] = "eve"


def clear_and_write() -> None:
    session.clear()
    session["next"] = "user"


def clear_and_save() -> None:
    session.clear()
    session.save()


def clear_before_a_lock() -> None:
    session.clear()
    with session.lock():
        pass


def clear_under_a_lock() -> None:
    with session.lock():
        session.clear()


def log_in_clear_and_write() -> None:
    session.regenerate(keep_data=True)
    clear_and_write()


def clear_log_in_and_write() -> None:
    session.clear()
    session.regenerate(keep_data=True)
    session["next"] = "user"


LOGOUTS = {
    "destroy": log_out,
    "unset": lambda: session.unset(),
    "clear": lambda: session.clear(),
    "clear and write": clear_and_write,
    "clear and save": clear_and_save,
    "clear before a lock": clear_before_a_lock,
    "clear under a lock": clear_under_a_lock,
    "regenerate": lambda: session.regenerate(),
    "log in, clear and write": log_in_clear_and_write,
    "clear, log in and write": clear_log_in_and_write,
}

every_logout = pytest.mark.parametrize("logout", LOGOUTS.values(), ids=LOGOUTS)


@pytest.fixture
def browser(make_member: MakeBrowser) -> Browser:
    """A browser with a session, of an application with the default grace."""
    return make_member(SESSION_UNSET="destroy")


def log_in_often(browser: Browser, times: int) -> list[Browser]:
    """Log in; return a browser for each id that the session had and has."""
    browsers = [browser.twin()]
    for _ in range(times):
        browser.run(log_in)
        browsers.append(browser.twin())
    return browsers


def sids_of(browsers: list[Browser]) -> list[str]:
    return [str(browser.sid) for browser in browsers]


def alive(browser: Browser, sids: list[str]) -> list[str]:
    manager = browser.application.extensions["serversession"]
    return [sid for sid in sids if manager.load(sid) is not None]


def before_each(store: CountingStore, verb: str, work: Callable[[], object]) -> None:
    """Let something happen before the store's next call of this verb."""
    call = getattr(store, verb)

    def call_late(*args: Any, **kwargs: Any) -> Any:
        setattr(store, verb, call)
        work()
        return call(*args, **kwargs)

    setattr(store, verb, call_late)


class TestOneAfterAnother:
    @every_logout
    @pytest.mark.parametrize("index", [0, 1], ids=["old id", "new id"])
    def test_a_logout_under_either_id_ends_both(
        self, browser: Browser, logout: View, index: int
    ) -> None:
        browsers = log_in_often(browser, times=1)
        sids = sids_of(browsers)
        assert alive(browser, sids) == sids

        assert browsers[index].run(logout).status_code == 200

        assert alive(browser, sids) == []

    @pytest.mark.parametrize("index", range(4))
    @pytest.mark.parametrize("logout", [log_out, clear_and_write])
    def test_a_logout_under_any_of_four_ids_ends_them_all(
        self, browser: Browser, logout: View, index: int
    ) -> None:
        browsers = log_in_often(browser, times=3)
        sids = sids_of(browsers)
        assert alive(browser, sids) == sids

        browsers[index].run(logout)

        assert alive(browser, sids) == []

    @pytest.mark.parametrize("index", [0, 1], ids=["old id", "new id"])
    def test_the_manager_and_the_command_end_both(self, browser: Browser, index: int) -> None:
        app = browser.application
        for end in (
            lambda sid: app.extensions["serversession"].destroy(sid),
            lambda sid: app.test_cli_runner().invoke(args=["sessions", "destroy", "--yes", sid]),
        ):
            browser.run(lambda: session.update(user="ada"))
            sids = sids_of(log_in_often(browser, times=1))

            end(sids[index])

            assert alive(browser, sids) == []

    def test_an_old_id_of_an_ended_session_cannot_be_ended_again(self, browser: Browser) -> None:
        [old, new] = log_in_often(browser, times=1)
        new.run(log_out)

        assert not browser.application.extensions["serversession"].destroy(str(old.sid))

    def test_a_logout_under_the_old_id_removes_the_cookie(self, browser: Browser) -> None:
        [old, _] = log_in_often(browser, times=1)

        [line] = cookie_lines(old.run(log_out))

        assert "Expires=Thu, 01 Jan 1970" in line

    def test_clear_and_write_under_the_old_id_starts_another_session(
        self, browser: Browser
    ) -> None:
        [old, new] = log_in_often(browser, times=1)

        old.run(clear_and_write)

        assert old.data() == {"next": "user"}
        assert new.data() == {}

    def test_unset_that_keeps_leaves_both(self, make_member: MakeBrowser) -> None:
        browser = make_member(SESSION_UNSET="keep")
        browsers = log_in_often(browser, times=1)
        sids = sids_of(browsers)

        browsers[0].run(lambda: session.unset())

        assert alive(browser, sids) == sids


class TestOverlapping:
    @every_logout
    @pytest.mark.parametrize("look_first", [True, False], ids=["read before", "not read before"])
    def test_a_logout_that_began_before_a_login_ends_it(
        self, browser: Browser, logout: View, look_first: bool
    ) -> None:
        slow = browser.twin()
        sids = [str(browser.sid)]

        def view() -> None:
            if look_first:
                session.get("user")
            sids.extend(sids_of(log_in_often(browser, times=2)))
            logout()

        assert slow.run(view).status_code == 200
        assert alive(browser, sids) == []

    @pytest.mark.parametrize("logout", [log_out, clear_and_write])
    def test_a_logout_during_a_login_cancels_it(
        self, browser: Browser, memory: MemoryStore, logout: View
    ) -> None:
        old = str(browser.sid)

        response = browser.run(while_another(browser, logout, log_in))

        assert cookie_lines(response) == []
        assert alive(browser, [old]) == []
        assert memory.count() == (logout is clear_and_write)

    @pytest.mark.parametrize("verb", ["create", "save"])
    def test_a_logout_between_the_store_calls_of_a_login_cancels_it(
        self, browser: Browser, memory: MemoryStore, store: CountingStore, verb: str
    ) -> None:
        slow = browser.twin()
        before_each(store, verb, lambda: browser.run(log_out))

        response = slow.run(log_in)

        assert cookie_lines(response) == []
        assert memory.count() == 0

    @pytest.mark.parametrize("verb", ["load", "save"])
    @pytest.mark.parametrize("logout", [log_out, clear_and_write])
    def test_a_login_between_the_store_calls_of_a_logout_is_ended(
        self, browser: Browser, store: CountingStore, verb: str, logout: View
    ) -> None:
        slow = browser.twin()
        sids = [str(browser.sid)]
        before_each(store, verb, lambda: sids.extend(sids_of(log_in_often(browser, times=2))))

        slow.run(logout)

        assert len(sids) == 4
        assert alive(browser, sids) == []

    def test_a_write_between_the_store_calls_of_a_logout_does_not_stop_it(
        self, browser: Browser, memory: MemoryStore, store: CountingStore
    ) -> None:
        slow = browser.twin()
        before_each(store, "save", lambda: browser.run(lambda: session.update(theme="dark")))

        slow.run(log_out)

        assert memory.count() == 0

    def test_a_logout_between_the_store_calls_of_another_is_enough(
        self, browser: Browser, memory: MemoryStore, store: CountingStore
    ) -> None:
        slow = browser.twin()
        before_each(store, "save", lambda: browser.run(log_out))

        slow.run(log_out)

        assert memory.count() == 0

    def test_a_save_after_another_request_destroyed_the_session_still_raises(
        self, browser: Browser
    ) -> None:
        def view() -> None:
            session.get("user")
            browser.run(log_out)
            session.clear()
            with pytest.raises(SessionGone):
                session.save()

        assert browser.twin().run(view).status_code == 200


class TestWhenTheStoreFails:
    """What is left after a failure can still be ended, under either id."""

    @pytest.mark.parametrize("index", [0, 1], ids=["old id", "new id"])
    def test_a_logout_can_be_sent_again(
        self, browser: Browser, store: CountingStore, index: int
    ) -> None:
        browsers = log_in_often(browser, times=1)
        sids = sids_of(browsers)

        def fail() -> None:
            raise StoreUnavailable("The store did not answer.")

        before_each(store, "save", fail)
        with pytest.raises(StoreUnavailable):
            browsers[0].run(log_out)
        assert alive(browser, sids) == sids

        browsers[index].run(log_out)

        assert alive(browser, sids) == []

    def test_an_unreadable_newest_record_is_deleted(
        self, browser: Browser, memory: MemoryStore, store: CountingStore
    ) -> None:
        [old, new] = log_in_often(browser, times=1)
        manager = browser.application.extensions["serversession"]
        load = store.load

        def load_badly(key: str) -> Record | None:
            if key == new.sid:
                raise PayloadError("A stored session is not JSON.")
            return load(key)

        store.load = load_badly  # type: ignore[method-assign]

        assert manager.destroy(str(old.sid))
        assert not manager.destroy(str(old.sid))
        assert list(memory.keys()) == [old.sid]

    def test_an_id_that_leads_to_itself_is_no_session(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        """Only a program that writes to the store could make one."""
        browsers = log_in_often(browser, times=2)
        first, second, third = sids_of(browsers)
        left = memory.load(second)
        assert left is not None
        turned = left.payload.replace(third.encode(), first.encode())
        memory.save(second, Record(turned, left.expires_at))

        assert browsers[0].data() == {}
        assert not browser.application.extensions["serversession"].destroy(first)
        assert browsers[0].run(log_out).status_code == 200

    @pytest.mark.parametrize("successor", ["1", "null", '{"a":1}'])
    def test_a_malformed_successor_is_ignored(
        self, browser: Browser, memory: MemoryStore, successor: str
    ) -> None:
        [old, new] = log_in_often(browser, times=1)
        left = memory.load(str(old.sid))
        assert left is not None
        odd = left.payload.replace(f'"{new.sid}"'.encode(), successor.encode())
        memory.save(str(old.sid), Record(odd, left.expires_at))

        assert old.data() == {}
        old.run(log_out)
        assert memory.load(str(old.sid)) is None


class TestSignals:
    @every_logout
    @pytest.mark.parametrize("index", [0, 1], ids=["old id", "new id"])
    def test_each_id_is_destroyed_once(self, browser: Browser, logout: View, index: int) -> None:
        heard: list[str] = []

        def hear(sender: object, **values: Any) -> None:
            heard.append(values["handle"])

        with session_destroyed.connected_to(hear):
            browsers = log_in_often(browser, times=1)
            sids = sids_of(browsers)
            browsers[index].run(logout)

        assert heard == list(map(handle_of, sids))

    def test_the_manager_tells_of_the_newest_id(self, browser: Browser) -> None:
        heard: list[str] = []
        old, new = sids_of(log_in_often(browser, times=1))

        def hear(sender: object, **values: Any) -> None:
            heard.append(values["handle"])

        with session_destroyed.connected_to(hear):
            browser.application.extensions["serversession"].destroy(old)

        assert heard == [handle_of(new)]


class TestCost:
    @pytest.mark.parametrize(
        ("index", "calls"), [(0, ["load", "load", "save"]), (1, ["load", "save"])]
    )
    def test_a_logout_costs_two_calls_and_a_third_under_an_old_id(
        self, browser: Browser, store: CountingStore, index: int, calls: list[str]
    ) -> None:
        browsers = log_in_often(browser, times=1)
        store.calls.clear()

        browsers[index].run(log_out)

        assert store.calls == calls

    def test_the_express_profile_leaves_nothing_and_deletes(
        self, make_member: MakeBrowser, memory: MemoryStore, store: CountingStore
    ) -> None:
        browser = make_member(SESSION_PROFILE="express")
        browser.run(log_in)
        assert list(memory.keys()) == [browser.sid]
        store.calls.clear()

        browser.run(log_out)

        assert store.calls == ["load", "delete"]  # that profile loads every session

    def test_a_grace_is_not_the_default_where_requests_overwrite_each_other(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_member(SESSION_CONCURRENCY="overwrite")
        browser.run(log_in)

        assert list(memory.keys()) == [browser.sid]
