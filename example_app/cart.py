"""The cart: ``session["cart"]["cup"]["celadon"]`` is the number of celadon cups."""

from __future__ import annotations

from typing import NamedTuple

from flask_serversession import session

from .catalogue import PRODUCTS

KEY = "cart"

#: The largest quantity of one product in one glaze.
MAX_QUANTITY = 12

Cart = dict[str, dict[str, int]]


class Line(NamedTuple):
    slug: str
    glaze: str
    quantity: int

    @property
    def price(self) -> int:
        return PRODUCTS[self.slug].price * self.quantity


def lines() -> list[Line]:
    """Return the cart's lines, in the order they were added."""
    cart: Cart = session.get(KEY, {})
    return [
        Line(slug, glaze, quantity)
        for slug, glazes in cart.items()
        for glaze, quantity in glazes.items()
    ]


def add(slug: str, glaze: str) -> None:
    """Add one to the cart."""
    cart: Cart = session.get(KEY, {})
    set_quantity(slug, glaze, cart.get(slug, {}).get(glaze, 0) + 1)


def set_quantity(slug: str, glaze: str, quantity: int) -> None:
    """Set the quantity of a line. Zero removes the line."""
    cart: Cart = session.setdefault(KEY, {})
    glazes = cart.setdefault(slug, {})
    # Nested changes need no session.modified: the session compares what it would store.
    if quantity > 0:
        glazes[glaze] = min(quantity, MAX_QUANTITY)
    else:
        glazes.pop(glaze, None)
    if not glazes:
        del cart[slug]
