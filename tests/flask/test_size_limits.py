"""How much a session may hold, in a store and in its cookie."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from flask_serversession import ConfigError
from flask_serversession import Record
from flask_serversession import session_created
from flask_serversession import SessionTooLarge
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import cookie_lines
from .browser import session
from .browser import View
from .conftest import MakeBrowser
from .counting import CountingStore

LARGE = "planted" * 300
SMALL = {"SESSION_MAX_BYTES": 1000}


def write_much() -> None:
    session.update(user="ada", cart=LARGE, theme="dark")


def nest(depth: int) -> View:
    value: Any = "planted"
    for _ in range(depth):
        value = [value]
    return lambda: session.update(cart=value)


@pytest.fixture
def crowded(memory: MemoryStore) -> str:
    """The id of a session that was stored before there was a limit."""
    members = ",".join(f'"n{n}":[[{n}]]' for n in range(200))
    document = '{"cookie":{"path":"/"},"user":"ada",' + members + "}"
    memory.create("crowded", Record(document.encode(), utc_now() + timedelta(hours=1)))
    return "crowded"


@pytest.mark.parametrize("store", ["memory", "cookie"])
class TestInBothPlaces:
    @pytest.fixture
    def make(self, make_browser: MakeBrowser, store: str) -> MakeBrowser:
        where = {"SESSION_STORE": "cookie"} if store == "cookie" else {}
        return lambda **config: make_browser(**where, **config)

    def test_a_session_with_too_many_bytes_raises_and_sends_no_cookie(
        self, make: MakeBrowser
    ) -> None:
        browser = make(**SMALL, TESTING=False)

        response = browser.run(write_much)

        assert response.status_code == 500
        assert cookie_lines(response) == []
        assert browser.data() == {}

    def test_the_error_names_the_largest_member_and_its_size(self, make: MakeBrowser) -> None:
        with pytest.raises(SessionTooLarge) as caught:
            make(**SMALL).run(write_much)

        message = str(caught.value)
        assert "SESSION_MAX_BYTES is 1000." in message
        assert "The largest member, session['cart'], has 2111 bytes." in message
        assert "planted" not in message

    def test_a_session_with_too_many_members_raises(self, make: MakeBrowser) -> None:
        browser = make(SESSION_MAX_MEMBERS=3)
        browser.run(lambda: session.update(a=1, b=2, c=3))

        with pytest.raises(SessionTooLarge, match="4 members, and SESSION_MAX_MEMBERS is 3"):
            browser.run(lambda: session.update(d=4))
        assert len(browser.data()) == 3

    def test_a_session_that_is_nested_too_deep_raises(self, make: MakeBrowser) -> None:
        browser = make(SESSION_MAX_DEPTH=4)
        browser.run(nest(3))

        with pytest.raises(SessionTooLarge, match=r"cart.*more than 4 deep") as caught:
            browser.run(nest(4))
        assert "planted" not in str(caught.value)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            *(("SESSION_MAX_BYTES", value) for value in (0, -1, 1.5, True, "1000")),
            ("SESSION_MAX_MEMBERS", 0),
            *(("SESSION_MAX_DEPTH", value) for value in (0, 101, None)),
            ("SESSION_MAX_COOKIES", None),
            ("SESSION_MAX_WAITERS", 0),
        ],
    )
    def test_a_limit_that_is_not_a_positive_int_is_refused(
        self, make: MakeBrowser, key: str, value: object
    ) -> None:
        with pytest.raises(ConfigError, match=f"{key} is .* must be an int"):
            make(**{key: value})


def test_a_cookie_that_is_too_long_names_the_largest_member(make_browser: MakeBrowser) -> None:
    browser = make_browser(SESSION_STORE="cookie")

    with pytest.raises(SessionTooLarge, match=r"drop cookies longer than 4096.*'cart'.*4211"):
        browser.run(lambda: session.update(user="ada", cart="x" * 4200))


def test_by_default_a_session_may_have_a_mebibyte_and_a_thousand_members(
    browser: Browser,
) -> None:
    browser.run(lambda: session.update(text="x" * 1_000_000))
    with pytest.raises(SessionTooLarge, match="1048576"):
        browser.run(lambda: session.update(more="x" * 50_000))

    browser.run(lambda: session.clear())
    browser.run(lambda: session.update({f"n{n}": n for n in range(1000)}))
    with pytest.raises(SessionTooLarge, match="1000"):
        browser.run(lambda: session.update(one="more"))


@pytest.mark.parametrize(
    "config",
    [
        {"SESSION_PROFILE": "express"},
        {"SESSION_MAX_BYTES": None, "SESSION_MAX_MEMBERS": None},
    ],
)
def test_in_the_express_profile_and_with_none_there_is_no_limit(
    make_browser: MakeBrowser, config: dict[str, Any]
) -> None:
    browser = make_browser(**config)

    browser.run(lambda: session.update({f"n{n}": "x" * 1000 for n in range(1200)}))

    assert len(browser.data()) == 1200


def test_nothing_is_stored_of_a_change_that_is_too_large(
    make_member: MakeBrowser, store: CountingStore
) -> None:
    browser = make_member(**SMALL)

    with pytest.raises(SessionTooLarge):
        browser.run(write_much)

    assert store.calls == ["load"]
    assert browser.data() == {"user": "ada"}


def test_save_raises_in_the_view_which_can_answer(make_member: MakeBrowser) -> None:
    browser = make_member(**SMALL)

    def write() -> str:
        write_much()
        with pytest.raises(SessionTooLarge):
            session.save()
        return "too much"

    response = browser.run(write)

    assert (response.status_code, response.text) == (200, "too much")
    assert browser.data() == {"user": "ada"}


def test_two_changes_may_be_too_large_together(make_member: MakeBrowser) -> None:
    browser = make_member(**SMALL)

    def write_while_another_does() -> None:
        session["mine"] = "x" * 600
        browser.twin().run(lambda: session.update(theirs="x" * 600))

    with pytest.raises(SessionTooLarge, match="SESSION_MAX_BYTES"):
        browser.run(write_while_another_does)
    assert browser.data().keys() == {"user", "theirs"}


def test_a_login_that_cannot_be_stored_ends_no_other_session(make_browser: MakeBrowser) -> None:
    browser = make_browser(**SMALL, SESSION_STORE=MemoryStore(), SESSION_LIMIT_PER_USER=1)
    browser.run(lambda: session.log_in("ada"))
    other = browser.application.test_client()
    assert isinstance(other, Browser)

    def log_in_with_much() -> None:
        write_much()
        session.log_in("ada")

    with pytest.raises(SessionTooLarge):
        other.run(log_in_with_much)
    assert browser.see(lambda: session.user_id) == "ada"


class TestStoredBeforeTheLimit:
    """A record beyond a limit loads, and can be used as long as it is not written."""

    @pytest.fixture(
        params=[
            {"SESSION_MAX_BYTES": 1000},
            {"SESSION_MAX_MEMBERS": 100},
            {"SESSION_MAX_DEPTH": 2},
        ],
        ids=["bytes", "members", "depth"],
    )
    def limit(self, request: pytest.FixtureRequest) -> dict[str, int]:
        limit: dict[str, int] = request.param
        return limit

    @pytest.fixture
    def browser(self, make_browser: MakeBrowser, crowded: str, limit: dict[str, int]) -> Browser:
        browser = make_browser(**limit, SESSION_TOUCH_INTERVAL=0)
        browser.hold(crowded)
        return browser

    def test_it_is_read_and_extended(self, browser: Browser, store: CountingStore) -> None:
        assert browser.run(lambda: str(session["n7"])).text == "[[7]]"
        assert store.calls == ["load", "touch"]

    @pytest.mark.parametrize(
        "change", [lambda: session.clear(), lambda: session.destroy()], ids=["clear", "destroy"]
    )
    def test_it_can_be_ended(self, browser: Browser, memory: MemoryStore, change: View) -> None:
        browser.run(change)

        assert memory.count() == 0

    def test_a_session_above_the_limit_cannot_grow(self, browser: Browser) -> None:
        with pytest.raises(SessionTooLarge):
            browser.run(lambda: session.update(theme="dark"))

    def test_it_can_be_read_after_the_cookies_attributes_were_configured(
        self, make_browser: MakeBrowser, crowded: str, limit: dict[str, int]
    ) -> None:
        browser = make_browser(**limit, SESSION_COOKIE_SAMESITE="Lax")
        browser.hold(crowded)

        assert browser.run(lambda: session["user"]).text == "ada"


def test_a_long_name_is_shortened_and_a_cookie_may_be_too_large_by_itself(
    make_browser: MakeBrowser,
) -> None:
    with pytest.raises(SessionTooLarge, match=r"session\['k{60}…'\]"):
        make_browser(**SMALL).run(lambda: session.update({"k" * 2000: 1}))
    with pytest.raises(SessionTooLarge) as caught:
        make_browser(SESSION_MAX_BYTES=1).run(lambda: session.save())
    assert "largest" not in str(caught.value)


def test_a_former_session_beyond_a_limit_is_not_taken_over(
    make_browser: MakeBrowser, caplog: pytest.LogCaptureFixture
) -> None:
    flasks = Flask(__name__)
    flasks.secret_key = "keyboard cat"
    created: list[object] = []
    browser = make_browser(SESSION_ADOPT=["flask"], SESSION_MAX_MEMBERS=2)
    serializer = SecureCookieSessionInterface().get_signing_serializer(flasks)
    assert serializer is not None
    browser.set_cookie("session", str(serializer.dumps({"a": 1, "b": 2, "c": "planted"})))

    with session_created.connected_to(lambda sender, **extra: created.append(extra)):
        assert browser.data() == {}

    assert created == []
    assert "A former session was not taken over: The session has 3 members" in caplog.text
    assert "planted" not in caplog.text
