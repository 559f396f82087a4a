"""An application with Flask-Migrate, as a process of its own: Alembic changes its logging.

``python migrating.py URL WAY`` migrates a database and prints what it found on the way.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_migrate import downgrade
from flask_migrate import init
from flask_migrate import Migrate
from flask_migrate import migrate
from flask_migrate import upgrade
from flask_sqlalchemy import SQLAlchemy

from flask_serversession import ServerSession
from flask_serversession import StoreError
from flask_serversession.stores.base import Record


def main(url: str, way: str, layout: str) -> None:
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db = SQLAlchemy(app)
    app.config["SESSION_STORE"] = db
    app.config["SESSION_STORE_OPTIONS"] = {"create": way == "excluded", "layout": layout}
    ServerSession(app)
    store: Any = app.extensions["serversession"].store
    if way == "excluded":
        Migrate(app, db, include_object=store.include_object)
    else:
        store.table.to_metadata(db.metadata)
        Migrate(app, db)
    with app.app_context():
        if way == "excluded":
            store.setup()
        print(json.dumps(walk(db, store)))
        store.close()
        db.engine.dispose()


def walk(db: SQLAlchemy, store: Any) -> dict[str, Any]:
    init()
    type(
        "Note",
        (db.Model,),
        {"__tablename__": "notes", "id": sa.Column(sa.Integer, primary_key=True)},
    )
    migrate()
    upgrade()
    record = Record(b'{"cookie":{}}', datetime.now(timezone.utc) + timedelta(hours=1))
    created = store.create("a" * 32, record)
    migrate()  # finds nothing to do
    upgrade()
    loaded = store.load("a" * 32) is not None
    downgrade(revision="base")
    try:
        after = store.load("a" * 32) is not None
    except StoreError as error:
        after = str(error)
    revisions = [path.read_text() for path in Path("migrations/versions").glob("*.py")]
    return {
        "created": created,
        "loaded": loaded,
        "after the downgrade": after,
        "revisions": len(revisions),
        "tables": sorted(sa.inspect(db.engine).get_table_names()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
