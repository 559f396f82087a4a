"""A random secret key, for when none is configured."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def persisted_secret(path: Path) -> str:
    """Return the secret in a file, creating it with a random secret if needed.

    Only the file's owner can read it, because the secret can sign any session's id.
    """
    try:
        with open(path, "x", encoding="ascii", opener=_open_private) as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
