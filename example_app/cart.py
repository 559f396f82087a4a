"""The cart: ``session["cart"]["cup"]["celadon"]`` is how many celadon cups there are."""

from __future__ import annotations

from typing import NamedTuple

from flask import session

from .catalogue import PRODUCTS

KEY = "cart"

#: How many of one thing may be ordered at once.
MOST = 12

Cart = dict[str, dict[str, int]]


class Line(NamedTuple):
    slug: str
    glaze: str
    quantity: int

    @property
    def price(self) -> int:
        return PRODUCTS[self.slug].price * self.quantity


def lines() -> list[Line]:
    """Return what is in the cart, in the order it was put there."""
    cart: Cart = session.get(KEY, {})
    return [
        Line(slug, glaze, quantity)
        for slug, glazes in cart.items()
        for glaze, quantity in glazes.items()
    ]


def add(slug: str, glaze: str) -> None:
    """Put one more in."""
    cart: Cart = session.get(KEY, {})
    set_quantity(slug, glaze, cart.get(slug, {}).get(glaze, 0) + 1)


def set_quantity(slug: str, glaze: str, quantity: int) -> None:
    """Have this many in; none removes the line."""
    cart: Cart = session.setdefault(KEY, {})
    glazes = cart.setdefault(slug, {})
    # Two levels down, and no session.modified: what counts is what would be stored.
    if quantity > 0:
        glazes[glaze] = min(quantity, MOST)
    else:
        glazes.pop(glaze, None)
    if not glazes:
        del cart[slug]
