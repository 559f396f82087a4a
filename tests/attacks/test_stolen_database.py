"""A thief has the database, the cookie's secret, the encryption key, or two of them.

The thief is also a visitor, "mallory", with a browser of their own. Each attempt is made on every
store, without protection, with hashed ids, with encryption and with both. What comes of it is
what the table of the page on the security model says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from typing import cast
from typing import NamedTuple

import pytest
from flask import Flask

from flask_serversession import Store
from flask_serversession import StoreError
from flask_serversession.encryption import Encryption
from flask_serversession.encryption import keys_from
from flask_serversession.interface import manager_of
from flask_serversession.sessions.login import tag_of_user

from ..concurrency.places import Place
from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import session
from .conftest import anonymous
from .conftest import logged_in
from .conftest import MakeSite
from .conftest import pass_time
from .conftest import user_of
from .raw import Rows
from .raw import rows_of

PAGE = Path(__file__).parents[2] / "docs/explanation/security-model.rst"
SECRET, KEY = "the cookie's secret" * 3, "5e" * 32
HASHED, ENCRYPTED = {"SESSION_HASH_IDS": True}, {"SESSION_ENCRYPTION_KEYS": [KEY]}
CONFIGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "hashed ids": HASHED,
    "encryption": ENCRYPTED,
    "both": HASHED | ENCRYPTED,
}
PROTECTIONS = [*CONFIGS]
ADMIN, DATA = "ada-the-admin", "what only ada may read"
LIMIT = 3600


@dataclass
class Thief:
    """What a thief has and knows."""

    site: Flask
    rows: Rows
    admin: Browser
    #: The thief's browser, logged in.
    mallory: Browser
    #: Another one of the thief, not logged in: the id of its session has no tag of a user.
    visitor: Browser

    def key_of(self, browser: Browser) -> str:
        """Return the key of the row of a browser's session."""
        assert browser.sid is not None
        return str(manager_of(self.site).settings.key_of(browser.sid))

    def row_of(self, browser: Browser) -> bytes:
        return self.rows.read()[self.key_of(browser)]

    def overwrite(self, browser: Browser, payload: bytes) -> None:
        self.rows.write(self.key_of(browser), payload)

    def is_admin(self, browser: Browser) -> bool:
        """Tell whether the site takes a browser for the admin's, or shows it the admin's data."""
        with suppress(StoreError):
            return bool(browser.see(lambda: session.user_id == ADMIN or DATA in session.values()))
        return False

    def sealed(self, key: str, sid: str, document: bytes) -> bytes:
        """Return a document as the application would store it; needs the encryption key."""
        payloads = getattr(manager_of(self.site).store, "_payloads", None)
        return document if payloads is None else cast(bytes, payloads.closed(key, sid, document))

    def opened(self) -> bytes:
        """Return what the encryption key opens."""
        encryption = Encryption(keys_from([KEY]))
        found = b""
        for key, payload in self.rows.read().items():
            parts = (payload, *payload.split(b"~"))
            names = (key, f"{key}~{parts[1].decode('latin-1')}")
            purposes = ("session", "head", "end")
            for part, name, purpose, secret in product(parts, names, purposes, ("", key)):
                with suppress(StoreError):
                    text = encryption.decrypt(part, purpose=purpose, name=name, secret=secret)
                    found += text.plain
        return found + self.rows.everything()


FORGED = json.dumps(
    {"cookie": {"originalMaxAge": None}, "_login": {"user": ADMIN}}, separators=(",", ":")
).encode()


def read_data(thief: Thief) -> bool:
    return DATA.encode() in thief.rows.everything()


def read_ids(thief: Thief) -> bool:
    assert thief.admin.sid is not None
    return thief.admin.sid.encode() in thief.rows.everything()


def find_whose_session_it_is(thief: Thief) -> bool:
    found = thief.rows.everything()
    return ADMIN.encode() in found or tag_of_user(ADMIN).encode() in found


def read_a_secret(thief: Thief) -> bool:
    found = thief.rows.everything()
    return any(each in found for each in (SECRET.encode(), KEY.encode(), bytes.fromhex(KEY)))


def write_a_row(thief: Thief) -> bool:
    return _works_with_any_of(thief, lambda browser: [FORGED])


def edit_a_row(thief: Thief) -> bool:
    def edited(browser: Browser) -> list[bytes]:
        row = thief.row_of(browser)
        login = b'"_login":{"user":"%s"}' % ADMIN.encode()
        return [
            row.replace(b"mallory", ADMIN.encode()),
            row.replace(b'"note":"anonymous"', login),
            *_with_a_byte_changed(row),
        ]

    return _works_with_any_of(thief, edited)


def _with_a_byte_changed(row: bytes) -> Iterator[bytes]:
    for place in range(0, len(row), 1 + len(row) // 3):
        yield row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :]


def copy_a_row(thief: Thief) -> bool:
    row = thief.row_of(thief.admin)
    head, _, body = row.partition(b"~")

    def parts(browser: Browser) -> list[bytes]:
        own_head, _, own_body = thief.row_of(browser).partition(b"~")
        return [row, head, body, head + b"~" + own_body, own_head + b"~" + body]

    return _works_with_any_of(thief, parts)


def _works_with_any_of(thief: Thief, rows: Callable[[Browser], list[bytes]]) -> bool:
    for browser in (thief.mallory, thief.visitor):
        sid, key = browser.sid, thief.key_of(browser)
        assert sid is not None
        for row in rows(browser):
            thief.rows.write(key, row)
            browser.hold(sid)
            if thief.is_admin(browser):
                return True
    return False


def swap_rows(thief: Thief) -> bool:
    one, other = thief.row_of(thief.admin), thief.row_of(thief.visitor)
    thief.overwrite(thief.admin, other)
    thief.overwrite(thief.visitor, one)
    return thief.is_admin(thief.visitor) or thief.admin.data().get("note") == "anonymous"


def put_an_earlier_row_back(thief: Thief) -> bool:
    thief.mallory.run(lambda: session.update(role="editor"))
    row = thief.row_of(thief.mallory)
    thief.mallory.run(lambda: session.update(role="reader"))
    thief.overwrite(thief.mallory, row)
    return thief.mallory.data().get("role") == "editor"


def put_an_ended_row_back(thief: Thief) -> bool:
    sid, key, row = thief.mallory.sid, thief.key_of(thief.mallory), thief.row_of(thief.mallory)
    assert sid is not None
    manager_of(thief.site).destroy(sid)
    assert user_of(thief.mallory) is None
    thief.rows.write(key, row)
    thief.mallory.hold(sid)
    return user_of(thief.mallory) == "mallory"


def use_a_session_after_its_absolute_timeout(thief: Thief) -> bool:
    settings = manager_of(thief.site).settings
    sid, key, row = thief.mallory.sid, thief.key_of(thief.mallory), thief.row_of(thief.mallory)
    assert sid is not None
    pass_time(thief.site, LIMIT + 1)
    later = re.sub(rb'"(at|since|began)":\d+', b'"\\1":%d' % settings.clock(), row)
    for each in (row, later):
        thief.rows.write(key, each)
        thief.mallory.hold(sid)
        if user_of(thief.mallory) == "mallory":
            return True
    return False


def log_a_user_out(thief: Thief) -> bool:
    row = thief.row_of(thief.admin)
    thief.rows.delete(thief.key_of(thief.admin))
    is_out = not thief.is_admin(thief.admin)
    thief.overwrite(thief.admin, row)  # to be cleared with its entry in an index
    return is_out


def sign_what_is_in_a_row(thief: Thief) -> bool:
    return _works_with_any_word_of(thief, thief.rows.everything())


def sign_what_is_in_a_decrypted_row(thief: Thief) -> bool:
    return _works_with_any_word_of(thief, thief.opened())


def _works_with_any_word_of(thief: Thief, text: bytes) -> bool:
    found = set(re.findall(r"[\w.~-]+", text.decode("latin-1")))
    words = found.union(word.removesuffix(".session") for word in found)
    return any(_is_admin_as(thief, word) for word in words if 10 < len(word) < 200)


def _is_admin_as(thief: Thief, sid: str) -> bool:
    browser = browser_of(thief.site)
    browser.hold(sid)
    return thief.is_admin(browser)


def write_a_row_and_sign_its_key(thief: Thief) -> bool:
    key = thief.key_of(thief.mallory)
    for sid in ("a" * 32, key, key[-46:]):
        for each in {sid, str(manager_of(thief.site).settings.key_of(sid))}:
            thief.rows.write(each, FORGED)
        if _is_admin_as(thief, sid):
            return True
    return False


def decrypt_data(thief: Thief) -> bool:
    return DATA.encode() in thief.opened()


def decrypt_whose_session_it_is(thief: Thief) -> bool:
    return ADMIN.encode() in thief.opened()


def encrypt_a_row(thief: Thief) -> bool:
    key, sid = thief.key_of(thief.visitor), thief.visitor.sid
    assert sid is not None
    thief.overwrite(thief.visitor, thief.sealed(key, sid, FORGED))
    return thief.is_admin(thief.visitor)


def sign_what_can_be_guessed(thief: Thief) -> bool:
    handle = thief.admin.see(lambda: session.handle)
    guesses = ["", "a", "0", ADMIN, tag_of_user(ADMIN), f"{tag_of_user(ADMIN)}.", handle]
    guesses += [handle.partition(".")[2], thief.key_of(thief.admin)[17:30], "former-sessions-of-"]
    return any(_is_admin_as(thief, guess) for guess in guesses)


def send_what_the_key_seals(thief: Thief) -> bool:
    encryption = Encryption(keys_from([KEY]))
    sealed = [
        encryption.encrypt(FORGED, purpose=purpose, name=name).decode()
        for purpose in ("session", "cookie", "head", "end")
        for name in ("session", "", "cookie")
    ]
    client = thief.site.test_client(use_cookies=False)
    assert isinstance(client, Browser)
    found: list[str | None] = []
    for each in sealed:
        for value in (each, f"s%3A{each}", f"s%3A{each}.{each}"):
            header = {"HTTP_COOKIE": f"session={value}"}
            client.run(lambda: found.append(session.user_id), environ_overrides=header)
    return any(found)


class Attempt(NamedTuple):
    """What a thief tries, as a row of the page's table."""

    has: str
    does: str
    attempt: Callable[[Thief], bool]
    #: With which protections it works.
    works: set[str]


WITHOUT_ENCRYPTION = {"nothing", "hashed ids"}
WITHOUT_HASHES = {"nothing", "encryption"}
ALWAYS = set(PROTECTIONS)

#: What leaves the rows as they are.
READING = [
    Attempt("reads the database", "read the data", read_data, WITHOUT_ENCRYPTION),
    Attempt("reads the database", "read an id", read_ids, WITHOUT_HASHES),
    Attempt(
        "reads the database",
        "find whose session it is",
        find_whose_session_it_is,
        WITHOUT_ENCRYPTION,
    ),
    Attempt("reads the database", "read a secret or a key", read_a_secret, set()),
    Attempt(
        "reads the database, has the secret",
        "use a session",
        sign_what_is_in_a_row,
        WITHOUT_HASHES,
    ),
    Attempt(
        "reads the database, has the key",
        "read the data",
        decrypt_data,
        {*WITHOUT_ENCRYPTION, "encryption"},
    ),
    Attempt(
        "reads the database, has the key",
        "find whose session it is",
        decrypt_whose_session_it_is,
        ALWAYS,
    ),
    Attempt(
        "reads the database, has the secret and the key",
        "use a session",
        sign_what_is_in_a_decrypted_row,
        WITHOUT_HASHES,
    ),
    Attempt("has the secret", "use a session", sign_what_can_be_guessed, set()),
    Attempt("has the key", "use a session", send_what_the_key_seals, set()),
]
WRITING = [
    Attempt("writes to the database", "write a row", write_a_row, WITHOUT_ENCRYPTION),
    Attempt("writes to the database", "edit a row", edit_a_row, WITHOUT_ENCRYPTION),
    Attempt("writes to the database", "copy another user's row", copy_a_row, WITHOUT_ENCRYPTION),
    Attempt("writes to the database", "swap two rows", swap_rows, WITHOUT_ENCRYPTION),
    Attempt("writes to the database", "log a user out", log_a_user_out, ALWAYS),
    Attempt("writes to the database", "put an earlier row back", put_an_earlier_row_back, ALWAYS),
    Attempt(
        "writes to the database",
        "put the row of an ended session back",
        put_an_ended_row_back,
        ALWAYS,
    ),
    Attempt(
        "writes to the database",
        "use a session after its absolute timeout",
        use_a_session_after_its_absolute_timeout,
        WITHOUT_ENCRYPTION,
    ),
    Attempt(
        "writes to the database, has the secret",
        "write a row",
        write_a_row_and_sign_its_key,
        WITHOUT_ENCRYPTION,
    ),
    Attempt("writes to the database, has the key", "write a row", encrypt_a_row, ALWAYS),
]


@pytest.fixture(params=PROTECTIONS)
def protection(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(make_site: MakeSite, protection: str) -> Flask:
    return make_site(**CONFIGS[protection], SECRET_KEY=SECRET, SESSION_ABSOLUTE_TIMEOUT=LIMIT)


@pytest.fixture
def thief(place: Place, store: Store, site: Flask) -> Iterator[Thief]:
    with closing(rows_of(place, store)) as rows:
        for key in rows.read():
            rows.delete(key)  # memcached cannot clear
        admin, mallory = logged_in(site, ADMIN), logged_in(site, "mallory")
        admin.run(lambda: session.update(note=DATA))
        yield Thief(site, rows, admin, mallory, anonymous(site))


@pytest.mark.parametrize(
    "attempts",
    [READING, *([each] for each in WRITING)],
    ids=lambda attempts: "reading" if attempts is READING else attempts[0].attempt.__name__,
)
def test_what_comes_of_an_attempt_is_what_the_page_says(
    thief: Thief, attempts: list[Attempt], protection: str
) -> None:
    assert thief.is_admin(thief.admin)

    outcomes = {(each.has, each.does): each.attempt(thief) for each in attempts}

    assert outcomes == {(each.has, each.does): protection in each.works for each in attempts}


def test_the_page_has_each_attempt_and_its_outcome() -> None:
    table = PAGE.read_text("utf-8").partition("list-table::")[2].partition("\n\n\n")[0]
    cells = [[*re.findall(r"- (.*)", row)] for row in table.split("   * ")[2:]]

    assert [row[:6] for row in cells] == [
        [each.has, each.does, *("works" if its in each.works else "fails" for its in PROTECTIONS)]
        for each in (*READING, *WRITING)
    ]
