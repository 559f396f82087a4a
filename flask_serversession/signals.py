"""Signals, sent with the application as sender and the session as ``session``.

.. code-block:: python

    @session_destroyed.connect_via(app)
    def audit(sender, session, **extra): ...

No signal carries an id. A ``handle`` is a session's public name, which may be logged.
Receivers take ``**extra``: later versions may send more. A receiver that raises makes
the request fail.
"""

from __future__ import annotations

from blinker import NamedSignal
from blinker import Namespace

_signals = Namespace()

#: A session is in the store under a new id. Its cookie has not been sent yet. ``handle`` names
#: it; ``old_handle`` did so before it got its new id, and is None for a new session.
session_created: NamedSignal = _signals.signal("session-created")
#: The session was read from the store; the application has not seen its data yet.
session_loaded: NamedSignal = _signals.signal("session-loaded")
#: The browser sent several ids that we signed: a cookie of another path or domain is left over.
#: ``handles`` names their sessions. ``session`` is the first that the store has, or a new one.
#: ``rate`` is how often this process has seen that in the last 60 seconds, this time included.
session_ambiguous: NamedSignal = _signals.signal("session-ambiguous")
#: A session's data were replaced in the store.
session_saved: NamedSignal = _signals.signal("session-saved")
#: A session's expiry was moved in the store, its data untouched.
session_touched: NamedSignal = _signals.signal("session-touched")
#: The session has a new id, which is not stored yet. ``old_handle`` was its public name; None if
#: it was not stored.
session_regenerated: NamedSignal = _signals.signal("session-regenerated")
#: This application ended the record of the session that ``handle`` names. ``session`` is None if
#: that was done without loading it. ``by`` is the method that did: ``"destroy"``, ``"log_out"``,
#: ``"log_in"`` (of another user), ``"regenerate"``, ``"clear"`` (or the last key was removed),
#: ``"unset"`` or ``"manager"``; ``"others"`` if ``session_ended`` reports it too, ``"rotation"``
#: if the session goes on under a new id, and ``"return"`` if it goes on as one of another kind.
session_destroyed: NamedSignal = _signals.signal("session-destroyed")
#: Another request changed or ended the session first. ``outcome`` says what became of this
#: request's changes: ``"merged"``, ``"rejected"``, or dropped because it is ``"gone"``.
session_conflict: NamedSignal = _signals.signal("session-conflict")
#: A user logged in. All of these name the user as ``user_id``, and the session by its public
#: name as ``handle``, which is the one in the log.
session_logged_in: NamedSignal = _signals.signal("session-logged-in")
#: A user is about to be logged out by ``log_out()``.
session_logged_out: NamedSignal = _signals.signal("session-logged-out")
#: A session was ended by others: by the manager, by ``log_out(everywhere=True)`` elsewhere, or to
#: make room for another; ``reason`` says which. ``session`` is None. ``handle`` is None if all
#: sessions of the user ended in a store that does not list them.
session_ended: NamedSignal = _signals.signal("session-ended")
#: A login was refused, because the user has as many sessions as are allowed.
session_refused: NamedSignal = _signals.signal("session-refused")
#: A cookie of the session's name gave its browser no session. ``reason`` says why: ``"unsigned"``
#: (no secret of this application signed it), ``"unknown"`` (the store has no session with its
#: id), ``"expired"`` (what the store has is over) or ``"unreadable"`` (the record is damaged, or
#: not ours). ``handle`` is None for an unsigned one. ``rate`` is how many of this reason this
#: process has seen in the last 60 seconds, with this one: guessing shows in it.
session_rejected: NamedSignal = _signals.signal("session-rejected")
#: A session of a user was loaded by a browser with another address or User-Agent than at its
#: login; ``changed`` names which: ``("address",)``, ``("user_agent",)`` or both.
session_anomalous: NamedSignal = _signals.signal("session-anomalous")
#: The store failed; sent as ``error``. The error is raised afterwards. Also for each request that
#: does not call the store, because it failed several times in a row.
session_store_error: NamedSignal = _signals.signal("session-store-error")
