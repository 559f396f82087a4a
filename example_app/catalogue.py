"""The products."""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    name: str
    description: str
    #: In whole euros.
    price: int


PRODUCTS = {
    "cup": Product("Cup", "Fits into two hands", 24),
    "bowl": Product("Bowl", "For soup, rice or keys", 32),
    "vase": Product("Vase", "One branch is enough", 58),
}

GLAZES = {"chalk": "Chalk", "celadon": "Celadon", "iron": "Iron"}
