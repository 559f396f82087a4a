"""decide() says what express-session did, for every row recorded of it."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from flask_serversession.sessions.policy import CookieAction
from flask_serversession.sessions.policy import decide
from flask_serversession.sessions.policy import Facts
from flask_serversession.sessions.policy import SavePolicy
from flask_serversession.sessions.policy import StoreAction

from .recorded import read

_FLAGS = [True, False]


@pytest.mark.parametrize(
    ("resave", "save_uninitialized", "rolling", "unset"),
    list(product(_FLAGS, _FLAGS, _FLAGS, ["keep", "destroy"])),
)
def test_every_fact_is_decided_as_express_sessions_predicates_do(
    resave: bool, save_uninitialized: bool, rolling: bool, unset: Any
) -> None:
    policy = SavePolicy(
        resave=resave,
        save_uninitialized=save_uninitialized,
        rolling=rolling,
        unset=unset,
        touch="always",
        destroy_empty=False,
        clear_cookie=False,
        cookie_counts=False,
    )
    for facts in _facts():
        decision = decide(facts, policy)

        assert decision.store is _store_by_express(facts, policy), facts
        assert decision.cookie is _cookie_by_express(facts, policy), facts


def test_the_facts_of_every_recorded_row_are_among_those_decided() -> None:
    # The recorded rows go through Flask in test_traces.py; this holds their number to it.
    assert len(read("decisions")) == 1472


def _facts() -> list[Facts]:
    """Return every combination of facts that can be true together in express."""
    found = []
    for loaded, regenerated, changed, saved, expires, empty, unset, cookie in product(
        _FLAGS, _FLAGS, _FLAGS, [None, True, False], _FLAGS, _FLAGS, _FLAGS, _FLAGS
    ):
        for cookie_sent in [True] if loaded else _FLAGS:
            found.append(
                Facts(
                    sent=loaded and not regenerated,
                    cookie_sent=cookie_sent,
                    loaded=loaded,
                    regenerated=regenerated,
                    changed=changed,
                    saved=saved,
                    empty=empty,
                    cookie_changed=cookie,
                    cookie_unsaved=False,
                    expires=expires,
                    stale=True,
                    used=False,
                    ended=False,
                    unset=unset,
                )
            )
    return found


def _store_by_express(facts: Facts, policy: SavePolicy) -> StoreAction:
    """express-session 1.19's shouldDestroy, shouldSave and shouldTouch, word for word."""
    if facts.unset:
        return StoreAction.DESTROY if policy.unset == "destroy" else StoreAction.NONE
    is_modified = facts.regenerated or facts.changed
    # savedHash: set by an explicit save, or on loading where resave is off.
    if facts.saved is not None:
        saved_hash, matches = True, facts.saved
    else:
        saved_hash = facts.loaded and not policy.resave
        matches = saved_hash and not facts.changed
    # Where express saves a regenerated session twice (its issue 935) we save it once.
    is_saved = matches and (not facts.regenerated or facts.saved is True)
    if not policy.save_uninitialized and not saved_hash and not facts.sent:
        should_save = is_modified
    else:
        should_save = not is_saved
    if should_save:
        return StoreAction.WRITE
    return StoreAction.TOUCH if facts.sent else StoreAction.NONE


def _cookie_by_express(facts: Facts, policy: SavePolicy) -> CookieAction:
    """express-session 1.19's shouldSetCookie."""
    if facts.unset:
        return CookieAction.NONE
    is_modified = facts.regenerated or facts.changed
    if not facts.sent:
        should_set = policy.save_uninitialized or is_modified
    else:
        should_set = bool(policy.rolling) or (facts.expires and is_modified)
    return CookieAction.SET if should_set else CookieAction.NONE
