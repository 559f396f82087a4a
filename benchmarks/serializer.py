"""Compares the speed of the serializer with msgspec's JSON and Flask's own serializer.

.. code-block:: console

    $ pip install msgspec
    $ python benchmarks/serializer.py

It prints ratios, since microseconds cannot be compared between machines. The three take turns,
round by round, so that a busy machine slows all of them alike. The exit code is 1 if storing and
reading a plain session takes more than twice msgspec's time. msgspec supports none of the types
that JSON lacks, such as tuples.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from datetime import timezone
from statistics import median
from time import perf_counter
from typing import Any
from typing import NamedTuple

from flask.json.tag import TaggedJSONSerializer

from flask_serversession.format.serializer import TypedJSON

ROUNDS = 41
#: How long a round of one codec takes, far above the clock's resolution.
SECONDS_A_ROUND = 0.004
WORST_RATIO = 2.0

Data = dict[str, Any]


class Codec(NamedTuple):
    dumps: Callable[[Any], Any]
    loads: Callable[[Any], Any]


def plain_session(size: int) -> Data:
    """Return an online shop's session: JSON types only, about ``size`` bytes as JSON."""
    session: Data = {
        "_user_id": "482915",
        "_fresh": True,
        "csrf_token": "b1946ac92492d2347c6235b4d2611184c9f3a5e0",
        "locale": "de_CH",
        "visits": 17,
        "cart": [],
    }
    number = 0
    while len(json.dumps(session, separators=(",", ":"))) < size:
        number += 1
        session["cart"].append(
            {"sku": f"TEA-{number:05d}", "name": "Grüner Tee", "quantity": 2, "price": 12.9}
        )
    return session


def typed_session(size: int) -> Data:
    """Return such a session with types that Flask's own sessions support: tuples and a date."""
    session = plain_session(size)
    session["_flashes"] = [("message", "Welcome back"), ("info", "Two items are in your cart")]
    session["last_seen"] = datetime(2026, 11, 21, 12, 30, tzinfo=timezone.utc)
    return session


def time_of(work: Callable[[], object], times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        work()
    return perf_counter() - start


def times_a_round(work: Callable[[], object]) -> int:
    once = min(time_of(work, 1) for _ in range(5))
    return max(1, int(SECONDS_A_ROUND / once))


def ratio(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Return our time as a multiple of theirs: the median over alternating rounds."""
    times = min(times_a_round(ours), times_a_round(theirs))
    return median(time_of(ours, times) / time_of(theirs, times) for _ in range(ROUNDS))


def ratios(ours: Codec, theirs: Codec, data: Data) -> tuple[float, float, float]:
    """Return the ratios of dumps, of loads and of both together."""
    our_payload, their_payload = ours.dumps(data), theirs.dumps(data)
    return (
        ratio(lambda: ours.dumps(data), lambda: theirs.dumps(data)),
        ratio(lambda: ours.loads(our_payload), lambda: theirs.loads(their_payload)),
        ratio(lambda: ours.loads(ours.dumps(data)), lambda: theirs.loads(theirs.dumps(data))),
    )


def main() -> int:
    typed_json, tagged = TypedJSON(), TaggedJSONSerializer()
    ours = Codec(typed_json.dumps, typed_json.loads)
    # The other benchmarks import this module and do not need it.
    import msgspec

    msgspec_json = Codec(msgspec.json.encode, msgspec.json.decode)
    flask_tagged = Codec(tagged.dumps, tagged.loads)

    print("TypedJSON's time as a multiple of")
    print(f"{'':24} {'dumps':>7} {'loads':>7} {'both':>7}")
    too_slow = False
    for name, size in (("200 B", 200), ("4 kB", 4_000), ("64 kB", 64_000)):
        plain, typed = plain_session(size), typed_session(size)
        against_msgspec = ratios(ours, msgspec_json, plain)
        too_slow |= against_msgspec[2] > WORST_RATIO
        for label, row in (
            (f"msgspec, {name} plain", against_msgspec),
            (f"Flask's, {name} plain", ratios(ours, flask_tagged, plain)),
            (f"Flask's, {name} typed", ratios(ours, flask_tagged, typed)),
        ):
            print(f"{label:24}" + "".join(f" {number:7.2f}" for number in row))
    if too_slow:
        print(f"A plain session takes more than {WORST_RATIO} times msgspec's time.")
    return int(too_slow)


if __name__ == "__main__":
    sys.exit(main())
