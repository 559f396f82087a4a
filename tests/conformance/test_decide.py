"""``decide()`` decides as express-session does, for every combination of facts."""

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
def test_every_combination_of_facts_is_decided_as_by_express_session(
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


def test_every_row_of_decisions_is_recorded() -> None:
    # test_traces.py plays them on Flask. This makes sure that none is missing.
    assert len(read("decisions")) == 1472


def _facts() -> list[Facts]:
    """Return every combination of facts that can occur in express-session."""
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
    """Decide as shouldDestroy, shouldSave and shouldTouch of express-session 1.19 do."""
    if facts.unset:
        return StoreAction.DESTROY if policy.unset == "destroy" else StoreAction.NONE
    is_modified = facts.regenerated or facts.changed
    # savedHash is set by an explicit save, and by loading if resave is off.
    if facts.saved is not None:
        saved_hash, matches = True, facts.saved
    else:
        saved_hash = facts.loaded and not policy.resave
        matches = saved_hash and not facts.changed
    # Express saves a regenerated session twice (its issue 935); this package saves it once.
    is_saved = matches and (not facts.regenerated or facts.saved is True)
    if not policy.save_uninitialized and not saved_hash and not facts.sent:
        should_save = is_modified
    else:
        should_save = not is_saved
    if should_save:
        return StoreAction.WRITE
    return StoreAction.TOUCH if facts.sent else StoreAction.NONE


def _cookie_by_express(facts: Facts, policy: SavePolicy) -> CookieAction:
    """Decide as shouldSetCookie of express-session 1.19 does."""
    if facts.unset:
        return CookieAction.NONE
    is_modified = facts.regenerated or facts.changed
    if not facts.sent:
        should_set = policy.save_uninitialized or is_modified
    else:
        should_set = bool(policy.rolling) or (facts.expires and is_modified)
    return CookieAction.SET if should_set else CookieAction.NONE
