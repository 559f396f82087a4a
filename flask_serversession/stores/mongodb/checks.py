"""What ``flask sessions check`` looks for: the TTL index, and documents of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigError

#: connect-mongo's name for it; the same index with another name is an error.
NAME = "expires_1"
KEY = [("expires", 1)]

#: Codes of an index with this name or this key, and other options.
CONFLICTS = (85, 86)


def flaws_of_indexes(collection: str, indexes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with a collection's TTL index."""
    on_expires = {name: each for name, each in indexes.items() if list(each["key"]) == KEY}
    if any(_removes_expired(index) for index in on_expires.values()):
        return []
    missing = f"The collection {collection!r} has no TTL index, so expired sessions stay."
    drops = "".join(
        f" In mongosh, run db.getCollection({collection!r}).dropIndex({name!r}), because that"
        " index has other options."
        for name in on_expires
    )
    return [f"{missing}{drops} Run flask sessions setup."]


def conflict(collection: str) -> ConfigError:
    """Return the error for an index that is there with other options."""
    return ConfigError(
        f"The TTL index of the collection {collection!r} cannot be created: an index on expires"
        f" has other options. In mongosh, run db.getCollection({collection!r})"
        f".dropIndex({NAME!r}), and then flask sessions setup."
    )


def foreign_documents(collection: str) -> str:
    """Return the warning about documents that are not sessions."""
    return (
        f"The collection {collection!r} has documents of another program: count includes them, and"
        " flask sessions clear deletes them. Name another one with the option collection."
    )


def _removes_expired(index: Mapping[str, Any]) -> bool:
    return index.get("expireAfterSeconds") == 0 and "partialFilterExpression" not in index
