"""Statements about sessions that are bound to a device."""

from __future__ import annotations

from typing import Final

from .statement import Statement

_WHY: Final = (
    "Device Bound Session Credentials are still a draft that one browser implements. Their"
    " keys, challenges and short cookies are a protocol of their own."
)

DEVICE: Final = (
    Statement(
        68,
        "A challenge for a device's key has one purpose, is short-lived and unguessable, and"
        " its answer is accepted once.",
        ("W3C DBSC",),
        "none",
        _WHY,
    ),
    Statement(
        69,
        "A route for bound sessions refuses a request without the short cookie of its device.",
        ("W3C DBSC",),
        "none",
        _WHY,
    ),
)
