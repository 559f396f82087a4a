"""A session emptied key by key ends, unless another request wrote to it meanwhile."""

from __future__ import annotations

from flask_serversession import Store

from .process import Process


def test_a_session_emptied_key_by_key_keeps_what_another_request_stored(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("pop", "user")

    quick.visit(sid, "update", cart=["tea"])
    answer = slow.end()

    assert "destroyed" not in answer.signals
    assert quick.data(sid) == {"cart": ["tea"]}


def test_a_session_emptied_key_by_key_ends_if_no_other_request_wrote_to_it(
    slow: Process, store: Store, sid: str
) -> None:
    answer = slow.visit(sid, "pop", "user")

    assert answer.signals == ["destroyed"]
    assert store.load(sid) is None
