"""The floor on SQL: the driver alone, one open connection, and autocommitted statements."""

from __future__ import annotations

import sqlite3
import time
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql

from ..scenarios import LIFETIME


class _Database:
    """The statements of every dialect. ``{}`` stands for the placeholder."""

    placeholder = "%s"
    types = ("VARCHAR(64)", "BYTEA")
    load_sql = "SELECT payload FROM floor WHERE id = {} AND expires_at > {}"
    touch_sql = "UPDATE floor SET expires_at = {} WHERE id = {} AND expires_at > {}"
    create_sql = "INSERT INTO floor (id, payload, expires_at) VALUES ({}, {}, {})"
    save_sql = "UPDATE floor SET payload = {}, expires_at = {} WHERE id = {}"
    move_sql = "UPDATE floor SET id = {}, payload = {}, expires_at = {} WHERE id = {}"
    delete_sql = "DELETE FROM floor WHERE id = {}"

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        for name in ("load", "touch", "create", "save", "move", "delete"):
            statement = getattr(self, f"{name}_sql").replace("{}", self.placeholder)
            setattr(self, f"{name}_sql", statement)
        id_type, payload_type = self.types
        self._run(
            f"CREATE TABLE IF NOT EXISTS floor (id {id_type} PRIMARY KEY,"
            f" payload {payload_type} NOT NULL, expires_at BIGINT NOT NULL)"
        )
        # A prune needs this index, and every write updates it.
        self._run("CREATE INDEX IF NOT EXISTS floor_expires_at ON floor (expires_at)")
        self._close()  # a forked worker opens its own connection

    def load(self, sid: str) -> bytes | None:
        return self._first(self._run(self.load_sql, sid, time.time()))

    def load_and_touch(self, sid: str) -> bytes | None:
        now = time.time()
        sql = f"{self.touch_sql} RETURNING payload"
        return self._first(self._run(sql, now + LIFETIME, sid, now))

    def create(self, sid: str, payload: bytes) -> None:
        self._run(self.create_sql, sid, payload, time.time() + LIFETIME)

    def save(self, sid: str, payload: bytes) -> None:
        self._run(self.save_sql, payload, time.time() + LIFETIME, sid)

    def move(self, old_sid: str, sid: str, payload: bytes) -> None:
        self._run(self.move_sql, sid, payload, time.time() + LIFETIME, old_sid)

    def delete(self, sid: str) -> None:
        self._run(self.delete_sql, sid)

    def _run(self, sql: str, *values: object) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        cursor = self._connection.cursor()
        cursor.execute(sql, values)
        return cursor

    def _close(self) -> None:
        self._connection.close()
        self._connection = None

    @staticmethod
    def _first(cursor: Any) -> bytes | None:
        row = cursor.fetchone()
        return row[0] if row else None

    def _connect(self) -> Any:
        raise NotImplementedError


class PostgreSQL(_Database):
    def _connect(self) -> psycopg.Connection[Any]:
        # By default a statement is prepared after five uses, which happens during the warm-up.
        return psycopg.connect(self._url.replace("+psycopg", ""), autocommit=True)


class SQLite(_Database):
    placeholder = "?"
    types = ("TEXT", "BLOB")

    def _connect(self) -> sqlite3.Connection:
        path = self._url.removeprefix("sqlite:///")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


class MariaDB(_Database):
    types = ("VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin", "LONGBLOB")

    def load_and_touch(self, sid: str) -> bytes | None:
        now = time.time()
        payload = self.load(sid)
        self._run(self.touch_sql, now + LIFETIME, sid, now)  # MariaDB has no UPDATE … RETURNING
        return payload

    def _connect(self) -> pymysql.Connection[Any]:
        parts = urlsplit(self._url)
        return pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=parts.username,
            password=parts.password or "",
            database=parts.path.strip("/"),
            autocommit=True,
        )
