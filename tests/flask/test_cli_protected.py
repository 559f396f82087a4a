"""The ``flask sessions`` commands where ids are hashed, and data are encrypted."""

from __future__ import annotations

import pytest

from .commands import Run
from .commands import runner_of
from .test_protected_sessions import Case
from .test_protected_sessions import NEW


@pytest.fixture
def case() -> Case:
    return Case(hashes=True, keys=(NEW,))


@pytest.fixture
def run(case: Case) -> Run:
    return runner_of(case.app)


def browser_of(case: Case, *paths: str) -> tuple[str, str]:
    """Return the id and the handle of a browser's session after these requests."""
    browser = case.app.test_client()
    for path in paths:
        browser.get(path)
    shown = browser.get("/id").json
    assert shown is not None
    return shown["id"], shown["handle"]


def test_list_prints_whole_keys_and_no_id(case: Case, run: Run) -> None:
    sid, _ = browser_of(case, "/put/one")
    (key,) = case.inside.keys()
    assert run("list").output.startswith(f"{key}  ends ")
    assert sid not in run("list", "--full").output


@pytest.mark.parametrize("paths", [["/put/one"], ["/log-in/ada"]], ids=["nobody's", "a user's"])
@pytest.mark.parametrize("give", ["id", "handle", "key", "beginning of the key"])
def test_destroy_accepts_an_id_a_handle_and_a_key(
    case: Case, run: Run, paths: list[str], give: str
) -> None:
    sid, handle = browser_of(case, *paths)
    (key,) = case.inside.keys()
    word = {"id": sid, "handle": handle, "key": key, "beginning of the key": key[:-30]}[give]
    assert run("destroy", word, "--yes").output == "The session has ended.\n"
    assert case.inside.count() == 0


def test_show_prints_the_data_if_it_is_given_the_id(case: Case, run: Run) -> None:
    sid, _ = browser_of(case, "/put/one")
    assert "value: 'one'" in run("show", sid, "--values").output


def test_show_says_that_the_data_need_the_id(case: Case, run: Run) -> None:
    _, handle = browser_of(case, "/log-in/ada", "/put/one")
    output = run("show", handle, "--values").output
    assert "encrypted with the session's id" in output
    assert "user: ada" in output
    assert "value:" not in output
