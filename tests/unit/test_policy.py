"""The truth table: by example, against express-session's predicates, and by its invariants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from flask_serversession.config import SavePolicy
from flask_serversession.sessions.policy import CookieAction
from flask_serversession.sessions.policy import decide
from flask_serversession.sessions.policy import decide_after_a_failure
from flask_serversession.sessions.policy import Decision
from flask_serversession.sessions.policy import Facts
from flask_serversession.sessions.policy import NOTHING
from flask_serversession.sessions.policy import StoreAction

SET, CLEAR, NO_COOKIE = CookieAction.SET, CookieAction.CLEAR, CookieAction.NONE
WRITE, TOUCH, DESTROY = StoreAction.WRITE, StoreAction.TOUCH, StoreAction.DESTROY
DESTROY_UNLESS_CHANGED = StoreAction.DESTROY_UNLESS_CHANGED
DROP = StoreAction.DROP
NO_CALL = StoreAction.NONE

FLASK = SavePolicy()


def express(**options: Any) -> SavePolicy:
    """Return the express profile's policy, with express-session's own defaults."""
    defaults: dict[str, Any] = {
        "resave": True,
        "save_uninitialized": True,
        "rolling": False,
        "touch": "always",
        "destroy_empty": False,
        "clear_cookie": False,
        "cookie_counts": False,
    }
    return SavePolicy(**defaults | options)


#: A visitor without a cookie who did nothing; the express profile's sessions are always stale.
NEW = Facts(
    sent=False,
    cookie_sent=False,
    loaded=False,
    regenerated=False,
    changed=False,
    saved=None,
    empty=True,
    cookie_changed=False,
    cookie_unsaved=False,
    expires=False,
    stale=True,
    used=False,
    ended=False,
    unset=False,
    stored=False,
    cleared=False,
    superseded=False,
)
#: A cookie we signed, whose session the store does not have any more.
UNKNOWN = NEW._replace(cookie_sent=True)
#: A session that was in the store and has data.
FOUND = NEW._replace(sent=True, cookie_sent=True, loaded=True, empty=False, stored=True)
#: What regenerate() leaves of a session: a new one under the old cookie.
REGENERATED = UNKNOWN._replace(regenerated=True)

BOOLS = (False, True)


#: ``saved`` with what it may mean for ``cookie_changed`` and ``cookie_unsaved``: until an
#: explicit save they are the same.
SAVES = [(None, False, False), (None, True, True), *product(BOOLS, BOOLS, BOOLS)]


def every_fact() -> Iterator[Facts]:
    """Yield every combination that one request can bring about."""
    identities = [
        (NEW, BOOLS),
        (UNKNOWN, BOOLS),
        (FOUND, (False,)),
        (NEW._replace(regenerated=True), BOOLS),
        (REGENERATED, BOOLS),
        (REGENERATED._replace(loaded=True), (False,)),  # with its data kept
    ]
    for identity, ended in identities:
        for changed, (saved, cookie_changed, cookie_unsaved), empty, *others in product(
            BOOLS, SAVES, BOOLS, BOOLS, BOOLS, BOOLS, ended, BOOLS
        ):
            expires, stale, used, end, unset = others
            if end and not empty:
                continue  # it would be a session begun anew
            if not identity.loaded and not empty and not changed:
                continue  # it began empty
            yield identity._replace(
                stored=identity.stored or saved is not None,
                changed=changed,
                saved=saved,
                empty=empty,
                cookie_changed=cookie_changed,
                cookie_unsaved=cookie_unsaved,
                expires=expires,
                stale=stale,
                used=used,
                ended=end,
                unset=unset,
            )


#: What a request can do to a session that it may write.
FACTS = list(every_fact())
#: The same after ``clear()``.
CLEARED_FACTS = [facts._replace(cleared=True) for facts in FACTS if facts.changed]
#: What a request can do to a session that has another id by now. It was found or ended.
SUPERSEDED_FACTS = [
    facts._replace(superseded=True, cleared=cleared)
    for facts, cleared in product(FACTS, BOOLS)
    if facts.loaded and not facts.ended
]
#: In the flask profile even an explicit save makes no record of an empty session.
FLASK_FACTS = [facts for facts in FACTS if facts.sent or not (facts.empty and facts.saved)]


def every_policy(**fixed: Any) -> Iterator[SavePolicy]:
    options: dict[str, tuple[Any, ...]] = {
        "resave": BOOLS,
        "save_uninitialized": BOOLS,
        "rolling": (None, False, True),
        "unset": ("keep", "destroy"),
        "touch": ("accessed", "always"),
        "destroy_empty": BOOLS,
        "clear_cookie": BOOLS,
        "cookie_counts": BOOLS,
    }
    options |= {name: (value,) for name, value in fixed.items()}
    for values in product(*options.values()):
        yield SavePolicy(**dict(zip(options, values, strict=True)))


POLICIES = list(every_policy())
EXPRESS_POLICIES = [
    express(resave=resave, save_uninitialized=save_uninitialized, rolling=rolling, unset=unset)
    for resave, save_uninitialized, rolling in product(BOOLS, BOOLS, BOOLS)
    for unset in ("keep", "destroy")
]

#: Those that differ in what ends a session, and express's.
END_POLICIES = [
    *every_policy(resave=False, save_uninitialized=False, rolling=None, touch="accessed"),
    *EXPRESS_POLICIES,
]


Decided = dict[Decision, list[tuple[Facts, list[SavePolicy]]]]

#: Marks a test of so many decisions that measuring its coverage would take most of its time.
EXHAUSTIVE = pytest.mark.no_cover
#: ``decide`` without its cache, which has no room for all of them.
decide_anew = decide.__wrapped__


# Outcomes measured with express-session 1.19, as far as they are decided at the end of the
# request. What a verb does at once (get, destroy, set) is not part of them.


@pytest.mark.parametrize(
    ("facts", "options", "store", "cookie"),
    [
        pytest.param(NEW, {}, WRITE, SET, id="M1 new, untouched"),
        pytest.param(
            NEW,
            {"save_uninitialized": False},
            NO_CALL,
            NO_COOKIE,
            id="M2 new, untouched, not to be saved uninitialized",
        ),
        pytest.param(
            NEW,
            {"save_uninitialized": False, "rolling": True},
            NO_CALL,
            NO_COOKIE,
            id="M2 the same, rolling",
        ),
        pytest.param(NEW._replace(changed=True), {}, WRITE, SET, id="M3 new, modified"),
        pytest.param(
            NEW._replace(changed=True),
            {"resave": False, "save_uninitialized": False},
            WRITE,
            SET,
            id="M3 the same under other options",
        ),
        pytest.param(
            NEW._replace(changed=True, saved=True), {}, NO_CALL, SET, id="M4 new, modified, saved"
        ),
        pytest.param(NEW._replace(saved=True), {}, NO_CALL, SET, id="M5 new, saved unmodified"),
        pytest.param(
            NEW._replace(saved=True),
            {"save_uninitialized": False},
            NO_CALL,
            NO_COOKIE,
            id="M5 the same, not to be saved uninitialized",
        ),
        pytest.param(
            NEW._replace(changed=True, unset=True), {}, NO_CALL, NO_COOKIE, id="M6 new, unset"
        ),
        pytest.param(
            NEW._replace(changed=True, unset=True),
            {"unset": "destroy"},
            DESTROY,
            NO_COOKIE,
            id="M6 the same, unset destroys",
        ),
        pytest.param(NEW._replace(ended=True), {}, NO_CALL, NO_COOKIE, id="M7 new, destroyed"),
        pytest.param(
            NEW._replace(regenerated=True),
            {"save_uninitialized": False},
            WRITE,
            SET,
            id="M8 new, regenerated, empty",
        ),
        pytest.param(UNKNOWN, {}, WRITE, SET, id="M9 unknown id, untouched"),
        pytest.param(
            UNKNOWN,
            {"save_uninitialized": False},
            NO_CALL,
            NO_COOKIE,
            id="M9 the same, not to be saved uninitialized",
        ),
        pytest.param(
            UNKNOWN._replace(changed=True),
            {"save_uninitialized": False},
            WRITE,
            SET,
            id="M10 unknown id, modified",
        ),
        pytest.param(FOUND, {}, WRITE, NO_COOKIE, id="M11 found, untouched, resave"),
        pytest.param(FOUND, {"rolling": True}, WRITE, SET, id="M11 the same, rolling"),
        pytest.param(FOUND, {"resave": False}, TOUCH, NO_COOKIE, id="M12 found, untouched"),
        pytest.param(
            FOUND, {"resave": False, "rolling": True}, TOUCH, SET, id="M12 the same, rolling"
        ),
        pytest.param(FOUND._replace(changed=True), {}, WRITE, NO_COOKIE, id="M14 found, modified"),
        pytest.param(
            FOUND._replace(changed=True), {"rolling": True}, WRITE, SET, id="M14 rolling"
        ),
        pytest.param(
            FOUND._replace(changed=True, expires=True),
            {},
            WRITE,
            SET,
            id="M14 with an expiry",
        ),
        pytest.param(
            FOUND._replace(cookie_changed=True, cookie_unsaved=True, expires=True),
            {},
            WRITE,
            NO_COOKIE,
            id="M15 found, its cookie changed, resave",
        ),
        pytest.param(
            FOUND._replace(cookie_changed=True, cookie_unsaved=True, expires=True),
            {"resave": False},
            WRITE,
            NO_COOKIE,
            id="M15 the same; its touch carries the attributes, which takes a write",
        ),
        pytest.param(FOUND._replace(saved=True), {}, TOUCH, NO_COOKIE, id="M16 found, saved"),
        pytest.param(
            FOUND._replace(changed=True, saved=True),
            {},
            TOUCH,
            NO_COOKIE,
            id="M17 found, modified, saved",
        ),
        pytest.param(
            FOUND._replace(changed=True, saved=True, expires=True),
            {},
            TOUCH,
            SET,
            id="M17 with an expiry",
        ),
        pytest.param(
            FOUND._replace(changed=True, unset=True), {}, NO_CALL, NO_COOKIE, id="M18 found, unset"
        ),
        pytest.param(
            FOUND._replace(unset=True),
            {"unset": "destroy"},
            DESTROY,
            NO_COOKIE,
            id="M18 the same, unset destroys",
        ),
        pytest.param(
            UNKNOWN._replace(ended=True), {}, NO_CALL, NO_COOKIE, id="M19 found, destroyed"
        ),
        pytest.param(
            REGENERATED,
            {"resave": False, "save_uninitialized": False},
            WRITE,
            SET,
            id="M20 found, regenerated",
        ),
        pytest.param(
            REGENERATED._replace(changed=True, saved=True),
            {},
            NO_CALL,
            SET,
            id="M21 found, regenerated, saved: once, where express saves twice (its issue 935)",
        ),
        pytest.param(FOUND, {"resave": False}, TOUCH, NO_COOKIE, id="M22 found, reloaded"),
        pytest.param(FOUND._replace(saved=True), {}, TOUCH, NO_COOKIE, id="M23 reloaded, saved"),
        pytest.param(FOUND, {}, WRITE, NO_COOKIE, id="M24 found, touched, resave"),
    ],
)
def test_the_express_profile_decides_as_express_session_does(
    facts: Facts, options: dict[str, Any], store: StoreAction, cookie: CookieAction
) -> None:
    assert decide(facts, express(**options)) == Decision(store, cookie)


def predicates(facts: Facts, policy: SavePolicy) -> Decision:
    """Decide by express-session 1.19's predicates, named as its source names them.

    A hash is truthy once there is one; ``saved`` tells whether the saved one still fits.
    """
    is_modified = facts.regenerated or facts.changed
    saved_hash = facts.saved is not None or (facts.loaded and not policy.resave)
    is_saved = not is_modified if facts.saved is None else facts.saved
    is_saved = is_saved and saved_hash
    if facts.unset:
        return Decision(DESTROY if policy.unset == "destroy" else NO_CALL, NO_COOKIE)

    if not policy.save_uninitialized and not saved_hash and not facts.sent:
        should_save = is_modified
    else:
        should_save = not is_saved
    should_touch = facts.sent and not should_save
    if facts.sent:
        should_set_cookie = policy.rolling or (facts.expires and is_modified)
    else:
        should_set_cookie = policy.save_uninitialized or is_modified
    return Decision(
        WRITE if should_save else TOUCH if should_touch else NO_CALL,
        SET if should_set_cookie else NO_COOKIE,
    )


def test_every_decision_of_the_express_profile_is_express_sessions() -> None:
    """Except for a changed cookie, whose new attributes no touch of ours can carry."""
    compared = 0
    for facts in FACTS:
        if facts.ended or facts.cookie_unsaved or not facts.stale:
            continue
        for policy in EXPRESS_POLICIES:
            compared += 1
            assert decide(facts, policy) == predicates(facts, policy), (facts, policy)

    assert compared > 1000


def test_a_request_that_ignores_its_session_costs_nothing_in_the_flask_profile() -> None:
    for expires, stale, identity in product(BOOLS, BOOLS, (NEW, UNKNOWN, FOUND)):
        ignored = identity._replace(expires=expires, stale=stale, used=False)

        assert decide(ignored, FLASK) == NOTHING, ignored


@cache
def decided() -> Decided:
    """Return every decision, with the facts and policies that lead to it."""
    found: Decided = defaultdict(list)
    for facts in FACTS:
        policies = defaultdict(list)
        for policy in POLICIES:
            policies[decide_anew(facts, policy)].append(policy)
        for decision, those in policies.items():
            found[decision].append((facts, those))
    assert sum(len(those) for led in found.values() for _, those in led) > 1_000_000
    return found


@EXHAUSTIVE
def test_unsetting_with_keep_leaves_store_and_browser_alone_whatever_happened() -> None:
    for decision, led in decided().items():
        for facts, policies in led:
            if facts.unset and decision != NOTHING:
                assert not [p for p in policies if p.unset == "keep"], facts


@EXHAUSTIVE
def test_a_destroyed_session_is_never_written_again() -> None:
    for (store, _), led in decided().items():
        if store is not NO_CALL:
            assert not [facts for facts, _ in led if facts.ended and not facts.unset]


@EXHAUSTIVE
def test_a_session_is_destroyed_only_where_the_policy_says_so() -> None:
    for (store, cookie), led in decided().items():
        if store not in (DESTROY, DESTROY_UNLESS_CHANGED):
            continue
        assert cookie is not SET
        for facts, policies in led:
            for policy in policies:
                unset = facts.unset and policy.unset == "destroy"
                assert unset or (policy.destroy_empty and facts.empty), (facts, policy)


@EXHAUSTIVE
def test_only_a_stale_session_that_the_browser_has_is_touched() -> None:
    for (store, _), led in decided().items():
        for facts, _ in led:
            if store is TOUCH:
                assert facts.sent, facts
                assert facts.stale, facts
                assert not facts.cookie_unsaved, facts


@EXHAUSTIVE
def test_a_cookie_is_removed_only_with_its_session() -> None:
    for (store, cookie), led in decided().items():
        if cookie is not CLEAR:
            continue
        ends = store in (DESTROY, DESTROY_UNLESS_CHANGED)
        for facts, policies in led:
            assert all(policy.clear_cookie for policy in policies), facts
            assert facts.cookie_sent, facts
            assert ends or facts.ended, facts


@EXHAUSTIVE
def test_a_new_id_is_sent_only_if_its_session_is_stored() -> None:
    for (store, cookie), led in decided().items():
        for facts, _ in led:
            if cookie is SET and not facts.sent:
                assert store is WRITE or facts.saved, facts


@EXHAUSTIVE
def test_no_change_is_lost() -> None:
    for (store, _), led in decided().items():
        for facts, policies in led:
            if facts.unset or facts.ended or facts.saved or not facts.changed:
                continue
            if store is not WRITE:
                assert facts.empty, facts
                assert all(policy.destroy_empty for policy in policies), facts


def test_the_flask_profile_sends_the_cookie_of_every_new_session_it_stores() -> None:
    for facts in FLASK_FACTS:
        store, cookie = decide(facts, FLASK)
        if store is WRITE and not facts.sent:
            assert cookie is SET, facts


def test_the_flask_profile_never_stores_an_emptied_session() -> None:
    for facts in FLASK_FACTS:
        if facts.empty and (facts.changed or not facts.loaded):
            assert decide(facts, FLASK).store is not WRITE, facts


@pytest.mark.parametrize(
    ("facts", "options", "decision"),
    [
        pytest.param(
            FOUND._replace(changed=True, empty=True, cleared=True),
            {},
            Decision(DESTROY, CLEAR),
            id="a cleared session is destroyed and its cookie removed",
        ),
        pytest.param(
            FOUND._replace(changed=True, empty=True),
            {},
            Decision(DESTROY_UNLESS_CHANGED, CLEAR),
            id="a session emptied key by key is destroyed unless another request filled it",
        ),
        pytest.param(
            REGENERATED._replace(loaded=True, changed=True),
            {},
            Decision(DESTROY, CLEAR),
            id="a session emptied under a new id is not stored, so nothing can be in it",
        ),
        pytest.param(
            FOUND._replace(changed=True, empty=True, cleared=True),
            {"clear_cookie": False},
            Decision(DESTROY, NO_COOKIE),
            id="the browser's cookie may be left alone",
        ),
        pytest.param(
            REGENERATED._replace(loaded=True, changed=True, empty=False, cleared=True),
            {},
            Decision(WRITE, SET),
            id="a session that was written to after clear() is stored under its new id",
        ),
        pytest.param(
            FOUND._replace(changed=True, empty=True),
            {"destroy_empty": False},
            Decision(WRITE, NO_COOKIE),
            id="an emptied session may be kept",
        ),
        pytest.param(
            FOUND._replace(empty=True, used=True),
            {},
            Decision(TOUCH, NO_COOKIE),
            id="a session that was empty before is not emptied",
        ),
        pytest.param(
            NEW._replace(changed=True, empty=True),
            {},
            Decision(DESTROY, NO_COOKIE),
            id="there is no cookie to remove where none was sent",
        ),
        pytest.param(
            UNKNOWN._replace(ended=True),
            {},
            Decision(NO_CALL, CLEAR),
            id="a destroyed session's cookie is removed",
        ),
        pytest.param(
            FOUND._replace(used=True, stale=False),
            {},
            NOTHING,
            id="a fresh session is not touched",
        ),
        pytest.param(
            FOUND._replace(used=True, expires=True),
            {},
            Decision(TOUCH, SET),
            id="a cookie with an expiry is sent again whenever the record's expiry moves",
        ),
        pytest.param(
            FOUND._replace(used=True, stale=False, expires=True),
            {},
            NOTHING,
            id="and not otherwise",
        ),
        pytest.param(
            FOUND._replace(used=True, expires=True),
            {"rolling": False},
            Decision(TOUCH, NO_COOKIE),
            id="nor where it is not to be rolled",
        ),
        pytest.param(
            FOUND._replace(used=True, stale=False),
            {"rolling": True},
            Decision(NO_CALL, SET),
            id="rolling sends it each time",
        ),
        pytest.param(
            FOUND._replace(stale=True),
            {"touch": "always"},
            Decision(TOUCH, NO_COOKIE),
            id="even an ignored session may be touched",
        ),
        pytest.param(
            FOUND._replace(cookie_changed=True, cookie_unsaved=True, stale=False),
            {},
            Decision(WRITE, SET),
            id="a change of the cookie counts",
        ),
        pytest.param(
            FOUND._replace(saved=True, cookie_changed=True, cookie_unsaved=True, stale=False),
            {},
            Decision(WRITE, SET),
            id="even after an explicit save",
        ),
        pytest.param(
            FOUND._replace(saved=True, cookie_changed=True, stale=False),
            {},
            Decision(NO_CALL, SET),
            id="one that was saved explicitly is only sent",
        ),
        pytest.param(
            NEW._replace(cookie_changed=True, cookie_unsaved=True, used=True),
            {},
            NOTHING,
            id="but makes no session of a visitor without one",
        ),
        pytest.param(
            REGENERATED._replace(loaded=True, empty=False),
            {},
            Decision(WRITE, SET),
            id="a new id is stored and sent",
        ),
    ],
)
def test_the_flask_profile_decides_as_flask_would(
    facts: Facts, options: dict[str, Any], decision: Decision
) -> None:
    assert decide(facts, SavePolicy(**options)) == decision


@EXHAUSTIVE
def test_only_a_stored_session_emptied_without_clear_can_survive_by_anothers_write() -> None:
    for facts, policy in product([*FACTS, *CLEARED_FACTS], END_POLICIES):
        if decide_anew(facts, policy).store is DESTROY_UNLESS_CHANGED:
            assert facts.empty, (facts, policy)
            assert facts.stored, (facts, policy)
            assert not facts.cleared, (facts, policy)
            assert policy.destroy_empty, (facts, policy)


@EXHAUSTIVE
def test_clear_changes_only_whether_others_can_keep_an_emptied_session() -> None:
    for facts, policy in product(CLEARED_FACTS, END_POLICIES):
        without = decide_anew(facts._replace(cleared=False), policy)
        store = DESTROY if without.store is DESTROY_UNLESS_CHANGED else without.store

        assert decide_anew(facts, policy) == Decision(store, without.cookie), (facts, policy)


def ends(facts: Facts, policy: SavePolicy) -> bool:
    """Whether the application ended a session that has a new id."""
    if facts.unset:
        return policy.unset == "destroy"
    emptied = facts.empty and (facts.changed or facts.regenerated or facts.saved is False)
    return facts.cleared and emptied and policy.destroy_empty


def test_a_superseded_session_is_ended_or_left_alone_but_never_written() -> None:
    for facts, policy in product(SUPERSEDED_FACTS, END_POLICIES):
        allowed = (DESTROY,) if ends(facts, policy) else (NO_CALL, DROP)

        assert decide_anew(facts, policy).store in allowed, (facts, policy)


@EXHAUSTIVE
def test_the_cookie_of_a_superseded_session_is_left_alone_unless_it_ends() -> None:
    """The cookie may be that of the new id already."""
    for facts, policy in product(SUPERSEDED_FACTS, END_POLICIES):
        if not ends(facts, policy):
            assert decide_anew(facts, policy).cookie is NO_COOKIE, (facts, policy)


@EXHAUSTIVE
def test_changes_to_a_superseded_session_that_lives_on_are_dropped() -> None:
    for facts, policy in product(SUPERSEDED_FACTS, END_POLICIES):
        is_lost = (facts.changed or facts.regenerated) and not facts.unset
        is_dropped = decide_anew(facts, policy).store is DROP

        assert is_dropped is (is_lost and not ends(facts, policy)), (facts, policy)


@EXHAUSTIVE
def test_no_other_session_is_dropped() -> None:
    for facts, policy in product([*FACTS, *CLEARED_FACTS], END_POLICIES):
        assert decide_anew(facts, policy).store is not DROP, (facts, policy)


@pytest.mark.parametrize(
    ("regenerated", "stored", "cookie"),
    [
        pytest.param(False, False, NO_COOKIE, id="new"),
        pytest.param(False, True, NO_COOKIE, id="found"),
        pytest.param(True, False, NO_COOKIE, id="with a new id that is not stored"),
        pytest.param(True, True, SET, id="with a new id that is stored"),
    ],
)
def test_after_a_failure_the_browser_gets_only_a_new_id_that_is_stored(
    cookie: CookieAction, *, regenerated: bool, stored: bool
) -> None:
    assert decide_after_a_failure(regenerated=regenerated, stored=stored) is cookie


@pytest.mark.parametrize("used", BOOLS)
def test_an_outdated_cookie_is_sent_again_when_the_session_is_used(*, used: bool) -> None:
    facts = FOUND._replace(outdated=True, used=used, stale=False)

    assert decide(facts, FLASK).cookie is (SET if used else NO_COOKIE)
    assert decide(facts, express()).cookie is NO_COOKIE


@pytest.mark.parametrize(
    ("policy", "needs"),
    [
        (FLASK, False),
        (express(), True),
        (SavePolicy(resave=True), True),
        (SavePolicy(save_uninitialized=True), True),
        (SavePolicy(rolling=True), True),
        (SavePolicy(rolling=False), False),
        (SavePolicy(touch="always"), True),
    ],
)
def test_a_policy_needs_every_session_if_it_decides_about_unused_ones(
    policy: SavePolicy, needs: bool
) -> None:
    assert policy.needs_every_session is needs


def test_a_policy_that_does_not_need_every_session_leaves_unused_ones_alone() -> None:
    """This is why a session that nobody looked at can be skipped."""
    unseen = [NEW, UNKNOWN, *(FOUND._replace(stale=stale) for stale in BOOLS)]
    for policy in every_policy():
        if not policy.needs_every_session:
            assert all(decide(facts, policy) == NOTHING for facts in unseen), policy
