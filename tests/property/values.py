"""Random sessions, plain and typed."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import timedelta
from datetime import timezone
from typing import Any

from hypothesis import strategies as st
from markupsafe import Markup

#: Text as Python and Node may have it, lone surrogates included.
anything_written = st.text(st.characters(exclude_categories=())).filter(
    # Two surrogates that JSON would join are refused.
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)
#: A session keeps its cookie and its flashed messages under these keys.
_RESERVED = ("cookie", "_flashes")
#: A plain key does not begin like a tag.
plain_keys = st.text().filter(lambda key: not key.startswith(" "))
plain_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
#: What JSON has.
plain_values: st.SearchStrategy[Any] = st.recursive(
    plain_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4),
    max_leaves=8,
)
plain_sessions = st.dictionaries(
    plain_keys.filter(lambda key: key not in _RESERVED), plain_values, max_size=4
)

# In whole seconds: CPython's fromisoformat reads an offset of microseconds as none.
_offsets = st.integers(-23 * 3600, 23 * 3600).map(lambda s: timezone(timedelta(seconds=s)))
_scalars: st.SearchStrategy[Hashable] = (
    plain_scalars
    | st.integers()
    | anything_written
    | st.binary()
    | st.uuids()
    | st.datetimes(timezones=st.none() | _offsets)
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
)
_hashables: st.SearchStrategy[Hashable] = st.recursive(
    _scalars,
    lambda inner: st.frozensets(inner, max_size=2) | st.lists(inner, max_size=2).map(tuple),
    max_leaves=3,
)
_almost_tags = st.sampled_from([" tuple", " dict", " escaped", " other"])
#: Everything that a session keeps with its type.
typed_values: st.SearchStrategy[Any] = st.recursive(
    _hashables | anything_written.map(Markup) | st.sets(_hashables, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(anything_written, inner, max_size=3)
        | st.dictionaries(_hashables, inner, max_size=3)
        | st.dictionaries(_almost_tags, inner, max_size=2)
    ),
    max_leaves=5,
)
typed_sessions = st.dictionaries(
    anything_written.filter(lambda key: key not in _RESERVED), typed_values, max_size=3
)
