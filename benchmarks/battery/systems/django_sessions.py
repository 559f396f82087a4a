"""Django's sessions, in its database or in its cache."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.http import HttpRequest
from django.http import JsonResponse
from django.urls import path

from .surface import act
from .surface import given
from .surface import serve
from .surface import wait_at_gate

SESSIONS = "django.contrib.sessions"


def answer(request: HttpRequest, action: str) -> JsonResponse:
    session = request.session
    session.get("user")
    wait_at_gate(request.GET)
    return JsonResponse(act(session, action, request.GET, session.flush))


def store_settings(url: str) -> dict[str, Any]:
    if url.startswith("sqlite:"):
        name = url.removeprefix("sqlite:///")
        return {
            "SESSION_ENGINE": f"{SESSIONS}.backends.db",
            "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}},
        }
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
    return {"SESSION_ENGINE": f"{SESSIONS}.backends.cache", "CACHES": {"default": cache}}


urlpatterns = [path("<action>", answer)]

if __name__ == "__main__":
    url, options = given()
    settings.configure(
        SECRET_KEY="the battery's secret key",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[SESSIONS],
        MIDDLEWARE=[f"{SESSIONS}.middleware.SessionMiddleware"],
        **store_settings(url),
        **options,
    )
    django.setup()
    if "DATABASES" in store_settings(url):
        call_command("migrate", verbosity=0)
    serve(WSGIHandler())
