from __future__ import annotations

import warnings
from datetime import timedelta
from typing import Any

from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_serversession.config import Config
from flask_serversession.config.options import DEFAULTS
from flask_serversession.cookies.cookie import SessionCookie
from flask_serversession.cookies.header import set_cookie_line
from flask_serversession.errors import ConfigError
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.manager import SessionManager
from flask_serversession.stores import open_store
from flask_serversession.stores.base import from_epoch_milliseconds
from flask_serversession.stores.base import Record
from flask_serversession.stores.memory import MemoryStore

FLASKS_DEFAULTS = {"PERMANENT_SESSION_LIFETIME": timedelta(days=31), "APPLICATION_ROOT": "/"}

#: No functions: a function is accepted unseen.
junk: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["flask", "express", "auto", "memory", "merge", "lax", "high", "/", "a:b"])
    | st.binary(max_size=20)
    | st.timedeltas()
    | st.lists(st.text(max_size=5) | st.none(), max_size=3)
    | st.dictionaries(st.text(max_size=5) | st.integers(), st.integers(), max_size=3)
    | st.builds(object)
)


def use(given: dict[str, Any]) -> None:
    """Make, change and save a session with this configuration."""
    config = Config.from_mapping(FLASKS_DEFAULTS | given)
    store = open_store(config.store, config.store_options)
    assert isinstance(store, MemoryStore)
    manager = SessionManager(
        config,
        store,
        secrets=lambda: config.secret or ("keyboard cat",),
    )

    cookie = SessionCookie(config.cookie.resolved(is_secure=True))
    line = set_cookie_line(config.cookie_name, manager.signer.sign(config.genid(None)), cookie)
    assert line.isascii()
    assert line.isprintable()

    ends = from_epoch_milliseconds(cookie.expires_at(config.idle_timeout))
    store.create("an id", Record(TypedJSON().compose(cookie.to_document(), b"{}"), ends))
    session = manager.load("an id")
    if session is not None:  # it may have expired already
        session["key"] = "value"
        session.permanent = True
        session.save()


def refusal_of(given: dict[str, Any]) -> str | None:
    try:
        use(given)
    except ConfigError as error:
        return str(error)
    return None


@given(st.sampled_from([*DEFAULTS, "PERMANENT_SESSION_LIFETIME"]), junk)
@example("SESSION_COOKIE_PATH", "/;")
@example("SESSION_COOKIE_MAX_AGE", timedelta.max)
@example("SESSION_COOKIE_MAX_AGE", -1e13)
@example("SESSION_COOKIE_MAX_AGE", -60)
@example("SESSION_IDLE_TIMEOUT", 1e300)
@example("SESSION_STORE", "nosuch://[")
@example("PERMANENT_SESSION_LIFETIME", timedelta.max)
def test_any_value_of_any_key_works_or_is_refused_with_its_key(key: str, value: Any) -> None:
    refusal = refusal_of({key: value})

    assert refusal is None or key in refusal


@given(st.dictionaries(st.sampled_from([*DEFAULTS, "PERMANENT_SESSION_LIFETIME"]), junk))
@example({"SESSION_COOKIE_SAMESITE": "none"})
@example({"SESSION_COOKIE_PATH": ""})
@example({"SESSION_COOKIE_MAX_AGE": timedelta(hours=1, milliseconds=1)})
def test_in_the_strict_profile_no_value_is_weaker_than_it_allows(given: dict[str, Any]) -> None:
    given = {**given, "SESSION_PROFILE": "strict", "SESSION_EXCEPTIONS": []}
    try:
        config = Config.from_mapping(FLASKS_DEFAULTS | given)
    except ConfigError:
        return

    cookie = config.cookie
    assert (cookie.secure, cookie.httponly, cookie.domain, cookie.path) == (True, True, None, "/")
    assert str(cookie.samesite).lower() in ("lax", "strict", "true")
    assert config.cookie_name.startswith("__Host-")
    assert max(config.idle_timeout, config.permanent_lifetime, cookie.max_age or 0) <= 3_600_000
    assert config.absolute_timeout is not None
    assert config.absolute_timeout <= 12 * 3_600_000
    assert config.store_error == "raise"


@given(st.dictionaries(st.sampled_from([*DEFAULTS]), junk))
def test_values_that_work_separately_work_together(given: dict[str, Any]) -> None:
    working = {key: value for key, value in given.items() if not refusal_of({key: value})}

    use(working)


@given(st.text().map("SESSION_".__add__).filter(lambda key: key not in DEFAULTS), junk)
def test_an_unknown_key_changes_nothing(key: str, value: Any) -> None:
    if key == "SESSION_REFRESH_EACH_REQUEST":
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may be like a known one
        config = Config.from_mapping(FLASKS_DEFAULTS | {key: value})

    assert config == Config.from_mapping(FLASKS_DEFAULTS)
