"""Django's sessions, in its cache, its database or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.parse import urlsplit

import django
import pymysql
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.http import HttpRequest
from django.http import HttpResponse
from django.urls import path

from ..scenarios import LIFETIME
from ..scenarios import PAYLOADS
from ..scenarios import USER
from . import Peer

_SESSIONS = "django.contrib.sessions"
_DATABASES = {
    "postgresql+psycopg": "postgresql",
    "mysql+pymysql": "mysql",
    "sqlite": "sqlite3",
}
_CACHES = {"redis": "redis.RedisCache", "memcached": "memcached.PyMemcacheCache"}


class TouchingMiddleware(SessionMiddleware):
    """Works like SESSION_SAVE_EVERY_REQUEST, but for one application in the process."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        request.session.modified = True
        return super().process_response(request, response)


def make_app(url: str, touch: bool) -> WSGIHandler:
    if not settings.configured:
        _configure(url)
    own = TouchingMiddleware if touch else SessionMiddleware
    return _handler(f"{own.__module__}.{own.__qualname__}")


def make_bare(url: str, touch: bool) -> WSGIHandler:
    if not settings.configured:
        _configure(url)
    return _handler()


def _handler(*middleware: str) -> WSGIHandler:
    settings.MIDDLEWARE = list(middleware)
    return WSGIHandler()


def _configure(url: str) -> None:
    store = _store(url)
    settings.configure(
        SECRET_KEY="the benchmark's secret key",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[_SESSIONS],
        SESSION_COOKIE_AGE=LIFETIME,
        SESSION_EXPIRE_AT_BROWSER_CLOSE=True,
        LOGGING_CONFIG=None,
        **store,
    )
    if "DATABASES" in store:
        pymysql.install_as_MySQLdb()
    django.setup()
    if "DATABASES" in store:
        call_command("migrate", verbosity=0)


def _store(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme == "file":
        Path(parts.path).mkdir()
        return {"SESSION_ENGINE": f"{_SESSIONS}.backends.file", "SESSION_FILE_PATH": parts.path}
    if parts.scheme in _CACHES:
        location = url if parts.scheme == "redis" else parts.netloc
        backend = f"django.core.cache.backends.{_CACHES[parts.scheme]}"
        return {
            "SESSION_ENGINE": f"{_SESSIONS}.backends.cache",
            "CACHES": {"default": {"BACKEND": backend, "LOCATION": location}},
        }
    database: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{_DATABASES[parts.scheme]}",
        "NAME": unquote(parts.path[1:]),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "USER": parts.username or "",
        "PASSWORD": parts.password or "",
        "CONN_MAX_AGE": None,  # the default connects again for each request
    }
    return {"SESSION_ENGINE": f"{_SESSIONS}.backends.db", "DATABASES": {"default": database}}


def _ok(request: HttpRequest, **ignored: object) -> HttpResponse:
    return HttpResponse("ok")


def _new(request: HttpRequest, payload: dict[str, Any]) -> HttpResponse:
    if hasattr(request, "session"):
        request.session.update(payload)
    return HttpResponse("ok")


def _read(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.session["_user_id"] if hasattr(request, "session") else "ok")


def _write(request: HttpRequest) -> HttpResponse:
    if hasattr(request, "session"):
        request.session["visits"] += 1
    return HttpResponse("ok")


def _login(request: HttpRequest) -> HttpResponse:
    if hasattr(request, "session"):
        request.session.cycle_key()
        request.session["_user_id"] = USER
    return HttpResponse("ok")


def _logout(request: HttpRequest) -> HttpResponse:
    if hasattr(request, "session"):
        request.session.flush()
    return HttpResponse("ok")


urlpatterns = [
    path("ignore", _ok),
    *(path(f"new/{name}", _new, {"payload": payload}) for name, payload in PAYLOADS.items()),
    path("read", _read),
    path("write", _write),
    path("login", _login),
    path("logout", _logout),
]

PEERS = [
    Peer("bare Django", make_bare, baseline=None),
    Peer("Django", make_app, baseline="bare Django"),
]
