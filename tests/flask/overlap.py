"""Views for requests that overlap: one is answered while the view of another still runs."""

from __future__ import annotations

from typing import Any

from .browser import Browser
from .browser import session
from .browser import View


def while_another(browser: Browser, other: View, view: View) -> View:
    """Return a view that loads its session, lets another request run, and then goes on."""

    def slow() -> Any:
        session.get("user")
        browser.twin().run(other)
        return view()

    return slow


def log_out() -> None:
    session.destroy()
