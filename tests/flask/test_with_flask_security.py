"""Flask-Security's pages: what they do to the session."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask import has_request_context

from flask_serversession import fresh_login_required
from flask_serversession import manager_of
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import session
from .conftest import MakeApp

flask_security = pytest.importorskip("flask_security")
models = pytest.importorskip("flask_security.models.fsqla_v3")
flask_sqlalchemy = pytest.importorskip("flask_sqlalchemy")
flask_wtf = pytest.importorskip("flask_wtf")

ADA = {"email": "ada@example.org", "password": "analytical"}


@pytest.fixture
def make_member_app(make_app: MakeApp, memory: MemoryStore) -> MakeApp:
    """Make an application with Flask-Security, and with a user in a new database.

    If the database is given, the sessions are in it too.
    """

    def make_member_app(**config: Any) -> Flask:
        db = flask_sqlalchemy.SQLAlchemy()

        def key_of(user: Any) -> Any:
            db.session.commit()  # one who has just registered has no key before
            return user.id

        app = make_app(
            **{
                "SECURITY_PASSWORD_HASH": "plaintext",
                "SECURITY_PASSWORD_SCHEMES": ["plaintext"],
                "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
                "SECURITY_CHANGEABLE": True,
                "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
                "SECURITY_REGISTERABLE": True,
                "SECURITY_SEND_REGISTER_EMAIL": False,
                "SECURITY_USE_REGISTER_V2": True,
                "SQLALCHEMY_DATABASE_URI": "sqlite://",
                "SESSION_FLASK_LOGIN": key_of,
                "SESSION_STORE": memory,
                "WTF_CSRF_ENABLED": False,
            }
            | config
            | ({"SESSION_STORE": db} if config.get("SQLALCHEMY_DATABASE_URI") else {})
        )
        set_up(app, db)
        return app

    return make_member_app


def set_up(app: Flask, db: Any) -> None:
    db.init_app(app)
    models.FsModels.set_db_info(db)
    role = type("Role", (db.Model, models.FsRoleMixin), {})
    user = type("User", (db.Model, models.FsUserMixin), {})
    users = flask_security.SQLAlchemyUserDatastore(db, user, role)
    flask_wtf.CSRFProtect(app)
    flask_security.Security(app, users)
    with app.app_context():
        db.create_all()
        manager_of(app).setup()
        users.create_user(**ADA)
        users.commit()


@pytest.fixture
def browser(make_member_app: MakeApp) -> Browser:
    return browser_of(make_member_app(SESSION_REGENERATE_GRACE=0))


def log_in(browser: Browser, **more: Any) -> None:
    assert browser.post("/login", json=ADA | more).status_code == 200


def log_out(browser: Browser) -> None:
    assert browser.post("/logout", json={}).status_code == 200


def change_password(browser: Browser) -> None:
    new = {"new_password": "difference", "new_password_confirm": "difference"}
    assert browser.post("/change", json={"password": "analytical"} | new).status_code == 200


def who() -> str:
    return f"{getattr(flask_security.current_user, 'email', None)} {session.user_id}"


def test_a_login_takes_a_new_id_keeps_the_cart_and_names_the_user(browser: Browser) -> None:
    browser.run(lambda: session.update(cart="apple"))
    before = browser.sid

    log_in(browser)

    assert browser.sid != before
    assert browser.run(who).text == "ada@example.org 1"
    assert browser.see(lambda: session["cart"]) == "apple"


def test_a_logout_ends_the_session(browser: Browser, memory: MemoryStore) -> None:
    log_in(browser)

    log_out(browser)

    assert memory.count() == 0
    assert browser.run(who).text == "None None"


def test_a_logout_removes_the_csrf_cookie_and_keeps_nothing_else(
    make_member_app: MakeApp, memory: MemoryStore
) -> None:
    cookie = {"SECURITY_CSRF_COOKIE_NAME": "XSRF-TOKEN", "SESSION_REGENERATE_GRACE": 0}
    browser = browser_of(make_member_app(WTF_CSRF_ENABLED=True, **cookie))

    def post(path: str, **data: str) -> int:
        token = browser.get_cookie("XSRF-TOKEN")
        assert token is not None
        return browser.post(path, json=data, headers={"X-XSRF-Token": token.value}).status_code

    browser.get("/login")
    assert post("/login", **ADA) == 200
    assert post("/logout") == 200

    assert browser.get_cookie("XSRF-TOKEN") is None
    assert memory.count() == 0


def test_a_new_password_keeps_the_session_and_its_data(browser: Browser) -> None:
    log_in(browser)
    browser.run(lambda: session.update(cart="apple"))
    before = browser.sid

    change_password(browser)

    assert browser.sid != before
    assert browser.run(who).text == "ada@example.org 1"
    assert browser.see(lambda: session["cart"]) == "apple"


def register_bob(browser: Browser) -> None:
    bob = {"email": "bob@example.org", "password": "analytical"}
    answer = browser.post("/register", json=bob | {"password_confirm": "analytical"})
    assert answer.status_code == 200


def test_who_registers_is_logged_in_by_their_key(browser: Browser) -> None:
    register_bob(browser)

    assert browser.run(who).text == "bob@example.org 2"


def test_sessions_in_the_same_sqlite_file_can_end_with_the_old_password(
    make_member_app: MakeApp, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/app.db"
    app = make_member_app(SQLALCHEMY_DATABASE_URI=database, SESSION_LIMIT_PER_USER=2)
    laptop, phone = browser_of(app), browser_of(app)
    log_in(laptop)
    log_in(phone)

    @flask_security.password_changed.connect_via(app)
    def end_sessions(sender: Flask, user: Any, **extra: Any) -> None:
        manager_of(app).end_others(str(user.id), reason="password changed")

    change_password(laptop)

    assert laptop.run(who).text == "ada@example.org 1"
    assert phone.see(lambda: session.ended_reason) == "password changed"
    register_bob(phone)


def test_a_remembered_user_is_fresh_for_neither(browser: Browser) -> None:
    log_in(browser, remember=True)
    browser.delete_cookie(browser.cookie_name)

    assert browser.run(who).text == "ada@example.org 1"
    assert browser.run(fresh_login_required(lambda: "paid")).status_code == 401
    assert browser.run(flask_security.auth_required(within=5)(lambda: "paid")).text != "paid"


def test_only_flask_security_knows_of_its_page_that_verifies_a_password(
    browser: Browser,
) -> None:
    start = datetime.now(timezone.utc)
    with time_machine.travel(start, tick=False) as clock:
        log_in(browser)
        clock.move_to(start + timedelta(minutes=10))
        assert browser.post("/verify", json=ADA).status_code == 200

        seen = browser.see(lambda: session.authenticated_at)
        assert seen == start.replace(microsecond=start.microsecond // 1000 * 1000)
        assert browser.run(flask_security.auth_required(within=5)(lambda: "paid")).text == "paid"


def test_a_token_begins_no_session(browser: Browser, memory: MemoryStore) -> None:
    answer = browser.post("/login?include_auth_token", json=ADA)
    token = answer.get_json()["response"]["user"]["authentication_token"]
    other = browser_of(browser.application)
    before = memory.count()

    seen = other.run(who, headers={"Authentication-Token": token})

    assert seen.text == "ada@example.org None"
    assert memory.count() == before


def end_others(browser: Browser) -> None:
    browser.run(lambda: str(manager_of(browser.application).end_others("1")))


def test_a_remembered_device_comes_back_after_its_session_was_ended(browser: Browser) -> None:
    phone = browser_of(browser.application)
    log_in(browser)
    log_in(phone, remember=True)

    end_others(browser)

    assert phone.run(who).text == "ada@example.org 1"
    assert phone.see(lambda: session.authenticated_at) is None


def test_a_new_uniquifier_ends_the_login_and_leaves_the_session(browser: Browser) -> None:
    phone = browser_of(browser.application)
    log_in(browser)
    log_in(phone, remember=True)

    def replace_it() -> None:
        users = browser.application.extensions["security"].datastore
        users.set_uniquifier(users.find_user(email=ADA["email"]))
        users.commit()

    browser.run(replace_it)

    assert phone.run(who).text == "None 1"
    end_all = manager_of(browser.application).end_all
    assert end_all("1") == 2
    assert phone.run(who).text == "None None"


def test_a_command_that_changes_the_password_sends_the_signal_without_a_request(
    browser: Browser,
) -> None:
    log_in(browser)
    app = browser.application

    @flask_security.password_changed.connect_via(app)
    def end_sessions(sender: Flask, user: Any, **extra: Any) -> None:
        assert not has_request_context()
        manager_of(app).end_all(str(user.id), reason="password changed")

    command = ["users", "change_password", ADA["email"], "--password", "difference"]
    assert app.test_cli_runner().invoke(args=command).exit_code == 0

    assert browser.run(who).text == "None None"
    assert browser.see(lambda: session.ended_reason) == "password changed"
