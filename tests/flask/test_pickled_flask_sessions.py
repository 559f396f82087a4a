"""``SESSION_ADOPT = ["flask-session-pickle"]``: only pickles of plain values are read."""

from __future__ import annotations

import pickle
import secrets
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Iterator
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import UUID

import markupsafe
import pytest
from flask import Flask
from markupsafe import Markup

from flask_serversession import ServerSession
from flask_serversession.stores.memory import MemoryStore

from .browser import browser_of
from .browser import serve_browsers
from .flask_sessions import KINDS
from .flask_sessions import PICKLED_KINDS
from .flask_sessions import Records
from .flask_sessions import records_in
from .flask_sessions import SOON

PLAIN: dict[str, Any] = {
    "list": [1, 2.5, None, True, "é"],
    "tuple": (1, "two"),
    "set": {1},
    "frozenset": frozenset({"x"}),
    "bytes": b"\0\xff",
    "decimal": Decimal("1.50"),
    "uuid": UUID(int=7),
    "date": date(2030, 1, 1),
    "moment": datetime(2030, 1, 1, 12, tzinfo=timezone.utc),
    "naive": datetime(2030, 1, 1, 12),
    "time": time(12, 30),
    "delta": timedelta(days=1),
    "_flashes": [("message", Markup("<b>"))],
}

Read = Callable[[bytes], dict[str, Any]]


@pytest.fixture
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    records = records_in(getattr(request, "param", "filesystem"), request, tmp_path)
    yield records
    records.close()


@pytest.fixture
def app(records: Records) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=MemoryStore())
    app.config.update(SESSION_ADOPT=["flask-session-pickle"], **records.config)
    records.prepare(app)
    ServerSession(app)
    serve_browsers(app)
    return app


@pytest.fixture
def read(app: Flask, records: Records) -> Read:
    """Return what a new browser sees whose session is stored as these bytes."""

    def read(stored: bytes) -> dict[str, Any]:
        sid = secrets.token_urlsafe(32)
        records.put(f"session:{sid}", stored, SOON)
        browser = browser_of(app)
        browser.set_cookie("session", sid)
        data = browser.data()
        assert records.has(f"session:{sid}") is not bool(data)
        return data

    return read


@pytest.mark.parametrize("records", [*KINDS, *PICKLED_KINDS], indirect=True)
def test_a_pickled_session_is_taken_over(read: Read) -> None:
    assert read(pickle.dumps({"_permanent": True, "cart": {"cup": 2}})) == {"cart": {"cup": 2}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_of_every_protocol_keep_their_types(read: Read, protocol: int) -> None:
    found = read(pickle.dumps(PLAIN, protocol))

    assert found == PLAIN
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in PLAIN.items()
    }
    assert type(found["_flashes"][0][1]) is Markup


def test_the_order_of_an_ordered_dict_is_kept(read: Read) -> None:
    assert list(read(pickle.dumps(OrderedDict(b=1, a=2)))) == ["b", "a"]


def test_other_formats_are_read_too(read: Read) -> None:
    assert read(b'{"cart": 1}') == read(b"\x81\xa4cart\x01") == {"cart": 1}


def test_the_mark_of_cachelibs_redis_cache_is_passed_over(read: Read) -> None:
    assert read(b"!" + pickle.dumps({"cart": 1})) == {"cart": 1}


def test_files_that_an_older_cachelib_named_are_found(app: Flask, tmp_path: Path) -> None:
    sid = secrets.token_urlsafe(32)
    name = md5(f"session:{sid}".encode()).hexdigest()
    file = tmp_path / "flask_session" / name
    file.write_bytes(b"\0\0\0\0" + pickle.dumps({"cart": 1}))
    browser = browser_of(app)
    browser.set_cookie("session", sid)

    assert browser.data() == {"cart": 1}
    assert not file.exists()


def test_a_file_that_has_expired_is_no_session(app: Flask, records: Records) -> None:
    sid = secrets.token_urlsafe(32)
    records.put(f"session:{sid}", pickle.dumps({"cart": 1}), timedelta(seconds=-2))
    browser = browser_of(app)
    browser.set_cookie("session", sid)

    assert browser.data() == {}


def test_a_file_that_was_cut_off_is_no_session(app: Flask, tmp_path: Path) -> None:
    sid = secrets.token_urlsafe(32)
    file = tmp_path / "flask_session" / md5(f"session:{sid}".encode()).hexdigest()
    file.write_bytes(b"\0\0")
    browser = browser_of(app)
    browser.set_cookie("session", sid)

    assert browser.data() == {}


class Attack:
    """Runs a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


def touched(*arguments: Any) -> None:
    raise AssertionError("the attack ran")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "function",
    [
        eval,
        exec,
        getattr,
        __import__,
        open,
        type,
        bytearray,
        touched,
        subprocess.check_call,
        input,
    ],
)
def test_a_function_is_never_called(
    read: Read, caplog: pytest.LogCaptureFixture, function: Any, protocol: int
) -> None:
    stored = pickle.dumps({"cart": Attack(function, "1")}, protocol)

    assert read(stored) == {}
    assert "its pickle names" in caplog.text


def test_a_command_is_never_run(read: Read, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'w')"
    stored = pickle.dumps(Attack(subprocess.check_call, [sys.executable, "-c", code]))
    pickle.loads(stored)
    assert trace.exists()  # so this attack would work
    trace.unlink()

    assert read(stored) == {}

    assert not trace.exists()


#: Each replaces Markup.escape, after which no Markup would escape anything.
CHANGED_CLASSES = [
    b"cmarkupsafe\nMarkup\n(N}Vescape\ncmarkupsafe\nMarkup\nstb.",
    b"cuuid\nUUID\n(N}V__str__\ncmarkupsafe\nMarkup\nstb.",
]


@pytest.mark.parametrize("stored", CHANGED_CLASSES)
def test_no_class_is_changed(read: Read, stored: bytes) -> None:
    before = dict(vars(markupsafe.Markup)), dict(vars(UUID))

    assert read(stored) == {}

    assert (dict(vars(markupsafe.Markup)), dict(vars(UUID))) == before


@pytest.mark.parametrize(
    "stored",
    [
        # A name inside an allowed class.
        b"\x80\x04\x8c\x0bmarkupsafe\x8c\x0dMarkup.escape\x93.",
        # An encoding that Python would import a module for.
        b"c_codecs\nencode\n(Vx\nVidna\ntR.",
        # Objects that are not plain values.
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
        b"ccopy_reg\n_reconstructor\n(cuuid\nUUID\nc__builtin__\nstr\nVx\ntR.",
        # A UUID that is none.
        b"\x80\x02cuuid\nUUID\n)\x81}Vint\nVx\nsb.",
        # Something outside the pickle.
        b"\x80\x02K\x01Q.",
        b"Pname\n.",
        b"\x82\x01.",
        b"\x80\x05\x97.",
        # Not a dict of text, or not a whole pickle.
        pickle.dumps([1]),
        pickle.dumps({1: 2}),
        pickle.dumps({"cart": 1})[:-3],
        b"",
        b"hello",
        b"\xff" * 20,
    ],
)
def test_anything_but_a_pickle_of_plain_values_is_not_a_session(read: Read, stored: bytes) -> None:
    assert read(stored) == {}
