"""What Flask and its extensions expect of a session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import pytest
from flask import abort
from flask import after_this_request
from flask import copy_current_request_context
from flask import flash
from flask import Flask
from flask import get_flashed_messages
from flask import make_response
from flask import redirect
from flask import render_template_string
from flask import request
from flask import Response
from flask import stream_with_context
from flask.sessions import SessionMixin
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_serversession import SessionError
from flask_serversession import SessionSerializationError
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeApp
from .conftest import MakeBrowser
from .counting import CountingStore


def write() -> None:
    session["user"] = "ada"


class TestSessionTransaction:
    def test_a_view_reads_what_it_wrote(self, browser: Browser) -> None:
        with browser.session_transaction() as opened:
            opened["user"] = "ada"

        assert browser.see(lambda: session["user"]) == "ada"

    def test_it_reads_what_a_view_wrote(self, browser: Browser) -> None:
        browser.run(write)

        with browser.session_transaction() as opened:
            assert opened["user"] == "ada"

    def test_it_changes_what_a_view_wrote(self, browser: Browser) -> None:
        browser.run(lambda: session.update(cart=["tea"]))

        with browser.session_transaction() as opened:
            opened["cart"].append("milk")

        assert browser.see(lambda: session["cart"]) == ["tea", "milk"]

    def test_an_unused_one_makes_no_store_call(
        self, browser: Browser, store: CountingStore
    ) -> None:
        browser.run(write)
        store.calls.clear()

        with browser.session_transaction():
            pass

        assert store.calls == []

    def test_a_request_within_it_is_merged(self, browser: Browser) -> None:
        browser.run(write)

        with browser.session_transaction() as opened:
            opened["theme"] = "dark"
            browser.run(lambda: session.update(user="bob"))

        assert browser.data() == {"user": "bob", "theme": "dark"}

    def test_it_cannot_be_opened_outside_the_cookie_path(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(SESSION_COOKIE_PATH="/shop")

        with (
            pytest.raises(RuntimeError, match="did not open a session"),
            browser.session_transaction(),
        ):
            pass


class TestHooks:
    def test_a_change_in_before_request_is_saved(self, app: Flask) -> None:
        app.before_request(write)
        browser = browser_of(app)

        assert browser.see(lambda: session["user"]) == "ada"
        assert browser.see(lambda: session.new) is False

    def test_a_change_in_after_request_is_saved(self, app: Flask) -> None:
        @app.after_request
        def count(response: Response) -> Response:
            session["views"] = session.get("views", 0) + 1
            return response

        browser = browser_of(app)
        browser.run(lambda: None)

        assert browser.see(lambda: session["views"]) == 1

    def test_a_change_in_after_this_request_is_saved(self, browser: Browser) -> None:
        def write_later() -> None:
            @after_this_request
            def change(response: Response) -> Response:
                write()
                return response

        browser.run(write_later)

        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_change_at_teardown_is_warned_about(
        self, app: Flask, caplog: pytest.LogCaptureFixture
    ) -> None:
        app.teardown_request(lambda error: write())

        browser_of(app).run(lambda: session.get("user"))

        assert "session.save()" in caplog.text

    def test_a_template_reads_the_session(self, browser: Browser) -> None:
        browser.run(write)

        response = browser.run(lambda: render_template_string("Hello {{ session.user }}"))

        assert response.text == "Hello ada"
        assert "Cookie" in response.vary


class TestErrors:
    def test_a_404_page_may_use_the_session(self, app: Flask) -> None:
        app.register_error_handler(404, lambda error: (f"No, {session['user']}", 404))
        browser = browser_of(app)
        browser.run(write)

        assert browser.get("/nowhere").text == "No, ada"

    def test_a_change_before_an_abort_is_saved(self, browser: Browser) -> None:
        def write_and_abort() -> None:
            write()
            abort(403)

        browser.run(write_and_abort)

        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_change_before_a_500_is_saved_as_in_flask(self, make_browser: MakeBrowser) -> None:
        browser = make_browser(PROPAGATE_EXCEPTIONS=False)

        def write_and_fail() -> None:
            write()
            raise ZeroDivisionError

        assert browser.run(write_and_fail).status_code == 500
        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_change_before_an_error_that_propagates_is_not_saved(
        self, browser: Browser, store: CountingStore
    ) -> None:
        def write_and_fail() -> None:
            write()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            browser.run(write_and_fail)

        assert store.calls == []

    def test_a_value_that_cannot_be_stored_is_a_500_without_a_cookie(
        self,
        make_browser: MakeBrowser,
        store: CountingStore,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        browser = make_browser(PROPAGATE_EXCEPTIONS=False)

        response = browser.run(lambda: session.update(user=object()))

        assert (response.status_code, cookie_lines(response), store.calls) == (500, [], [])
        assert len(caplog.records) == 1

    def test_a_value_that_cannot_be_stored_leaves_the_stored_data_as_they_were(
        self, browser: Browser
    ) -> None:
        browser.run(write)

        with pytest.raises(SessionSerializationError):
            browser.run(lambda: session.update(user=object(), theme="dark"))

        assert browser.data() == {"user": "ada"}

    def test_a_serialization_error_that_the_view_handled_is_not_raised_again(
        self, browser: Browser
    ) -> None:
        browser.run(write)

        def save_and_handle() -> tuple[str, int]:
            session["user"] = object()
            try:
                session.save()
            except SessionSerializationError:
                return "", 400
            return "", 200

        assert browser.run(save_and_handle).status_code == 400
        assert browser.data() == {"user": "ada"}


class TestResponses:
    def test_a_redirect_is_sent_after_the_session_is_stored(self, browser: Browser) -> None:
        def log_in() -> ResponseReturnValue:
            write()
            return redirect("/shop")

        browser.run(log_in)

        assert browser.see(lambda: session["user"]) == "ada"

    def test_a_stream_reads_the_session(self, browser: Browser) -> None:
        browser.run(write)

        def pages() -> Iterator[str]:
            yield "Hello "
            yield session["user"]

        response = browser.run(lambda: Response(stream_with_context(pages())))

        assert response.text == "Hello ada"

    def test_a_stream_loads_the_session_if_the_view_did_not(
        self, browser: Browser, store: CountingStore
    ) -> None:
        browser.run(write)
        store.calls.clear()

        browser.run(lambda: Response(stream_with_context(iter_user())))

        assert store.calls == ["load"]

    def test_a_cached_response_object_carries_no_cookie(self, app: Flask) -> None:
        @lru_cache
        def page() -> Response:
            return make_response("the same for all")

        ada, visitor = browser_of(app), browser_of(app)
        ada.run(write)

        responses = [browser.run(page) for browser in (ada, visitor)]

        assert [cookie_lines(response) for response in responses] == [[], []]
        assert visitor.sid is None


class TestFlash:
    def test_a_message_is_shown_once(self, browser: Browser) -> None:
        browser.run(lambda: flash("Saved"))

        assert browser.see(get_flashed_messages) == ["Saved"]
        assert browser.see(get_flashed_messages) == []

    def test_a_message_with_markup_stays_markup(self, browser: Browser) -> None:
        browser.run(lambda: flash(Markup("<b>Saved</b>"), "success"))

        [shown] = browser.see(lambda: get_flashed_messages(with_categories=True))

        assert shown == ("success", "<b>Saved</b>")
        assert isinstance(shown[1], Markup)

    def test_the_last_message_shown_leaves_no_empty_session(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        browser.run(lambda: flash("Bye"))

        browser.run(lambda: str(get_flashed_messages()))

        assert (memory.count(), browser.sid) == (0, None)


class TestContexts:
    def test_an_async_view_reads_and_writes(self, app: Flask) -> None:
        @app.get("/async")
        async def count() -> str:
            session["views"] = session.get("views", 0) + 1
            return str(session["views"])

        browser = browser_of(app)

        assert [browser.get("/async").text for _ in range(2)] == ["1", "2"]

    def test_a_thread_of_the_request_sees_and_changes_its_session(self, browser: Browser) -> None:
        browser.run(write)

        def change_in_a_thread() -> None:
            @copy_current_request_context
            def change() -> None:
                session["seen by thread"] = session["user"]

            run_in_thread(change)

        browser.run(change_in_a_thread)

        assert browser.see(lambda: session["seen by thread"]) == "ada"

    def test_a_change_by_a_thread_after_the_response_is_warned_about(
        self, browser: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        threads: list[Any] = []

        def leave_a_thread() -> None:
            session.get("user")
            threads.append(copy_current_request_context(write))

        browser.run(leave_a_thread)
        run_in_thread(threads.pop())

        assert "session.save()" in caplog.text

    def test_a_client_that_preserves_its_context_can_read_the_session(
        self, browser: Browser
    ) -> None:
        with browser:
            browser.run(write)

            assert session["user"] == "ada"
            assert session.id == browser.sid

    def test_process_response_stores_the_session(self, app: Flask, memory: MemoryStore) -> None:
        with app.test_request_context():
            write()
            response = app.process_response(Response())

        assert memory.count() == 1
        assert len(response.headers.getlist("Set-Cookie")) == 1


class TestMixin:
    def test_the_session_is_a_session_mixin(self, browser: Browser) -> None:
        assert browser.see(lambda: isinstance(session, SessionMixin))

    def test_setting_accessed_to_false_removes_the_vary_header(self, app: Flask) -> None:
        response = Response()
        with app.test_request_context():
            opened = app.session_interface.open_session(app, request)
            assert opened is not None
            opened.get("user")
            opened.accessed = False
            app.session_interface.save_session(app, opened, response)

        assert "Vary" not in response.headers

    def test_the_update_operator_changes_the_session_in_place(self, browser: Browser) -> None:
        def update() -> None:
            current = session
            current |= {"theme": "dark"}

        browser.run(update)

        assert browser.data()["theme"] == "dark"

    def test_a_null_session_is_recognised_and_refuses_writes(self, make_app: MakeApp) -> None:
        interface = make_app().session_interface
        app = make_app(SESSION_COOKIE_PATH="/shop")

        null = interface.make_null_session(app)

        assert interface.is_null_session(null)
        with pytest.raises(SessionError):
            null["user"] = "ada"

    def test_saving_a_null_session_changes_no_header(self, app: Flask) -> None:
        response = Response()

        interface = app.session_interface
        interface.save_session(app, interface.make_null_session(app), response)

        assert "Set-Cookie" not in response.headers
        assert "Vary" not in response.headers


class TestSeveralUsers:
    def test_two_browsers_never_share_a_session(self, app: Flask) -> None:
        ada, bob = browser_of(app), browser_of(app)
        ada.run(lambda: session.update(user="ada"))
        bob.run(lambda: session.update(user="bob"))

        assert ada.see(lambda: session["user"]) == "ada"
        assert bob.see(lambda: session["user"]) == "bob"

    def test_two_threads_never_see_each_others_data(self, app: Flask) -> None:
        both_at_once = threading.Barrier(2, timeout=30)

        def meet() -> str:
            seen: str = session["user"]
            both_at_once.wait()
            session["seen"] = [*session.get("seen", []), seen]
            return seen

        def visit(user: str) -> list[str]:
            browser = browser_of(app)
            browser.run(lambda: session.update(user=user))
            for _ in range(20):
                assert browser.run(meet).text == user
            return browser.see(lambda: session["seen"])

        with ThreadPoolExecutor(2) as pool:
            seen = list(pool.map(visit, ["ada", "bob"]))

        assert seen == [["ada"] * 20, ["bob"] * 20]


def iter_user() -> Iterator[str]:
    yield str(session.get("user"))


def run_in_thread(target: Any) -> None:
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
