"""A request that ends a record keeps what another stored in it meanwhile."""

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


def test_a_session_emptied_key_by_key_with_nobody_beside_it_ends(
    slow: Process, store: Store, sid: str
) -> None:
    answer = slow.visit(sid, "pop", "user")

    assert answer.signals == ["destroyed"]
    assert store.load(sid) is None


def test_a_login_keeps_what_another_request_stored_under_the_old_id(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("update", user="eve")
    slow.do("regenerate", keep_data=True)

    quick.visit(sid, "update", cart=["tea"])
    new_sid = slow.end().sid

    assert new_sid is not None
    assert store.load(sid) is None
    assert quick.data(new_sid) == {"user": "eve", "cart": ["tea"]}


def test_a_touch_of_the_old_id_does_not_end_a_login(
    slow: Process, quick: Process, store: Store, sid: str
) -> None:
    slow.open(sid)
    slow.do("regenerate", keep_data=True)

    quick.visit(sid, "touch")
    new_sid = slow.end().sid

    assert new_sid is not None
    assert store.load(sid) is None
    assert quick.data(new_sid) == {"user": "ada"}
