from __future__ import annotations

import base64
import re

from flask_serversession.cookies.ids import generate_id


def test_an_id_has_32_characters_safe_in_cookies_urls_and_file_names() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", generate_id())


def test_each_of_the_192_bits_of_an_id_varies() -> None:
    ids = [int.from_bytes(base64.urlsafe_b64decode(generate_id()), "big") for _ in range(200)]
    ever_set = ever_clear = 0
    for number in ids:
        ever_set |= number
        ever_clear |= ~number

    assert ever_set == 2**192 - 1
    assert ever_clear & ever_set == 2**192 - 1


def test_many_ids_are_all_different() -> None:
    assert len({generate_id() for _ in range(100_000)}) == 100_000
