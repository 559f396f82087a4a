"""What two stores hold of a session while it is moved from one to the other.

A session is live in one store at a time. A move takes four steps:

1. create a *note* under its key in the new store, with a random token;
2. replace the record in the former store by a *claim*: the token, and the record inside;
3. replace the note by the record;
4. remove the claim.

Steps 2 to 4 are compare-and-set, and any request that finds a note can take them. The session is
live in the former store before step 2, in the claim before step 3, and in the new store from
then on. A claim whose note is gone is therefore dead, and so is a note without a record or claim
in the former store. Whatever ends the session in the new store replaces the note or the record
there. So a process that is killed between two steps loses nothing, and one that is late with a
step brings nothing back.

Code that knows no marks reads them as sessions that have ended.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta

from ..base import Record
from ..base import utc_now

_MEMBER = "moving"
_MEMBER_IN_JSON = b'"moving"'
#: For a record whose store cannot tell when it ends. The request that reads it extends it.
_UNKNOWN_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A note, or a claim if it has the payload of the record that is moved."""

    token: str
    payload: bytes | None = None

    @classmethod
    def new(cls) -> Mark:
        """Return a note that no other move has."""
        return cls(secrets.token_urlsafe(12))

    @classmethod
    def of(cls, record: Record | None) -> Mark | None:
        """Return the mark that a record is; None if it is a session, or nothing."""
        if record is None or _MEMBER_IN_JSON not in record.payload:
            return None
        try:
            cookie = json.loads(record.payload)["cookie"]
            if cookie["retiredUntil"] != 0:  # no application can write this member
                return None
            held = cookie.get("record")
            return cls(cookie[_MEMBER], None if held is None else b64decode(held, validate=True))
        except (LookupError, RecursionError, TypeError, ValueError):
            return None

    def is_claim_of(self, note: Mark | None) -> bool:
        """Tell whether this is the claim that belongs to a note."""
        is_claim = self.payload is not None
        return is_claim and note is not None and note.payload is None and note.token == self.token

    def record(self, expires_at: datetime | None) -> Record:
        """Return the record to store."""
        cookie = {"originalMaxAge": None, "retiredUntil": 0, _MEMBER: self.token}
        if self.payload is not None:
            cookie["record"] = b64encode(self.payload).decode()
        document = json.dumps({"cookie": cookie}, separators=(",", ":"))
        return Record(document.encode(), expires_at or utc_now() + _UNKNOWN_LIFE)
