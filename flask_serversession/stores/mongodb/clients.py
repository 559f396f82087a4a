"""MongoDB's driver, and what the store needs of its client."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import suppress
from datetime import timezone
from typing import Any
from typing import TYPE_CHECKING

from ...errors import ConfigError

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection


def sessions_of(
    client: MongoClient[Any], database: str | None, collection: str
) -> Collection[dict[str, Any]]:
    """Return a collection that reads from the primary and has dates in UTC.

    :raises ConfigError: if the client or a name cannot work.
    """
    pymongo = driver()
    from bson.codec_options import CodecOptions
    from bson.codec_options import DatetimeConversion

    if not isinstance(client, pymongo.MongoClient):
        raise ConfigError(
            f"MongoDBStore needs a pymongo.MongoClient, not {type(client).__name__}."
        )
    try:
        found = client[database] if database else client.get_default_database("test")
        sessions: Collection[dict[str, Any]] = found.get_collection(
            collection,
            codec_options=CodecOptions(
                tz_aware=True,
                tzinfo=timezone.utc,
                # Otherwise the driver fails on dates of Node outside Python's range.
                datetime_conversion=DatetimeConversion.DATETIME_AUTO,
            ),
            read_preference=pymongo.ReadPreference.PRIMARY,
        )
    except pymongo.errors.InvalidName as error:
        raise ConfigError(
            f"MongoDB allows no database named {database!r} or no collection named {collection!r}."
        ) from error
    if not sessions.write_concern.acknowledged:
        raise ConfigError(
            'MongoDBStore needs acknowledged writes: use a client with w=1 or w="majority", not'
            " w=0."
        )
    return sessions


def found_in(
    sessions: Collection[dict[str, Any]],
    wanted: Mapping[str, Any],
    fields: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the documents of a query, without those that are not valid BSON."""
    from bson.raw_bson import RawBSONDocument

    # Otherwise the driver decodes a whole batch at once, and one document hides the others.
    options = sessions.codec_options.with_options(document_class=RawBSONDocument)
    raw = sessions.with_options(codec_options=options).find(wanted, fields)
    return decoded(raw, sessions.codec_options)


def decoded(raw: Iterable[Any], options: Any) -> Iterator[dict[str, Any]]:
    import bson

    for document in raw:
        with suppress(bson.errors.InvalidBSON, RecursionError):
            yield bson.decode(document.raw, options)


def place(client: MongoClient[Any]) -> str:
    """Return where a client's servers are, for a message."""
    try:
        servers = client.topology_description.server_descriptions()
    except AttributeError:  # those of mongodb+srv:// are looked up on first use
        return "MongoDB"
    return "MongoDB at " + ", ".join(f"{host}:{port}" for host, port in sorted(servers))


def driver() -> Any:
    """Return pymongo.

    :raises ConfigError: saying what to install.
    """
    try:
        import pymongo
    except ImportError as error:
        raise ConfigError(
            "MongoDBStore needs pymongo: pip install Flask-ServerSession[mongodb]"
        ) from error
    return pymongo
