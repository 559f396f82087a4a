"""Forged cookies and unreadable records are ignored. They never fail a request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession import Record
from flask_serversession import ServerSession
from flask_serversession import SessionGone
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import serve_browsers
from .browser import session
from .browser import signed
from .conftest import MakeApp
from .counting import CountingStore

SID = "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
COOKIE = '{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'


@pytest.fixture(scope="module")
def shared_store() -> CountingStore:
    return CountingStore(MemoryStore())


@pytest.fixture(scope="module")
def cookieless(shared_store: CountingStore) -> Browser:
    """A client without a cookie jar, which sends the Cookie header of the test."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=shared_store)
    ServerSession(app)
    serve_browsers(app)
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    return client


def wsgi(text: str) -> str:
    """Return a header as a WSGI server passes it on: each byte as one character."""
    return text.encode().decode("latin-1")


class TestCookie:
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param("", id="empty"),
            pytest.param("s:", id="prefix only"),
            pytest.param("s%3A", id="encoded prefix only"),
            pytest.param("s:.", id="no id, no signature"),
            pytest.param(f"s:{SID}.", id="no signature"),
            pytest.param(SID, id="unsigned"),
            pytest.param(f"s:{SID}", id="unsigned with prefix"),
            pytest.param(f"s:{SID}.!!!not*base64!!!", id="bad base64"),
            pytest.param(f"s:{SID}.AAAA", id="short signature"),
            pytest.param(f"j:{SID}.AAAA", id="another prefix"),
            pytest.param("s%3A%ZZ%", id="percent garbage"),
            pytest.param("s%3A%FF%FE.AAAA", id="percent-encoded bytes that are not UTF-8"),
            pytest.param("s:a\0b.AAAA", id="NUL"),
            pytest.param("s:a\r\nSet-Cookie: x=1.AAAA", id="CRLF"),
            pytest.param(wsgi("s:🍪.AAAA"), id="emoji"),
            pytest.param("s:\udcff.AAAA", id="lone surrogate"),
            pytest.param("s:" + "a" * 100_000 + ".AAAA", id="100 kB"),
            pytest.param('"', id="one quote"),
            pytest.param('""', id="empty quotes"),
            pytest.param("a; session=b; session=c", id="three bad cookies"),
            pytest.param("../../etc/passwd", id="path"),
        ],
    )
    def test_an_invalid_cookie_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore, value: str
    ) -> None:
        assert_ignored(cookieless, shared_store, f"session={value}")

    def test_a_cookie_signed_with_another_key_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore
    ) -> None:
        other = Flask(__name__)
        other.config.update(SECRET_KEY="another", TESTING=True)
        ServerSession(other)

        assert_ignored(cookieless, shared_store, f"session={signed(other, SID)}")

    def test_a_cookie_with_a_changed_id_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore
    ) -> None:
        value = signed(cookieless.application, SID).replace("aBc", "aBd")

        assert_ignored(cookieless, shared_store, f"session={value}")

    def test_a_cookie_whose_signature_is_padded_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore
    ) -> None:
        value = signed(cookieless.application, SID)

        assert_ignored(cookieless, shared_store, f"session={value}%3D")

    def test_a_signed_empty_id_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore
    ) -> None:
        value = signed(cookieless.application, "")

        assert_ignored(cookieless, shared_store, f"session={value}")

    def test_a_signed_id_longer_than_browsers_keep_is_ignored(
        self, cookieless: Browser, shared_store: CountingStore
    ) -> None:
        value = signed(cookieless.application, "a" * 4096)

        assert_ignored(cookieless, shared_store, f"session={value}")

    @given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
    @example("session")
    @example("session=")
    @example("=session=;;=")
    def test_no_random_header_causes_an_error_or_a_store_call(
        self, cookieless: Browser, shared_store: CountingStore, header: str
    ) -> None:
        assert_ignored(cookieless, shared_store, header)

    @given(st.text(), st.sampled_from(["", "s:", "s%3A", '"s:']), st.text(max_size=50))
    def test_no_random_cookie_value_causes_an_error_or_a_store_call(
        self, cookieless: Browser, shared_store: CountingStore, sid: str, prefix: str, end: str
    ) -> None:
        assert_ignored(cookieless, shared_store, f"session={prefix}{sid}.{end}")


class TestRecord:
    @pytest.fixture(
        params=[
            pytest.param(b"", id="empty"),
            pytest.param(b"not JSON, secret", id="not JSON"),
            pytest.param(b"\x80\x04secret.", id="a pickle"),
            pytest.param(b'["secret"]', id="a JSON list"),
            pytest.param(b'"secret"', id="a JSON string"),
            pytest.param(b"null", id="null"),
            pytest.param(b'{"user":"secret"}', id="no cookie object"),
            pytest.param(b'{"cookie":"secret"}', id="a cookie that is not an object"),
            pytest.param(COOKIE.encode() + b',"id":{" uuid":"secret"}}', id="a bad tag"),
            pytest.param(COOKIE.encode() + b',"user":"secret"', id="truncated"),
            pytest.param(b"[" * 100_000, id="endless nesting"),
            pytest.param(COOKIE.encode() + b',"a":' + b"[" * 200 + b"]" * 200 + b"}", id="deep"),
            pytest.param(
                COOKIE.encode() + b',"_flashes":"secret"}', id="flashes that are no list"
            ),
            pytest.param(
                COOKIE.encode() + b',"n":{" int":"0x' + b"f" * 5000 + b'"}}', id="a large int"
            ),
            pytest.param(COOKIE.encode() + b',"n":' + b"9" * 5000 + b"}", id="a large number"),
        ]
    )
    def payload(self, request: pytest.FixtureRequest) -> bytes:
        payload: bytes = request.param
        return payload

    @pytest.fixture
    def visitor(self, app: Flask, memory: MemoryStore, payload: bytes) -> Browser:
        """A browser whose stored session is unreadable."""
        memory.create(SID, Record(payload, utc_now() + timedelta(hours=1)))
        browser = browser_of(app)
        browser.hold(SID)
        return browser

    def test_an_unreadable_record_reads_as_a_new_session(self, visitor: Browser) -> None:
        data, sid, new = visitor.see(lambda: (session.copy(), session.id, session.new))

        assert (data, new) == ({}, True)
        assert sid != SID

    def test_an_unreadable_record_is_logged_once_without_its_contents(
        self, visitor: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            visitor.see(lambda: (session.get("user"), session.get("cart")))

        [record] = [each for each in caplog.records if each.name == "flask_serversession"]
        assert record.levelno == logging.ERROR
        assert "secret" not in caplog.text
        assert SID not in caplog.text

    def test_an_unreadable_record_is_not_overwritten(
        self, visitor: Browser, memory: MemoryStore, payload: bytes
    ) -> None:
        response = visitor.run(lambda: session.update(user="ada"))

        record = memory.load(SID)
        assert record is not None
        assert record.payload == payload
        assert len(cookie_lines(response)) == 1
        assert visitor.see(lambda: session["user"]) == "ada"

    def test_an_unreadable_record_can_be_destroyed(
        self, visitor: Browser, memory: MemoryStore
    ) -> None:
        visitor.run(lambda: session.destroy())

        assert memory.count() == 0


def test_destroy_deletes_a_record_found_unreadable(browser: Browser, memory: MemoryStore) -> None:
    browser.run(lambda: session.update(user="ada"))
    sid = browser.sid
    assert sid is not None
    memory.save(sid, Record(b"unreadable", utc_now() + timedelta(hours=1)))

    def read_and_destroy() -> None:
        session.get("user")
        session.destroy()

    browser.run(read_and_destroy)

    assert memory.count() == 0


class TestARecordThatOthersOverwriteWhileARequestUsesIt:
    """It has ended, as if they had deleted it."""

    @pytest.fixture(params=[{}, {"SESSION_ENCRYPTION_KEYS": ["5e" * 32]}], ids=["plain", "sealed"])
    def visitor(
        self, make_app: MakeApp, memory: MemoryStore, request: pytest.FixtureRequest
    ) -> Browser:
        app = make_app(SESSION_STORE=memory, SESSION_LIMIT_PER_USER=2, **request.param)
        browser = browser_of(app)
        browser.run(lambda: session.update(cart="apple"))
        return browser

    @pytest.fixture
    def overwrite(self, memory: MemoryStore) -> Callable[[], None]:
        """Return a function that reads the session, and then overwrites its record."""

        def overwrite() -> None:
            assert session["cart"] == "apple"
            memory.save(session.id, Record(b"unreadable", utc_now() + timedelta(hours=1)))

        return overwrite

    def test_is_not_reloaded(self, visitor: Browser, overwrite: Callable[[], None]) -> None:
        def view() -> None:
            overwrite()
            with pytest.raises(SessionGone):
                session.reload()

        assert visitor.run(view).status_code == 200

    def test_reads_as_empty_under_its_lock(
        self, visitor: Browser, overwrite: Callable[[], None]
    ) -> None:
        def view() -> None:
            overwrite()
            with session.lock():
                assert not session

        assert visitor.run(view).status_code == 200

    def test_takes_no_login(self, visitor: Browser, overwrite: Callable[[], None]) -> None:
        def view() -> None:
            overwrite()
            session.log_in("ada")

        assert visitor.run(view).status_code == 200
        assert visitor.see(lambda: session.user_id) is None


@pytest.mark.parametrize(
    "cookie",
    [
        "{}",
        '{"expires":"tomorrow","originalMaxAge":"60000"}',
        '{"path":7,"domain":"not a host","sameSite":"sometimes","priority":"urgent"}',
        '{"httpOnly":"maybe","secure":[],"partitioned":{}}',
        '{" tuple":["/"]}',
        '{"secure":{" decimal":"sNaN"},"path":{" set":["/"]},"sameSite":{" int":"0x1"}}',
        r'{"path":"\ud800","priority":"\ud800","other":"\ud800"}',
        '{"originalMaxAge":%s,"expires":"0001-01-01T00:00:00+23:59"}' % ("9" * 300),
        '{"originalMaxAge":null,"expires":"9999-12-31T23:59:59-23:59"}',
    ],
)
def test_a_stored_cookie_with_invalid_attributes_does_not_lose_the_session(
    browser: Browser, memory: MemoryStore, cookie: str
) -> None:
    payload = f'{{"cookie":{cookie},"user":"ada"}}'.encode()
    memory.create(SID, Record(payload, utc_now() + timedelta(hours=1)))
    browser.hold(SID)

    browser.run(lambda: session.update(seen=True))

    assert browser.data() == {"user": "ada", "seen": True}


def assert_ignored(cookieless: Browser, store: CountingStore, header: str) -> None:
    store.calls.clear()

    response = cookieless.run(
        lambda: str(session.get("user")), environ_overrides={"HTTP_COOKIE": header}
    )

    assert (response.status_code, response.text) == (200, "None")
    assert (cookie_lines(response), store.calls) == ([], [])
