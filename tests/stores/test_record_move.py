"""The move that any store can make, by its five verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_serversession.stores.base import Refusal
from flask_serversession.stores.filesystem import FileSystemStore
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.record_move import move_record
from flask_serversession.testing import MoveContract


class MovingMemory(MemoryStore):
    def move(self, *args: Any, **kwargs: Any) -> Refusal | None:
        return move_record(self, *args, **kwargs)


class MovingFiles(FileSystemStore):
    def move(self, *args: Any, **kwargs: Any) -> Refusal | None:
        return move_record(self, *args, **kwargs)


class TestInMemory(MoveContract):
    @pytest.fixture
    def store(self) -> MovingMemory:
        return MovingMemory()


class TestInFiles(MoveContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> MovingFiles:
        return MovingFiles(tmp_path)
