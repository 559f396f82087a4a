"""One login, shared by an Express app and a Flask app that run side by side.

Both answer the same requests: a list of actions on the session in, what it held before
and after them out. ``express_app.js`` does so on express-session and a store of npm
(``stores.js``), :mod:`.flask_app` on this package. :mod:`.program` makes up random
requests, :mod:`.walk` sends each to one of the two, with one cookie jar, and compares.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.walk")
