"""Logging in and out, with Flask-Login. The session follows its logins by itself."""

from __future__ import annotations

from flask import Blueprint
from flask import flash
from flask import Flask
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from flask_login import current_user
from flask_login import login_user
from flask_login import LoginManager
from flask_login import logout_user
from flask_login import UserMixin
from werkzeug.wrappers import Response

from flask_serversession import session

from . import csrf

blueprint = Blueprint("account", __name__)


class User(UserMixin):
    """A user, who is known by name only. A real shop would ask for a password."""

    def __init__(self, name: str) -> None:
        self.id = name


def register(app: Flask) -> None:
    # Flask-Login's context processor would look the user up for error pages, too.
    logins = LoginManager(app, add_context_processor=False)
    logins.user_loader(User)
    logins.login_view = "account.login_form"
    logins.login_message = "Please log in first."
    app.jinja_env.globals["current_user"] = current_user
    app.register_blueprint(blueprint)


@blueprint.get("/login")
def login_form() -> str:
    return render_template("login.html")


@blueprint.post("/login")
def login() -> Response:
    name = request.form.get("name", "").strip()[:40]
    if not name:
        flash("Please enter a name.")
        return redirect(url_for(".login_form"))
    # The session gets a new id, which prevents session fixation. The visitor's cart is kept,
    # another user's is not.
    login_user(User(name))
    csrf.renew()
    session["name"] = name  # for the twin in Express
    # login_user(remember=True) would set a cookie that logs in again a device that was ended.
    session.permanent = "remember" in request.form
    flash(f"Welcome, {name}.")
    return redirect(url_for("shop.index"))


@blueprint.post("/logout")
def logout() -> Response:
    logout_user()
    flash("Bye")
    return redirect(url_for("shop.index"))
