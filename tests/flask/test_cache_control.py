"""Which pages no cache may keep."""

from __future__ import annotations

from typing import Any

import pytest
from flask import send_file
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse

from .browser import Browser
from .browser import session
from .conftest import MakeBrowser

NO_STORE: dict[str, Any] = {"SESSION_CACHE_CONTROL": "no-store"}
#: In the store of the server, and in the cookie itself.
KINDS = pytest.mark.parametrize(
    "kind", [{}, {"SESSION_STORE": "cookie"}], ids=["stored", "in the cookie"]
)


def control_of(response: TestResponse) -> str | None:
    return response.headers.get("Cache-Control")


def use() -> str:
    return str(session.get("_login"))


@KINDS
class TestNoStore:
    @pytest.fixture
    def user(self, make_browser: MakeBrowser, kind: dict[str, Any]) -> Browser:
        """A browser that Ada is logged in with."""
        browser = make_browser(**NO_STORE, **kind)
        browser.run(lambda: session.log_in("ada"))
        return browser

    def test_the_page_of_a_user_is_not_kept(self, user: Browser) -> None:
        assert control_of(user.run(use)) == "no-store"

    def test_the_page_that_logs_in_is_not_kept(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**NO_STORE, **kind)

        assert control_of(browser.run(lambda: session.log_in("ada"))) == "no-store"

    @pytest.mark.parametrize(
        "end",
        [
            pytest.param(lambda: session.log_out(), id="log_out"),
            pytest.param(lambda: [use(), session.destroy()][1], id="destroy"),
            pytest.param(lambda: session.clear(), id="clear"),
        ],
    )
    def test_the_page_that_ends_a_session_is_not_kept(
        self, user: Browser, end: Any, kind: dict[str, Any]
    ) -> None:
        assert control_of(user.run(end)) == "no-store"

    def test_a_page_that_ignores_the_session_may_be_kept(self, user: Browser) -> None:
        assert control_of(user.run(lambda: "")) is None

    def test_a_page_of_a_visitor_may_be_kept(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**NO_STORE, **kind)
        browser.run(lambda: session.update(cart=["tea"]))

        assert control_of(browser.run(use)) is None
        assert control_of(browser.run(lambda: "")) is None

    @pytest.mark.parametrize("control", ["public, max-age=60", "max-age=60", "no-cache"])
    def test_it_replaces_what_allows_more(self, user: Browser, control: str) -> None:
        def page() -> ResponseReturnValue:
            return use(), {"Cache-Control": control}

        assert control_of(user.run(page)) == "no-store"

    @pytest.mark.parametrize("control", ["no-store", "no-store, max-age=0"])
    def test_a_view_may_say_it_itself(self, user: Browser, control: str) -> None:
        def page() -> ResponseReturnValue:
            return use(), {"Cache-Control": control}

        assert "no-store" in str(control_of(user.run(page)))

    def test_a_view_may_have_the_browser_keep_its_page(self, user: Browser) -> None:
        def page() -> ResponseReturnValue:
            return use(), {"Cache-Control": "private, max-age=60"}

        assert control_of(user.run(page)) == "private, max-age=60"

    def test_a_file_of_a_user_is_not_kept(self, user: Browser) -> None:
        def download() -> ResponseReturnValue:
            use()
            return send_file(__file__, max_age=60)

        assert control_of(user.run(download)) == "no-store"

    def test_without_the_key_a_page_has_no_such_header(
        self, make_browser: MakeBrowser, kind: dict[str, Any]
    ) -> None:
        browser = make_browser(**kind)
        browser.run(lambda: session.log_in("ada"))

        assert control_of(browser.run(use)) is None


def test_the_page_of_a_session_that_ends_meanwhile_is_not_kept(make_browser: MakeBrowser) -> None:
    browser = make_browser(**NO_STORE)
    browser.run(lambda: session.log_in("ada"))

    def page() -> str:
        session["seen"] = True
        browser.twin().run(lambda: session.log_out())
        return "Hello Ada"

    assert control_of(browser.run(page)) == "no-store"
