"""The data of a session, of which each member is decoded when somebody looks at it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import MutableMapping
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from .concurrency import FLASHES
from .concurrency import merge
from .concurrency import Resolve
from .serializers import join
from .serializers import Serializer

#: From how many bytes on it takes less to pass over members than to decode them all.
LONG = 1_000


class Members(MutableMapping[str, Any]):
    """A dict as the application sees it, and the bytes it was as the store does.

    A session is read for one or two of its members, as a rule. The others are not decoded,
    and what is stored of them is what was.

    :param members: values, or undecoded ones as :meth:`~.serializers.Serializer.split` gives
        them. They are taken over.
    :param found: the same ones, to know again what did not change; without them, all that is
        there is encoded.
    """

    __slots__ = ("_assigned", "_found", "_serializer", "_values")

    def __init__(
        self,
        serializer: Serializer,
        members: dict[str, Any],
        found: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._serializer = serializer
        self._values = members
        self._found = found
        self._assigned: set[str] = set()

    @classmethod
    def of(cls, payload: bytes, serializer: Serializer) -> Members:
        """Return the members of a JSON object.

        :raises PayloadError: if these bytes are none.
        """
        if len(payload) < LONG:
            return cls(serializer, serializer.loads(payload))
        found = serializer.split(payload)
        return cls(serializer, dict(found), found)

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if type(value) is Raw:
            value = self._values[key] = self._serializer.load(value)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self._assigned.add(key)

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def pop(self, key: str, *default: Any) -> Any:
        return self._loaded(self._values.pop(key, *default))

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self._values else default

    def popitem(self) -> tuple[str, Any]:
        """Remove the last member and return it, as a dict does."""
        key, value = self._values.popitem()
        return key, self._loaded(value)

    def clear(self) -> None:
        self._values.clear()

    def merged(self, base: Members, theirs: Members, resolve: Resolve) -> Members:
        """Return their members with what changed here since the base.

        :param resolve: decides about a member that both sides changed.
        """
        for side in (base, theirs, self):
            side.get(FLASHES)  # which are merged one by one, and so have to be decoded

        def resolve_loaded(key: str, *values: Any) -> Any:
            return resolve(key, *map(self._loaded, values))

        merged = merge(
            base._values,
            theirs._values,
            self._values,
            same=self._are_stored_alike,
            resolve=resolve_loaded,
        )
        return Members(self._serializer, dict(merged), merged)

    def dump(self) -> bytes:
        """Return the data as they are stored.

        :raises SessionSerializationError: naming a value that has no stored form.
        """
        if not self._found:
            return self._serializer.dumps(self._values)
        return join(
            {
                key: value if type(value) is Raw else self._stored(key, value)
                for key, value in self._values.items()
            }
        )

    def _loaded(self, value: Any) -> Any:
        return self._serializer.load(value) if type(value) is Raw else value

    def _are_stored_alike(self, one: Any, other: Any) -> bool:
        if type(one) is type(other) is Raw and bytes(one) == bytes(other):
            return True
        dump = self._serializer.dump
        return dump("", self._loaded(one)) == dump("", self._loaded(other))

    def _stored(self, key: str, value: Any) -> bytes | Raw:
        text = self._serializer.dump(key, value)
        found = self._found.get(key)
        if type(found) is not Raw or key in self._assigned or text == bytes(found):
            return text
        # Another program may have spelled the same value in another way.
        respelled = self._serializer.dump(key, self._serializer.load(found))
        return found if text == respelled else text
