from __future__ import annotations

from typing import Any

import pytest

from flask_serversession.cookies.options import CookieOptions


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("session", {"samesite": "None"}, "SameSite=None needs SESSION_COOKIE_SECURE"),
        ("session", {"samesite": "auto"}, "SameSite=None needs SESSION_COOKIE_SECURE"),
        ("session", {"partitioned": True}, "Partitioned needs SESSION_COOKIE_SECURE"),
        ("__Host-shop", {}, "SESSION_COOKIE_NAME '__Host-shop' needs SESSION_COOKIE_SECURE"),
        ("__Secure-shop", {}, "SESSION_COOKIE_NAME '__Secure-shop' needs SESSION_COOKIE_SECURE"),
        ("__Host-shop", {"secure": True, "domain": "example.com"}, "no SESSION_COOKIE_DOMAIN"),
        ("__Host-shop", {"secure": True, "path": "/shop"}, "no SESSION_COOKIE_PATH but '/'"),
        ("__hOST-shop", {"secure": True, "domain": "example.com"}, "no SESSION_COOKIE_DOMAIN"),
        ("__secure-shop", {}, "SESSION_COOKIE_NAME '__secure-shop' needs SESSION_COOKIE_SECURE"),
        ("__Http-shop", {}, "SESSION_COOKIE_NAME '__Http-shop' needs SESSION_COOKIE_SECURE"),
        ("__Http-shop", {"secure": True, "httponly": False}, "HTTPONLY"),
        ("__Host-Http-shop", {"secure": True, "httponly": False}, "HTTPONLY"),
        ("__Host-Http-shop", {"secure": True, "domain": "example.com"}, "COOKIE_DOMAIN"),
        ("session", {"path": "shop"}, "'shop', does not begin with '/'"),
    ],
)
def test_a_cookie_that_browsers_reject_has_a_flaw(
    name: str, given: dict[str, Any], says: str
) -> None:
    flaw = CookieOptions(**given).flaw(name)

    assert flaw is not None
    assert says in flaw


@pytest.mark.parametrize("secure", [True, "auto"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("session", {"samesite": "None"}),
        ("session", {"samesite": "auto"}),
        ("session", {"partitioned": True}),
        ("__Host-shop", {}),
        ("__Secure-shop", {"domain": "example.com", "path": "/shop"}),
        ("__Http-shop", {"domain": "example.com", "path": "/shop"}),
        ("__Host-Http-shop", {}),
    ],
)
def test_a_secure_cookie_has_no_flaw(name: str, given: dict[str, Any], secure: Any) -> None:
    assert CookieOptions(secure=secure, **given).flaw(name) is None


@pytest.mark.parametrize("samesite", [None, False, True, "lax", "strict"])
def test_a_cookie_that_needs_no_https_has_no_flaw(samesite: Any) -> None:
    assert CookieOptions(samesite=samesite).flaw("session") is None
