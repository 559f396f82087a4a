"""The seven questions, and how each is put.

Every question begins with browsers of its own, and ends with what a browser then reads.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Final
from typing import NamedTuple

from .browser import Browser
from .browser import NotPlayed

#: Makes a browser, with the cookies that it is given.
Open = Callable[..., Browser]


class Column(NamedTuple):
    title: str
    #: The answer that loses nothing and lets nobody in.
    right: bool
    ask: Callable[[Open], bool]


def adopts_an_id(open_browser: Open) -> bool:
    """Whether whoever chose the cookie of a visitor is logged in with that visitor.

    Tried with an id that was made up, and with one that the server itself gave for a session
    that has ended: where cookies are signed, only the second can be chosen.
    """
    browser = _logged_in(open_browser)
    ended = dict(browser.cookies)
    browser.send("logout")
    made_up = dict.fromkeys(ended, "0123456789abcdef" * 2)
    return any(_is_adopted(open_browser, cookies) for cookies in (made_up, ended))


def keeps_both_writes(open_browser: Open) -> bool:
    """Whether two keys that two requests stored at once are both there."""
    browser = _logged_in(open_browser)
    with browser.holding("set", key="slow", value="1"):
        browser.send("set", key="quick", value="1")
    return {"slow", "quick"} <= browser.send("read").data.keys()


def keeps_write_beside_reader(open_browser: Open) -> bool:
    """Whether a key is there that was stored while a request was open that only read."""
    browser = _logged_in(open_browser)
    with browser.holding("read"):
        browser.send("set", key="quick", value="1")
    return "quick" in browser.send("read").data


def writer_undoes_logout(open_browser: Open) -> bool:
    """Whether somebody is logged in whose logout overlapped a request that stored a key."""
    return _is_logged_in_after_logout(open_browser, "set", key="slow", value="1")


def reader_undoes_logout(open_browser: Open) -> bool:
    """Whether somebody is logged in whose logout overlapped a request that only read."""
    return _is_logged_in_after_logout(open_browser, "read")


def saves_nested_change(open_browser: Open) -> bool:
    """Whether an item is there that was appended to a list inside the session."""
    browser = _logged_in(open_browser)
    browser.send("nested")
    return "milk" in browser.send("read").data["cart"]


def sets_cookie_on_read(open_browser: Open) -> bool:
    """Whether a request that only reads is answered with a cookie, which no cache may keep."""
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
        raise NotPlayed("a login is not kept")  # to such a system no question means anything
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
    # The id that has ended, or one that the slow answer brought.
    return _knows(thief, "ada") or _knows(browser, "ada")
