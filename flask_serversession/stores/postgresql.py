"""SQLAlchemyStore under the name it goes by on PostgreSQL; the two are one class."""

from __future__ import annotations

from .sqlalchemy import SQLAlchemyStore as PostgreSQLStore

__all__ = ["PostgreSQLStore"]
