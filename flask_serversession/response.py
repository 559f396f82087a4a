"""What a response says beside the session's cookie, so that browsers and caches do right by it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response

#: A directive without a field name: "*" before Werkzeug 3.1.
_ALL = (True, "*")


def replace_cookie_line(response: Response, before: str | None, line: str) -> None:
    """Add a Set-Cookie line, or replace the one that an earlier ``save_session`` added."""
    lines = response.headers.getlist("Set-Cookie")
    if before in lines:
        lines[lines.index(before)] = line
        response.headers.setlist("Set-Cookie", lines)
    else:
        response.headers.add("Set-Cookie", line)


def keep_from_shared_caches(response: Response) -> None:
    """Let no shared cache hand one user's cookie to another, whatever the view allowed."""
    if "Cache-Control" not in response.headers:
        # A shared cache may keep the page, but not one user's cookie with it.
        response.headers["Cache-Control"] = 'no-cache="Set-Cookie"'
        return
    control = response.cache_control
    # Without one of these a shared cache may keep it, for a max age or by its own rules.
    forbidding = (control.private, control.no_store, control.no_cache)
    is_forbidden = any(each in _ALL for each in forbidding)
    if control.public or control.s_maxage is not None or not is_forbidden:
        control.public, control.s_maxage, control.private = False, None, True


def keep_from_all_caches(response: Response) -> None:
    """Let no cache keep the page of a user, the browser's included.

    A view that says ``private`` keeps its Cache-Control: it means the browser's cache.
    """
    if response.cache_control.private not in _ALL:
        response.headers["Cache-Control"] = "no-store"


def tell_time_left(response: Response, seconds: float) -> None:
    """Say how long the session lasts if it is not used again."""
    response.headers["Session-Timeout"] = str(int(seconds))


def clear_site_data(response: Response, kinds: Sequence[str]) -> None:
    """Tell the browser what to forget after a logout (Clear Site Data, W3C)."""
    if kinds:
        response.headers["Clear-Site-Data"] = ", ".join(f'"{kind}"' for kind in kinds)
