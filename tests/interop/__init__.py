"""One login, shared by an Express app and a Flask app that run side by side.

Both accept the same requests: a list of actions on the session. They answer with what the session
held before and after the actions. ``express_app.js`` uses express-session and a store from npm
(``stores.js``); :mod:`.flask_app` uses this package. :mod:`.program` generates random requests.
:mod:`.walk` sends each to one of the two apps, with one cookie jar, and compares what they say.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.walk")
