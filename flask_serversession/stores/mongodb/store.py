"""Sessions in MongoDB, in documents that npm's connect-mongo reads, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from typing import TYPE_CHECKING

from ...errors import ConfigError
from ...errors import PayloadError
from ...errors import StoreUnavailable
from ..base import check_seconds
from ..base import GONE
from ..base import is_expired
from ..base import Lock
from ..base import Record
from ..base import Refusal
from ..base import utc_now
from ..driver_errors import DriverErrors
from ..driver_errors import exhausted
from ..record_lock import RecordLock
from .checks import conflict
from .checks import CONFLICTS
from .checks import flaws_of_indexes
from .checks import foreign_documents
from .checks import KEY
from .checks import NAME
from .clients import driver
from .clients import found_in
from .clients import place
from .clients import sessions_of
from .layouts import layout_named

if TYPE_CHECKING:
    from pymongo import MongoClient

#: How many documents one command deletes.
_BATCH = 1000
#: How many documents are read to find those of other programs.
_SAMPLE = 100


class MongoDBStore:
    """Keeps each session in one document, ``{_id: key, session: JSON text, expires: date}``.

    That is connect-mongo's ``stringify: true``. A document without ``expires`` never expires.
    A save drops the fields that connect-mongo may have added, ``lastModified``, ``createdAt``
    and ``updatedAt``, which it does not need; a touch keeps them.

    The commands are ``findOne`` by ``_id`` to load; ``replaceOne`` of an expired document, with
    an upsert, to create; ``replaceOne`` of a live document, without an upsert, to save, and
    with ``replacing`` only of one with the old session; and ``$set`` of ``expires`` to touch.
    MongoDB's TTL monitor removes expired documents about once a minute. Until then they count
    as absent.

    A session's lock is a document of its own in ``<collection>_locks``, for which waiters
    poll. The lock of a killed holder ends after its ``ttl``.

    Reads go to the primary and dates are UTC, whatever the client's settings. The write
    concern is the client's; one without acknowledgement is refused. A session has at most
    16 MB, MongoDB's limit. After a ``fork`` PyMongo opens new connections and, if the client
    was in use before, warns about it once.

    ``layout="connect-mongo-subdocument"`` is connect-mongo's ``stringify: false``: the session
    is a subdocument. Its JSON is formatted as orjson does, and a date or an ObjectId that Node
    stored comes back as text, which the next save stores. Other values without a JSON form
    raise PayloadError. A NUL in a name, a lone surrogate and an integer from 2**63 on cannot
    be stored and raise StoreError, as does a name that starts with ``$`` before MongoDB 5. A
    whole float of 2**31 or more comes back as an int, because Node's driver stores such
    integers as floats.

    :param client: a ``pymongo.MongoClient``. Its ``timeoutMS`` limits every verb; without it
        a verb may wait for ever.
    :param database: its name; None is the one in the client's URL, else ``test``.
    :param collection: the name of a collection for sessions only.
    :param layout: ``"native"``, ``"connect-mongo"`` and ``"express"`` are the same; or
        ``"connect-mongo-subdocument"``.
    :param create: create the TTL indexes, before the first session and the first lock.
    """

    def __init__(
        self,
        client: MongoClient[Any],
        *,
        database: str | None = None,
        collection: str = "sessions",
        layout: str = "native",
        create: bool = True,
    ) -> None:
        errors = driver().errors
        from bson import ObjectId
        from bson.errors import InvalidBSON

        self._client = client
        self._owns_client = False
        self._creates_index = self._needs_setup = create
        self._sessions = sessions_of(client, database, collection)
        self._layout = layout_named(layout, ObjectId)
        #: Whether Express may write the documents, too.
        self.is_shared: bool = layout != "native"
        self._taken = errors.DuplicateKeyError
        self._refused = errors.OperationFailure
        self._malformed = (InvalidBSON, RecursionError)
        where = place(client)

        def explain(error: BaseException) -> StoreUnavailable | None:
            is_waiting = isinstance(error, errors.WaitQueueTimeoutError)
            return exhausted(where, "maxPoolSize") if is_waiting else None

        self._errors = DriverErrors(
            where,
            unavailable=(errors.ConnectionFailure, errors.ExecutionTimeout),
            failed=(errors.PyMongoError, errors.InvalidDocument, OverflowError),
            explain=explain,
        )

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        database: str | None = None,
        collection: str = "sessions",
        layout: str = "native",
        create: bool = True,
        timeout: float = 5.0,
    ) -> MongoDBStore:
        """Return a store with its own client, which connects on first use.

        :param url: ``mongodb://…`` or ``mongodb+srv://…``, with PyMongo's options.
        :param timeout: seconds that a verb may take, including the search for a server.
        """
        check_seconds("timeout", timeout)
        pymongo = driver()
        try:
            client = pymongo.MongoClient(url, connect=False, timeoutMS=int(timeout * 1000))
        except (pymongo.errors.PyMongoError, ValueError) as error:
            raise ConfigError(
                "The MongoDB URL cannot be read. It looks like"
                " mongodb://user:password@host:27017/database; PyMongo's own error is the"
                " cause of this one."
            ) from error
        store = cls(client, database=database, collection=collection, layout=layout, create=create)
        store._owns_client = True
        return store

    def load(self, key: str) -> Record | None:
        with self._errors:
            try:
                document = self._sessions.find_one({"_id": key})
            except self._malformed:
                raise PayloadError("A session document is not valid BSON.") from None
        record = None if document is None else self._record(document)
        return None if record is None or is_expired(record.expires_at) else record

    def create(self, key: str, record: Record) -> bool:
        if self._needs_setup:
            self.setup()
        document = self._document(key, record)
        with self._errors:
            try:
                # Replaces an expired leftover, or inserts. A live document does not match,
                # and the insert then fails on its _id.
                self._sessions.replace_one(_expired(_id=key), document, upsert=True)
            except self._taken:
                return False
        return True

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        # $in compares with a subdocument, which by itself could be an operator.
        same = {} if replacing is None else {"session": {"$in": [self._session_of(replacing)]}}
        wanted = _live(_id=key, **same)
        with self._errors:
            if is_expired(record.expires_at):
                done = self._sessions.delete_one(wanted).deleted_count
            else:
                document = self._document(key, record)
                done = self._sessions.replace_one(wanted, document).matched_count
        if done:
            return None
        return GONE if replacing is None else Refusal(self.load(key))

    def touch(self, key: str, expires_at: datetime) -> bool:
        with self._errors:
            result = self._sessions.update_one(_live(_id=key), {"$set": {"expires": expires_at}})
        return result.matched_count > 0

    def delete(self, key: str) -> bool:
        with self._errors:
            return self._sessions.delete_one(_live(_id=key)).deleted_count > 0

    def lock(self, key: str, *, ttl: float) -> Lock:
        return RecordLock(self._locks, key, ttl=ttl)

    def keys(self) -> Iterator[str]:
        with self._errors:
            for document in found_in(self._sessions, _live(), {"_id": True}):
                if isinstance(document["_id"], str):
                    yield document["_id"]

    def records(self, user: str | None = None) -> Iterator[tuple[str, Record]]:
        """Yield the keys and the live records of a user, by the index of the keys, or of all."""
        start, fields = "", {}
        if user is not None:
            # A slash follows the dot. If the collection has a collation, others may lie between.
            start, fields = f"{user}.", {"_id": {"$gte": f"{user}.", "$lt": f"{user}/"}}
        with self._errors:
            for document in found_in(self._sessions, _live(**fields)):
                key = document["_id"]
                with suppress(PayloadError):
                    if isinstance(key, str) and key.startswith(start):
                        yield key, self._record(document)

    def count(self) -> int:
        with self._errors:
            return self._sessions.count_documents(_live())

    def clear(self) -> int:
        return sum(self.clearing())

    def clearing(self) -> Iterator[int]:
        return self._removing({})

    def prune(self) -> int:
        return sum(self.pruning())

    def pruning(self, *, dry_run: bool = False) -> Iterator[int]:
        if not dry_run:
            return self._removing(_expired())
        with self._errors:
            return iter([self._sessions.count_documents(_expired())])

    def setup(self) -> None:
        with self._errors:
            try:
                self._sessions.create_index(KEY, name=NAME, expireAfterSeconds=0)
            except self._refused as error:
                if error.code not in CONFLICTS:
                    raise
                raise conflict(self._sessions.name) from error
        self._needs_setup = False

    def ping(self) -> None:
        with self._errors:
            self._client.admin.command("ping")

    def check(self) -> list[str]:
        """Return what is wrong with the TTL index, and whether others use the collection."""
        if self._needs_setup:
            self.setup()
        with self._errors:
            flaws = flaws_of_indexes(self._sessions.name, self._sessions.index_information())
            sample = list(self._sessions.find({}, {"_id": True}).limit(_SAMPLE))
        if all(isinstance(document["_id"], str) for document in sample):
            return flaws
        return [*flaws, foreign_documents(self._sessions.name)]

    def close(self) -> None:
        if self._owns_client:
            self._client.close()

    def _removing(self, wanted: dict[str, Any]) -> Iterator[int]:
        """Delete documents in batches; after each yield how many were deleted."""
        ids: list[Any] | None = None
        while ids is None or len(ids) == _BATCH:
            with self._errors:
                found = self._sessions.find(wanted, {"_id": True}).limit(_BATCH)
                ids = [document["_id"] for document in found]
                result = self._sessions.delete_many({"_id": {"$in": ids}, **wanted})
            yield result.deleted_count

    @cached_property
    def _locks(self) -> MongoDBStore:
        return MongoDBStore(
            self._client,
            database=self._sessions.database.name,
            collection=f"{self._sessions.name}_locks",
            create=self._creates_index,
        )

    def _document(self, key: str, record: Record) -> dict[str, Any]:
        document = {"_id": key, "session": self._layout.dump(record.payload)}
        if record.expires_at is not None:
            document["expires"] = record.expires_at
        return document

    def _record(self, document: dict[str, Any]) -> Record:
        expires_at = document.get("expires")
        if not isinstance(expires_at, (datetime, type(None))):
            raise PayloadError("The expiry of a session document is not a date.")
        return self._layout.load(document.get("session"), expires_at)

    def _session_of(self, record: Record) -> object:
        if record.version is not None:
            return record.version
        return self._layout.dump(record.payload)


def _expired(**fields: object) -> dict[str, Any]:
    return {**fields, "expires": {"$lte": utc_now()}}


def _live(**fields: object) -> dict[str, Any]:
    ends_later, never_ends = {"expires": {"$gt": utc_now()}}, {"expires": None}
    return {"$and": [fields, {"$or": [ends_later, never_ends]}]}
