"""The reference page of the session names every public attribute of ``flask.session``."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path

import flask
import pytest
from flask import Flask
from flask.sessions import SessionMixin

from flask_serversession import ServerSession
from flask_serversession.no_session import NoSession

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "session.rst").read_text("utf-8")
#: What every mapping has, and what every session of Flask has.
INHERITED = {*dir(MutableMapping), *dir(SessionMixin)}


def documented() -> set[str]:
    """Return the attributes listed below ``autoclass:: Session``."""
    section = re.split(r"^(?=\S)", PAGE.partition(".. autoclass:: Session\n")[2], flags=re.M)[0]
    return set(re.findall(r"^   \.\. auto(?:property|attribute|method):: (\w+)$", section, re.M))


@pytest.mark.parametrize("store", ["memory", "cookie"])
def test_the_session_has_the_documented_attributes_and_no_others(store: str) -> None:
    app = Flask(__name__)
    app.config.update(SECRET_KEY="keyboard cat", TESTING=True, SESSION_STORE=store)
    ServerSession(app)

    with app.test_request_context():
        found = {name for name in dir(flask.session._get_current_object()) if name[0] != "_"}

    public = {name for name in INHERITED if name[0] != "_"}
    assert found == documented() | public
    assert documented() - public


def test_what_stands_in_for_a_session_has_the_same_attributes() -> None:
    assert documented() <= {*dir(NoSession)}
