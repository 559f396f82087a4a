"""The packages and the places of applications with Flask-Session."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ..servers.base import unavailable
from .processes import Case
from .processes import TYPES


@pytest.fixture(scope="session")
def packages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[list[str]], str]:
    """Install packages into a folder of their own, once, and return its path."""
    installed: dict[str, str] = {}

    def install(names: list[str]) -> str:
        key = " ".join(names)
        if key not in installed:
            folder = str(tmp_path_factory.mktemp("packages"))
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            done = subprocess.run(
                [*pip, "--disable-pip-version-check", "--target", folder, *names], check=False
            )
            if done.returncode:
                unavailable(request.config, key, "pip could not install it")
            installed[key] = folder
        return installed[key]

    return install


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def place(case: Case, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the records are: a server's URL, or a path."""
    kind = case[1]
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    if kind in ("filesystem", "cachelib"):
        return str(tmp_path / "flask_session")
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture
def keys(case: Case, place: str) -> Iterator[dict[str, Any]]:
    _, kind, is_signed = case
    table = f"before_{os.urandom(4).hex()}"
    yield {
        "SESSION_USE_SIGNER": is_signed,
        "SESSION_KEY_PREFIX": f"{os.urandom(4).hex()}:",
        "SESSION_SQLALCHEMY_TABLE": table,
        # nx-27017 cannot store bytes a second time.
        "SESSION_REFRESH_EACH_REQUEST": kind != "mongodb",
    }
    if kind in TYPES:
        engine = sa.create_engine(place)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {table}")
        engine.dispose()
