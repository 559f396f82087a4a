"""What a session with a new id leaves under its old one for a grace period."""

from __future__ import annotations

import pytest

from flask_serversession.sessions.draft import Draft
from flask_serversession.sessions.settings import Settings
from flask_serversession.sessions.superseded import leave_behind
from flask_serversession.sessions.superseded import Superseded
from flask_serversession.stores.base import ENDED

from .clock import Clock
from .clock import START
from .conftest import MakeSettings
from .test_draft import COOKIE
from .test_draft import document
from .test_draft import end_of
from .test_draft import record


def test_it_can_be_read_until_its_end(settings: Settings, clock: Clock) -> None:
    left = leave_behind(settings, "new", record(document('"user":"ada"')))
    draft = Draft.of(settings, left)

    assert end_of(left) == START + 5000
    assert draft.data == {"user": "ada"}
    assert draft.superseded
    assert not draft.is_over

    clock.tick(5000)

    assert draft.is_over


def test_any_other_record_is_not_superseded(settings: Settings) -> None:
    draft = Draft.of(settings, record(document()))

    assert not draft.superseded
    assert not draft.is_over


@pytest.mark.parametrize("until", ["true", "null", '"soon"', "1.5"])
def test_a_malformed_end_is_ignored(settings: Settings, until: str) -> None:
    cookie = '{"retiredUntil":' + until + "," + COOKIE[1:]
    draft = Draft.of(settings, record(document(cookie=cookie)))

    assert not draft.superseded


@pytest.mark.parametrize(
    "payload",
    [
        document('"user":"ada"'),
        document('"user":"ada"', cookie="{}"),
        b'{ "user": "ada", "cookie": ' + COOKIE.encode() + b" }",
    ],
    ids=["ours", "without attributes", "another program's"],
)
def test_it_names_the_new_id_and_keeps_the_data(settings: Settings, payload: bytes) -> None:
    left = leave_behind(settings, "new", record(payload))
    draft = Draft.of(settings, left)

    assert draft.superseded is not None
    assert draft.superseded == Superseded.read(settings, left)
    assert draft.successor == draft.superseded.successor == "new"
    assert draft.data == {"user": "ada"}
    assert draft.cookie.settings == Draft.of(settings, record(payload)).cookie.settings


def test_without_a_grace_nothing_is_left(make_settings: MakeSettings) -> None:
    settings = make_settings(regenerate_grace=0)

    assert leave_behind(settings, "new", record(document())) is ENDED


@pytest.mark.parametrize(
    "payload", [document(), document('"retiredUntil":1'), b'{"retiredUntil":1}']
)
def test_any_other_record_tells_nothing(settings: Settings, payload: bytes) -> None:
    assert Superseded.read(settings, record(payload)) is None
