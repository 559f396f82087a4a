"""Signals, sent with the application as sender and the session as ``session``.

.. code-block:: python

    @session_destroyed.connect_via(app)
    def audit(sender, session, **extra): ...

Receivers take ``**extra``: later versions may send more. A receiver that raises makes
the request fail.
"""

from __future__ import annotations

from blinker import NamedSignal
from blinker import Namespace

_signals = Namespace()

#: A new session is in the store. Its cookie has not been sent yet.
session_created: NamedSignal = _signals.signal("session-created")
#: The session was read from the store; nothing of it has been handed out yet.
session_loaded: NamedSignal = _signals.signal("session-loaded")
#: A session's data were replaced in the store.
session_saved: NamedSignal = _signals.signal("session-saved")
#: A session's expiry was moved in the store, its data untouched.
session_touched: NamedSignal = _signals.signal("session-touched")
#: The session has a new id; sent as ``old_id`` too. The new record is not stored yet.
session_regenerated: NamedSignal = _signals.signal("session-regenerated")
#: The record of an id, sent as ``id``, is no longer in the store, by this application's
#: doing. ``session`` is None where it was ended by its id alone.
session_destroyed: NamedSignal = _signals.signal("session-destroyed")
#: Another request got there first. ``outcome`` is ``"merged"``, ``"rejected"`` or
#: ``"gone"``; this request's changes are kept, refused or dropped, in that order.
session_conflict: NamedSignal = _signals.signal("session-conflict")
#: The store failed; sent as ``error``. The error is raised afterwards.
session_store_error: NamedSignal = _signals.signal("session-store-error")
