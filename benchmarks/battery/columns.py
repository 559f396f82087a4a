"""The seven questions, and how each is asked.

Every question opens its own browsers. Its answer is what a browser reads at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Final
from typing import NamedTuple

from .browser import Browser
from .browser import NotPlayed

#: Opens a browser, optionally with cookies.
Open = Callable[..., Browser]


class Column(NamedTuple):
    title: str
    #: The safe answer: nothing is lost, and nobody gets into another's session.
    right: bool
    ask: Callable[[Open], bool]


def adopts_an_id(open_browser: Open) -> bool:
    """Whether an attacker who chose a visitor's cookie is logged in along with the visitor.

    Tried with an invented id, and with one that the server issued for a session that has ended.
    If cookies are signed, an attacker can choose only the second.
    """
    browser = _logged_in(open_browser)
    ended = dict(browser.cookies)
    browser.send("logout")
    made_up = dict.fromkeys(ended, "0123456789abcdef" * 2)
    return any(_is_adopted(open_browser, cookies) for cookies in (made_up, ended))


def keeps_both_writes(open_browser: Open) -> bool:
    """Whether two keys that overlapping requests stored are both kept."""
    browser = _logged_in(open_browser)
    with browser.holding("set", key="slow", value="1"):
        browser.send("set", key="quick", value="1")
    return {"slow", "quick"} <= browser.send("read").data.keys()


def keeps_write_beside_reader(open_browser: Open) -> bool:
    """Whether a key is kept that was stored while another request, which only read, was open."""
    browser = _logged_in(open_browser)
    with browser.holding("read"):
        browser.send("set", key="quick", value="1")
    return "quick" in browser.send("read").data


def writer_undoes_logout(open_browser: Open) -> bool:
    """Whether a user is logged in after a logout that overlapped a request that stored a key."""
    return _is_logged_in_after_logout(open_browser, "set", key="slow", value="1")


def reader_undoes_logout(open_browser: Open) -> bool:
    """Whether a user is logged in after a logout that overlapped a request that only read."""
    return _is_logged_in_after_logout(open_browser, "read")


def saves_nested_change(open_browser: Open) -> bool:
    """Whether an item is kept that was appended to a list in the session."""
    browser = _logged_in(open_browser)
    browser.send("nested")
    return "milk" in browser.send("read").data["cart"]


def sets_cookie_on_read(open_browser: Open) -> bool:
    """Whether a request that only reads gets a cookie, so that no cache may store the response."""
    return bool(_logged_in(open_browser).send("read").set_cookie)


COLUMNS: Final = [
    Column("client-chosen id adopted", False, adopts_an_id),
    Column("both parallel writes kept", True, keeps_both_writes),
    Column("write survives slower reader", True, keeps_write_beside_reader),
    Column("logout undone by slow writer", False, writer_undoes_logout),
    Column("logout undone by slow reader", False, reader_undoes_logout),
    Column("nested change saved", True, saves_nested_change),
    Column("Set-Cookie on plain read", False, sets_cookie_on_read),
]


def _logged_in(open_browser: Open) -> Browser:
    browser = open_browser()
    browser.send("login", user="ada")
    if not _knows(browser, "ada"):
        raise NotPlayed("a login is not kept")  # no question makes sense for such a system
    return browser


def _knows(browser: Browser, user: str) -> bool:
    return browser.send("read").data.get("user") == user


def _is_adopted(open_browser: Open, cookies: Mapping[str, str]) -> bool:
    open_browser(cookies).send("login", user="eve")
    return _knows(open_browser(cookies), "eve")


def _is_logged_in_after_logout(open_browser: Open, slow: str, **arguments: str) -> bool:
    browser = _logged_in(open_browser)
    thief = open_browser(browser.cookies)
    with browser.holding(slow, **arguments):
        browser.send("logout")
    # Either by the id that has ended, or by one from the slow response.
    return _knows(thief, "ada") or _knows(browser, "ada")
