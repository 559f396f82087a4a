"""The application that type checkers check works, too."""

from __future__ import annotations

from flask_serversession import manager_of
from flask_serversession.stores.memory import MemoryStore

from ..typing.app import create_app
from ..typing.app import end_all_but


def test_the_type_checked_application_works() -> None:
    app = create_app(MemoryStore())
    client = app.test_client()

    assert client.post("/login/ada").status_code == 204
    me = client.get("/me").get_json()
    assert (me["user"], me["new"], me["path"]) == ("ada", False, "/")
    assert client.post("/spend").text == "9"
    assert client.get("/sessions").get_json() == {"count": 1, "listed": 1, "pruned": 0}
    assert client.post("/logout").text == "Bye"
    assert manager_of(app).count() == 0


def test_a_typed_script_ends_all_sessions_but_one() -> None:
    app = create_app()
    for name in ("ada", "grace", "mary"):
        app.test_client().post(f"/login/{name}")
    manager = manager_of(app)
    sid, *_ = manager.keys()

    end_all_but(sid, manager)
    assert list(manager.keys()) == [sid]

    end_all_but("gone", manager)
    assert manager.count() == 0
