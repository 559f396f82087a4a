from __future__ import annotations

import base64
import re

from flask_serversession.sid import generate_id


def test_an_id_is_32_characters_that_are_safe_in_a_cookie_a_url_and_a_file_name() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", generate_id())


def test_every_one_of_an_ids_192_bits_varies() -> None:
    ids = [int.from_bytes(base64.urlsafe_b64decode(generate_id()), "big") for _ in range(200)]
    ever_set = ever_clear = 0
    for number in ids:
        ever_set |= number
        ever_clear |= ~number

    assert ever_set == 2**192 - 1
    assert ever_clear & ever_set == 2**192 - 1


def test_no_id_comes_twice() -> None:
    assert len({generate_id() for _ in range(1000)}) == 1000
