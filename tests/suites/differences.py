"""The tests that pass with Flask's own session only, each with the reason."""

from __future__ import annotations

from typing import Final

_SENT_WHEN_NEEDED = (
    "It expects the cookie of a permanent session with every response. Here a response has it"
    " if the session changed or its life was extended."
)

#: Suite -> test -> reason. A test that is listed here has to fail on one store at least.
DIFFERENCES: Final[dict[str, dict[str, str]]] = {
    "Flask": {
        "tests.test_basic::test_app_freed_on_zero_refcount": (
            "An application and its manager refer to each other, so they are freed by the"
            " garbage collector and not by their reference counts."
        ),
        "tests.test_basic::test_session_cookie_setting": _SENT_WHEN_NEEDED,
        "tests.test_basic::test_session_refresh_vary": _SENT_WHEN_NEEDED,
        "tests.test_basic::test_session_using_session_settings": (
            "It expects a Secure cookie over plain http, which express-session withholds."
        ),
        "tests.test_reqctx::test_session_dynamic_cookie_name": (
            "It tests an interface of its own, a subclass of the one of Flask's sessions."
        ),
    },
    "Flask-Dance": {
        "tests.consumer.test_oauth2::test_authorized_url_token_lifetime": (
            "freezegun changes the time in some modules and not in a server or a bound"
            " function, so a session stored in its past has expired."
        ),
    },
    "Flask-SocketIO": {
        "test_socketio.TestSocketIO::test_unmanaged_session": (
            "It expects that the changes of an event are lost, as they are in a cookie."
        ),
    },
}
