"""Draws the results as an SVG, in colours that can be read on white and on black."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from html import escape
from math import log10
from typing import Final

from .figures import peers
from .figures import with_flask
from .results import Cell
from .results import Result

_COLUMNS: Final = 2
_WIDTH, _NAMES, _ROW, _HEAD, _GAP = 440, 140, 20, 44, 24
_LEGEND: Final = 56
_TICKS: Final = (1, 2, 5, 10, 20, 50, 100, 200)
_PAYLOAD: Final = "200"
_TITLE: Final = "How many times as long as without a session a request takes"
_GREY: Final = "#7a7a7a"

#: Peer -> the colour of its dot and whether it is filled. Later dots cover earlier ones.
_DOTS: Final = {
    "Django": ("#2f9e44", True),
    "Starsessions": ("#9c5fd6", True),
    "Flask's cookie": ("#b08900", True),
    "Flask-Session": ("#3b82f6", True),
    "Flask-Session, tuned": ("#3b82f6", False),
    "Flask-ServerSession": ("#e8590c", True),
    "floor": (_GREY, False),
}


def picture(results: Sequence[Result]) -> str:
    """Return one panel per store: a row per scenario and a dot per peer, on a log scale."""
    panels = [panel for panel in map(_cells, results) if panel]
    height = max((len(panel) for panel in panels), default=0) * _ROW + _HEAD + _GAP
    rows = -(-len(panels) // _COLUMNS)
    size = (_COLUMNS * (_WIDTH + _GAP), _LEGEND + rows * height)
    stores = [result.store for result in results if _cells(result)]
    body = [*_legend()]
    for number, (store, panel) in enumerate(zip(stores, panels, strict=True)):
        left = number % _COLUMNS * (_WIDTH + _GAP)
        top = _LEGEND + number // _COLUMNS * height
        body += [f'<g transform="translate({left} {top})">', *_panel(store, panel), "</g>"]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}"'
            f' font-family="system-ui, sans-serif" font-size="12" fill="{_GREY}" role="img">',
            f"<title>{_TITLE}</title>",
            *body,
            "</svg>\n",
        ]
    )


def _cells(result: Result) -> list[Cell]:
    return [cell for cell in result.cells if cell.payload == _PAYLOAD]


def _legend() -> Iterator[str]:
    yield f'<text x="0" y="14" font-weight="bold">{_TITLE} (200 B)</text>'
    left = 6
    for peer in reversed(_DOTS):
        yield _dot(peer, left, 34, peer)
        yield f'<text x="{left + 10}" y="38">{escape(peer)}</text>'
        left += 34 + 7 * len(peer)


def _panel(store: str, cells: Sequence[Cell]) -> Iterator[str]:
    bottom = _HEAD + len(cells) * _ROW
    yield f'<text x="0" y="16" font-weight="bold">{escape(store)}</text>'
    for tick in _TICKS:
        x = _x(tick)
        yield f'<path d="M{x:.1f} {_HEAD - 14}V{bottom}" stroke="{_GREY}" stroke-opacity=".3"/>'
        yield f'<text x="{x:.1f}" y="{_HEAD - 20}" text-anchor="middle">{tick}</text>'
    for number, cell in enumerate(cells):
        y = _HEAD + number * _ROW
        yield f'<text x="{_NAMES - 14}" y="{y + 4}" text-anchor="end">{cell.scenario}</text>'
        for peer in _DOTS:
            if peer in peers(cell.rounds):
                ratio = with_flask(cell, peer).middle
                yield _dot(peer, _x(ratio), y, f"{peer}: {ratio:.2g} times")


def _dot(peer: str, x: float, y: float, says: str) -> str:
    colour, filled = _DOTS[peer]
    return (
        f'<circle cx="{x:.1f}" cy="{y}" r="4.5" stroke="{colour}" stroke-width="2"'
        f' fill="{colour if filled else "none"}"><title>{escape(says)}</title></circle>'
    )


def _x(ratio: float) -> float:
    """Return the x position of a ratio. Ratios beyond the last tick are drawn on it."""
    share = log10(min(max(ratio, 1), _TICKS[-1])) / log10(_TICKS[-1])
    return _NAMES + share * (_WIDTH - _NAMES)
