"""An attacker sends forged cookies and measures, or sends very many of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from itsdangerous import Signer

from flask_serversession import ServerSession
from flask_serversession.cookies.signing import CookieSigner
from flask_serversession.cookies.signing import Keygrip
from flask_serversession.format.seals import Seal
from flask_serversession.format.serializer import TypedJSON
from flask_serversession.stores.memory import MemoryStore

from ..flask.browser import Browser
from ..flask.browser import browser_of
from ..flask.browser import cookie_lines
from ..flask.browser import serve_browsers
from ..flask.browser import session
from ..flask.browser import signed
from ..flask.counting import CountingStore
from .counting import calls_of_c

SECRETS = ["new" * 16, "old" * 16]
SID = "a" * 32


@pytest.fixture
def calls() -> CountingStore:
    return CountingStore(MemoryStore())


@pytest.fixture
def site(calls: CountingStore) -> Flask:
    app = Flask(__name__)
    app.config.update(SECRET_KEY=SECRETS[0], SECRET_KEY_FALLBACKS=SECRETS[1:])
    app.config.update(TESTING=True, SESSION_STORE=calls)
    ServerSession(app)
    serve_browsers(app)
    return app


@pytest.fixture
def count(site: Flask) -> Callable[[str], Counter[str]]:
    """Return a function that returns what one request with a Cookie header calls."""
    client = site.test_client(use_cookies=False)
    assert isinstance(client, Browser)

    def count(header: str) -> Counter[str]:
        def read() -> None:
            session.get("user")

        found: list[Counter[str]] = []
        client.run(
            lambda: found.append(calls_of_c(read)), environ_overrides={"HTTP_COOKIE": header}
        )
        return found[0]

    return count


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda value: value, id="none"),
        pytest.param(lambda value: value[:-1] + ("A" if value[-1] != "A" else "B"), id="last"),
        pytest.param(lambda value: value[:35] + "A" * (len(value) - 35), id="all"),
        pytest.param(lambda value: value[:36], id="most is missing"),
        pytest.param(lambda value: value + "A" * 100, id="longer"),
    ],
)
def test_no_signature_is_compared_in_another_way_than_in_constant_time(
    change: Callable[[str], str],
) -> None:
    signer = CookieSigner(["secret"])
    value = change(signer.sign(SID))

    done = calls_of_c(lambda: signer.unsign(value))

    assert done["compare_digest"] == 1
    assert done["hmac_digest"] + done["hmac_new"] + done["hmac"] <= 1


def test_a_forged_signature_takes_the_same_steps_wherever_it_differs() -> None:
    signer = CookieSigner(SECRETS)
    good = signer.sign(SID)
    signature = good.rpartition(".")[2]
    other = {place: "A" if signature[place] != "A" else "B" for place in (0, 20, -1)}
    forged = [
        f"s:{SID}.{signature[:place]}{character}{signature[place:][1:]}"
        for place, character in other.items()
    ]

    [first, *others] = [calls_of_c(lambda each=each: signer.unsign(each)) for each in forged]

    assert first["compare_digest"] == len(SECRETS)
    assert all(each == first for each in others)


def test_the_signature_of_cookie_session_is_not_compared_otherwise() -> None:
    keys = Keygrip(SECRETS)

    done = calls_of_c(lambda: keys.index("session=e30=", "A" * 27))

    assert done["compare_digest"] == len(SECRETS)


def test_the_seal_of_a_tag_is_not_compared_otherwise() -> None:
    signer = CookieSigner(SECRETS)
    serializer = TypedJSON(Seal(signer.signature, signer.is_signature))
    forged = b'{"a":{" markup":"<b>"," seal":"AAAA"}}'

    done = calls_of_c(lambda: serializer.loads(forged))

    assert done["compare_digest"] == len(SECRETS)


def test_itsdangerous_does_not_compare_otherwise() -> None:
    signer = Signer("secret", salt="flask-session", key_derivation="hmac")

    done = calls_of_c(lambda: signer.validate(f"{SID}.{'A' * 27}"))

    assert done["compare_digest"] == 1


@pytest.mark.parametrize(
    "value",
    [SID, f"s%3A{SID}", f"s%3A{SID}.", f"s%3A{SID}.AAAA", "s%3A", "", "null", "0", "../../x"],
)
def test_the_store_is_never_asked_for_an_id_that_is_not_signed(
    count: Callable[[str], Counter[str]], calls: CountingStore, value: str
) -> None:
    count(f"session={value}")

    assert calls.calls == []


@pytest.mark.parametrize("number", [10, 1_000, 10_000])
def test_many_forged_cookies_cost_no_more_than_eight(
    count: Callable[[str], Counter[str]], calls: CountingStore, number: int
) -> None:
    done = count("; ".join(f"session=s%3A{SID}{i}.AAAA" for i in range(number)))

    assert done["compare_digest"] == 8 * len(SECRETS)
    assert calls.calls == []


@pytest.mark.parametrize("number", [5, 100])
def test_many_signed_cookies_cost_no_more_than_four_trips(
    site: Flask, count: Callable[[str], Counter[str]], calls: CountingStore, number: int
) -> None:
    count("; ".join(f"session={signed(site, f'{SID}{i}')}" for i in range(number)))

    assert calls.calls == ["load"] * 4


@pytest.mark.parametrize(
    "header",
    [
        "session=" + "s%3A" * 20_000,
        "session=s%3A" + "." * 60_000,
        "session=" + "%" * 60_000,
        "session=" + '"' * 60_000,
        ";" * 60_000,
        "=" * 60_000,
        "session;" * 8_000,
        "session=;" * 8_000,
        " session = ; " * 5_000,
        "session=" + "ÿ" * 60_000,
    ],
    ids=range(10),
)
def test_an_oversized_header_costs_no_more_than_eight_cookies(
    count: Callable[[str], Counter[str]], calls: CountingStore, header: str
) -> None:
    done = count(header)

    assert done["compare_digest"] <= 8 * len(SECRETS)
    assert sum(done.values()) < 2 * len(header) + 1000
    assert calls.calls == []


def test_cookies_of_other_names_are_not_verified(
    site: Flask, count: Callable[[str], Counter[str]]
) -> None:
    value = signed(site, SID)

    done = count("; ".join(f"{name}={value}" for name in ("sessions", "xsession", "SESSION", "s")))

    assert done["compare_digest"] == 0


def test_a_crawler_that_stores_nothing_costs_no_trip_and_gets_no_cookie(
    site: Flask, calls: CountingStore
) -> None:
    responses = [browser_of(site).run(lambda: None) for _ in range(20)]

    assert calls.calls == []
    assert not any(map(cookie_lines, responses))
