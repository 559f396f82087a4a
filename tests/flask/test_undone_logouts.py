"""A session that has ended stays ended, whatever a slower request stores."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from flask_serversession import SessionGone
from flask_serversession.stores.memory import MemoryStore

from .browser import cookie_lines
from .browser import session
from .conftest import LetPass
from .conftest import MakeBrowser
from .overlap import log_out
from .overlap import while_another

REMOVAL = "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"


@pytest.mark.parametrize("concurrency", ["merge", "overwrite", "reject"])
class TestALogout:
    def test_is_not_undone_by_a_slow_writer(
        self, make_member: MakeBrowser, memory: MemoryStore, concurrency: str
    ) -> None:
        browser = make_member(SESSION_CONCURRENCY=concurrency)

        response = browser.run(while_another(browser, log_out, lambda: session.update(seen=True)))

        assert memory.count() == 0
        # This request did not end the session, so the cookie may belong to a newer login.
        assert cookie_lines(response) == []

    def test_is_not_undone_by_a_slow_reader(
        self, make_member: MakeBrowser, memory: MemoryStore, let_pass: LetPass, concurrency: str
    ) -> None:
        browser = make_member(SESSION_CONCURRENCY=concurrency)
        let_pass(browser, timedelta(hours=1))

        response = browser.run(while_another(browser, log_out, lambda: None))

        assert memory.count() == 0
        assert cookie_lines(response) == []

    def test_is_not_undone_by_a_slow_login(
        self, make_member: MakeBrowser, memory: MemoryStore, concurrency: str
    ) -> None:
        browser = make_member(SESSION_CONCURRENCY=concurrency)

        browser.run(while_another(browser, log_out, lambda: session.regenerate(keep_data=True)))

        assert memory.count() == 0

    def test_logs_the_changes_it_drops_without_their_values(
        self, make_member: MakeBrowser, caplog: pytest.LogCaptureFixture, concurrency: str
    ) -> None:
        browser = make_member(SESSION_CONCURRENCY=concurrency)

        with caplog.at_level(logging.INFO):
            browser.run(while_another(browser, log_out, lambda: session.update(secret="hidden")))

        [record] = [each for each in caplog.records if each.name == "flask_serversession"]
        assert "dropped" in record.getMessage()
        assert "hidden" not in caplog.text


def test_a_logout_is_not_undone_in_the_express_profile(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member(SESSION_PROFILE="express")

    response = browser.run(while_another(browser, log_out, lambda: session.update(seen=True)))

    assert memory.count() == 0
    assert cookie_lines(response) == []


def test_the_later_of_two_logouts_removes_the_cookie_too(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    browser = make_member()

    response = browser.run(while_another(browser, log_out, log_out))

    assert memory.count() == 0
    assert cookie_lines(response) == [REMOVAL]


def test_a_login_saved_after_a_logout_elsewhere_is_undone(
    make_member: MakeBrowser, memory: MemoryStore
) -> None:
    def log_in_too_late() -> None:
        session.get("user")
        memory.clear()
        session.regenerate(keep_data=True)
        session["user"] = "eve"
        with pytest.raises(SessionGone):
            session.save()

    response = make_member().run(log_in_too_late)

    assert memory.count() == 0
    assert cookie_lines(response) == []
