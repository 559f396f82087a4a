from __future__ import annotations

import time

import pytest

from flask_serversession.log import PAUSE
from flask_serversession.log import QuietLog


def test_a_text_is_logged_once_a_minute_with_how_often_it_was_due(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, now = QuietLog(), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(3):
        log.warn("Dropped number %d.", number)
    now += PAUSE
    for number in range(2):
        log.warn("Dropped number %d.", number)

    assert caplog.messages == [
        "Dropped number 0.",
        "Dropped number 0. (3 times since this was last logged)",
    ]


def test_each_text_has_lines_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    log = QuietLog()

    log.warn("one")
    log.error("other")

    assert [(line.levelname, line.message) for line in caplog.records] == [
        ("WARNING", "one"),
        ("ERROR", "other"),
    ]
