"""The products and the cart."""

from __future__ import annotations

from functools import partial

from flask import abort
from flask import Blueprint
from flask import redirect
from flask import render_template
from flask import request
from flask import url_for
from werkzeug.wrappers import Response

from flask_serversession import session

from . import cart
from .catalogue import GLAZES
from .catalogue import PRODUCTS
from .panel import describe

blueprint = Blueprint("shop", __name__)


@blueprint.get("/")
def index() -> str:
    session["views"] = session.get("views", 0) + 1
    return render_template(
        "shop.html",
        products=PRODUCTS,
        glazes=GLAZES,
        lines=cart.lines(),
        describe=partial(describe, session),
    )


@blueprint.post("/cart/<slug>")
def add(slug: str) -> Response:
    glaze = request.form.get("glaze", "")
    _check(slug, glaze)
    cart.add(slug, glaze)
    return _back_to_cart()


@blueprint.post("/cart/<slug>/<glaze>")
def change(slug: str, glaze: str) -> Response:
    _check(slug, glaze)
    quantity = request.form.get("quantity", type=int)
    if quantity is None:
        abort(400, "The quantity must be a whole number.")
    cart.set_quantity(slug, glaze, quantity)
    return _back_to_cart()


def _check(slug: str, glaze: str) -> None:
    if slug not in PRODUCTS or glaze not in GLAZES:
        abort(404, "The shop has nothing like that.")


def _back_to_cart() -> Response:
    return redirect(url_for(".index", _anchor="cart"))
