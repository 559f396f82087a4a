"""Fuzzes what a browser sends. No header is an error, or a session that is not signed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import Signer

from flask_serversession import ServerSession
from flask_serversession.cookie_session.cookies import receive
from flask_serversession.cookies.signing import cookie_values
from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.cookies.signing import Keygrip
from flask_serversession.encryption import Encryption
from flask_serversession.encryption import keys_from
from flask_serversession.errors import SessionTooLarge
from flask_serversession.formers.flask_cookie import FlaskCookie
from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import Browser
from ..flask.browser import cookie_lines
from ..flask.browser import serve_browsers
from ..flask.browser import session
from ..flask.counting import CountingStore
from .fuzzing import changed
from .fuzzing import fuzzing
from .test_adoption import flask_cookie
from .test_fuzz_records import payloads

pytestmark = pytest.mark.slow

SECRETS = ["new" * 16, "old" * 16]
IDS = ["a" * 32, "bBb-_" * 6, "Ada-_Ada-_Ada-_0." + "c" * 32, "Ada-_Ada-_Ada-_0.ePoch.d", "é🍪"]

signer, older, foreign = (CookieSigner(each) for each in (SECRETS, SECRETS[1:], ["foreign" * 8]))
keys = Keygrip(SECRETS)


def _encoded(value: str) -> str:
    return quote(value, safe="")


VALUES = [
    *(_encoded(each.sign(sid)) for sid in IDS for each in (signer, older, foreign)),
    *(signer.sign(sid) for sid in IDS if sid.isascii()),
    *(sid for sid in IDS if sid.isascii()),
]
CLIENT_VALUES = ["e30=", "eyJ1c2VyIjoiYWRhIn0=", "eyJhIjpbMSwyXX0="]
FLASKS = [flask_cookie(SECRETS[0], {"user": "ada"}), flask_cookie(SECRETS[1], {"user": "grace"})]


def header_of(values: Sequence[str], name: str = "session") -> bytes:
    return "; ".join(f"{name}={value}" for value in values).encode()


HEADERS = [
    *(header_of([value]) for value in VALUES),
    *(header_of(VALUES[place : place + 9]) for place in (0, 4, 8)),
    b"theme=dark; " + header_of(VALUES[:1]) + b'; other="x y"; _ga=GA1.1',
    header_of([f'"{VALUES[0]}"']),
]
#: A WSGI server passes each byte of a header on as a character.
headers = changed(HEADERS).map(lambda header: header.decode("latin-1"))


@fuzzing
@given(headers, st.sampled_from(["session", "__Host-session", "connect.sid", ""]))
def test_no_header_has_an_id_that_we_did_not_sign(header: str, name: str) -> None:
    found = signer.find(header, name)

    assert set(found) <= set(IDS)
    assert len(found) <= 4
    assert set(found.values()) <= {0, 1}


@fuzzing
@given(headers)
def test_signing_the_found_ids_again_finds_the_same_ids(header: str) -> None:
    found = signer.find(header, "session")

    again = signer.find(
        header_of([_encoded(signer.sign(sid)) for sid in found]).decode(), "session"
    )

    assert list(again) == list(found)


@fuzzing
@given(changed([value.encode() for value in VALUES]).map(lambda raw: raw.decode(errors="replace")))
def test_no_value_is_an_id_that_we_did_not_sign(value: str) -> None:
    assert signer.unsign(value) in (None, *IDS)


def _of_client(value: str) -> bytes:
    return f"session={value}; session.sig={keys.sign(f'session={value}')}".encode()


CLIENT_HEADERS = [*map(_of_client, CLIENT_VALUES)]


@fuzzing
@given(changed(CLIENT_HEADERS).map(lambda header: header.decode("latin-1")))
def test_no_header_has_a_session_in_the_cookie_that_we_did_not_sign(header: str) -> None:
    assert receive(header, "session", keys).value in (None, *CLIENT_VALUES)


@pytest.fixture(scope="module")
def flask_cookies() -> FlaskCookie:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRETS[0], SECRET_KEY_FALLBACKS=SECRETS[1:])
    return FlaskCookie(app)


@fuzzing
@given(
    changed([header_of([value]) for value in [*FLASKS, *VALUES]]).map(
        lambda raw: raw.decode("latin-1")
    )
)
def test_no_header_has_a_session_of_flask_that_flask_did_not_sign(
    flask_cookies: FlaskCookie, header: str
) -> None:
    former = flask_cookies(header)

    assert former is None or former.data in ({"user": "ada"}, {"user": "grace"})


@fuzzing
@given(headers, st.sampled_from(["session", "", "a", "session.sig"]), st.booleans())
def test_a_header_has_at_most_eight_values_none_longer_than_a_browser_keeps(
    header: str, name: str, decoded: bool
) -> None:
    values = cookie_values(header, name, decoded=decoded)

    assert len(values) <= 8
    assert all(len(value) <= 4096 for value in values)


@pytest.fixture(scope="module")
def calls() -> CountingStore:
    return CountingStore(MemoryStore())


@pytest.fixture(scope="module", params=["server", "cookie"])
def browser(request: pytest.FixtureRequest, calls: CountingStore) -> Browser:
    return browser_on(calls if request.param == "server" else "cookie")


def browser_on(store: object, **config: object) -> Browser:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRETS[0], SECRET_KEY_FALLBACKS=SECRETS[1:], TESTING=True)
    app.config.update(SESSION_STORE=store, **config)
    ServerSession(app)
    serve_browsers(app)
    client = app.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    return client


@fuzzing
@given(changed([*HEADERS, *CLIENT_HEADERS]).map(lambda header: header.decode("latin-1")))
def test_no_header_fails_a_request(browser: Browser, calls: CountingStore, header: str) -> None:
    calls.calls.clear()

    response = browser.run(
        lambda: str(session.get("none")), environ_overrides={"HTTP_COOKIE": header}
    )

    assert (response.status_code, response.text) == (200, "None")
    assert not [line for line in cookie_lines(response) if "=;" not in line]
    assert calls.calls == ["load"] * len(calls.calls)
    assert len(calls.calls) <= 4


@fuzzing
@given(changed([Signer(SECRETS[0], salt="flask-session", key_derivation="hmac").sign("f" * 43)]))
def test_no_value_is_an_id_of_flask_session_that_it_did_not_sign(value: bytes) -> None:
    app = Flask(__name__)
    app.secret_key = SECRETS[0]
    signer = Signer(SECRETS[0], salt="flask-session", key_derivation="hmac")

    assert not signer.validate(value) or signer.unsign(value) == b"f" * 43


@fuzzing
@given(payloads)
def test_no_session_in_a_cookie_that_we_signed_fails_a_request(payload: bytes) -> None:
    browser = in_the_cookie()
    value = b64encode(payload).decode()
    header = f"session={value}; session.sig={keys.sign(f'session={value}')}"

    def view() -> None:
        _ = session.user_id, session.expires_in, session.permanent, dict(session)
        session["seen"] = True

    with suppress(SessionTooLarge):
        browser.run(view, environ_overrides={"HTTP_COOKIE": header})


@cache
def in_the_cookie() -> Browser:
    return browser_on("cookie")


ENCRYPTION = Encryption(keys_from(["5e" * 32]))
PLAIN = b'{"user":"ada"}'
SEALED = ENCRYPTION.encrypt(PLAIN, purpose="cookie", name="session").decode()


@cache
def encrypted_in_the_cookie() -> Browser:
    return browser_on("cookie", SESSION_ENCRYPTION_KEYS=["5e" * 32])


#: What a thief of the secret sends.
_FORGED = changed([SEALED.encode(), *map(str.encode, CLIENT_VALUES), PLAIN]).map(
    lambda value: _of_client(value.decode("latin-1"))
)


@fuzzing
@given(changed([_of_client(SEALED), *CLIENT_HEADERS]) | _FORGED)
def test_no_header_has_an_encrypted_session_that_we_did_not_encrypt(header: bytes) -> None:
    found: list[object] = []

    encrypted_in_the_cookie().run(
        lambda: found.append(session.get("user")),
        environ_overrides={"HTTP_COOKIE": header.decode("latin-1")},
    )

    assert found in ([None], ["ada"])
