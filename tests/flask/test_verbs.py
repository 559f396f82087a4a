"""The methods and attributes of ``flask.session``."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from flask import flash
from flask import Flask
from flask import get_flashed_messages
from flask import request
from flask import stream_with_context
from markupsafe import Markup

from flask_serversession import Record
from flask_serversession import SessionError
from flask_serversession import SessionGone
from flask_serversession import SessionSerializationError
from flask_serversession.stores.base import utc_now
from flask_serversession.stores.memory import MemoryStore

from .browser import Browser
from .browser import browser_of
from .browser import cookie_lines
from .browser import session
from .conftest import MakeBrowser
from .counting import CountingStore


@pytest.fixture
def browser(app: Flask) -> Browser:
    """A browser with a session."""
    browser = browser_of(app)
    browser.run(lambda: session.update(user="ada", cart=["tea"]))
    return browser


class TestMapping:
    def test_a_request_reads_what_an_earlier_one_wrote(self, browser: Browser) -> None:
        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_it_reads_like_a_dict(self, browser: Browser) -> None:
        look = browser.see(
            lambda: (
                session["user"],
                session.get("nothing", "default"),
                "cart" in session,
                len(session),
                list(session),
            )
        )

        assert look == ("ada", "default", True, 2, ["user", "cart"])

    def test_reading_a_missing_key_raises_key_error(self, browser: Browser) -> None:
        def look() -> None:
            with pytest.raises(KeyError):
                session["nothing"]

        browser.run(look)

    def test_a_nested_change_is_stored(self, browser: Browser) -> None:
        browser.run(lambda: session["cart"].append("milk"))

        assert browser.data()["cart"] == ["tea", "milk"]

    def test_a_deleted_key_is_removed_from_the_store(self, browser: Browser) -> None:
        browser.run(lambda: session.pop("cart"))

        assert browser.data() == {"user": "ada"}

    def test_changing_a_copy_changes_no_session(self, browser: Browser) -> None:
        browser.run(lambda: session.copy().update(user="bob"))

        assert browser.data()["user"] == "ada"

    def test_the_key_cookie_is_reserved(self, browser: Browser) -> None:
        def assign() -> None:
            with pytest.raises(SessionError, match=r"reserved.*session\.cookie"):
                session["cookie"] = "oatmeal"

        browser.run(assign)

    @pytest.mark.parametrize("key", [1, None, ("a", "b"), b"bytes"])
    def test_a_key_that_is_not_a_string_is_refused(self, browser: Browser, key: Any) -> None:
        def assign() -> None:
            with pytest.raises(SessionError, match=f"strings.*{type(key).__name__}"):
                session[key] = "value"

        browser.run(assign)

    def test_its_repr_shows_neither_data_nor_id(self, browser: Browser) -> None:
        text = browser.see(lambda: repr(session._get_current_object()))  # type: ignore[attr-defined]

        assert "ada" not in text
        assert str(browser.sid) not in text

    def test_the_repr_of_its_record_shows_no_data(self) -> None:
        assert "secret" not in repr(Record(b'{"password":"secret"}', utc_now()))

    def test_python_types_survive_a_round_trip(self, browser: Browser) -> None:
        values: dict[str, Any] = {
            "tuple": (1, ("two",)),
            "bytes": b"\0\xff",
            "markup": Markup("<b>bold</b>"),
            "uuid": uuid.UUID(int=7),
            "moment": datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc),
            "naive": datetime(2026, 1, 2),
            "date": date(2026, 1, 2),
            "timedelta": timedelta(days=-1, microseconds=1),
            "decimal": Decimal("1.10"),
            "set": {1, 2},
            "frozenset": frozenset({"a"}),
            "odd keys": {1: "one", (2, 3): "two"},
            "large": 2**80,
        }
        browser.run(lambda: session.update(values))

        found = browser.data()

        assert {key: found[key] for key in values} == values
        assert {key: type(found[key]) for key in values} == {
            key: type(value) for key, value in values.items()
        }

    def test_plain_data_are_stored_as_the_same_json_that_express_writes(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        record = memory.load(browser.sid or "")

        assert record is not None
        assert record.payload == (
            b'{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},'
            b'"user":"ada","cart":["tea"]}'
        )

    def test_the_error_about_an_unstorable_value_names_its_place(
        self, browser: Browser, store: CountingStore
    ) -> None:
        store.calls.clear()
        with pytest.raises(SessionSerializationError, match=r"session\['cart'\]\[1\].*object"):
            browser.run(lambda: session["cart"].append(object()))

        assert store.calls == ["load"]


class TestIdentity:
    def test_the_id_is_the_one_in_the_cookie(self, browser: Browser) -> None:
        assert browser.see(lambda: (session.id, session.sid)) == (browser.sid, browser.sid)

    def test_the_id_is_32_url_safe_characters(self, browser: Browser) -> None:
        assert browser.sid is not None
        assert len(browser.sid) == 32
        assert browser.sid.replace("-", "").replace("_", "").isalnum()

    def test_an_id_that_the_store_does_not_know_is_not_adopted(self, app: Flask) -> None:
        stranger = browser_of(app)
        stranger.hold("planted-by-an-attacker")

        response = stranger.run(lambda: session.update(user="victim"))

        assert "planted" not in cookie_lines(response)[0]

    def test_it_is_new_until_it_is_stored(self, app: Flask) -> None:
        browser = browser_of(app)

        assert browser.see(lambda: (session.new, session.update(a=1))) == (True, None)
        assert browser.see(lambda: session.new) is False

    def test_modified_means_a_difference_from_the_stored_data(self, browser: Browser) -> None:
        def look() -> tuple[bool, ...]:
            untouched = session.modified
            session["user"] = "ada"
            rewritten = session.modified
            session["cart"].append("milk")
            return untouched, rewritten, session.modified

        assert browser.see(look) == (False, False, True)

    def test_setting_modified_saves_the_session(
        self, browser: Browser, store: CountingStore
    ) -> None:
        store.calls.clear()

        browser.run(lambda: setattr(session, "modified", True))

        assert store.calls == ["load", "save"]

    def test_it_is_accessed_once_it_is_read(self, app: Flask) -> None:
        with app.test_request_context():
            opened = app.session_interface.open_session(app, request)
            assert opened is not None
            before = opened.accessed
            opened.get("user")

        assert (before, opened.accessed) == (False, True)


class TestRegenerate:
    def test_it_gives_a_new_id_and_no_data(self, browser: Browser) -> None:
        before = browser.sid

        browser.run(lambda: session.regenerate())

        assert browser.sid != before
        assert browser.data() == {}

    def test_the_old_record_is_deleted_at_once(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        before = browser.sid or ""

        assert browser.see(lambda: (session.regenerate(), memory.load(before))) == (None, None)

    def test_with_keep_data_the_data_move_to_the_new_id(self, browser: Browser) -> None:
        before = browser.sid

        browser.run(lambda: session.regenerate(keep_data=True))

        assert browser.sid != before
        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_with_keep_data_the_old_id_finds_nothing_without_a_grace(
        self, make_member: MakeBrowser
    ) -> None:
        browser = make_member(SESSION_REGENERATE_GRACE=0)
        thief = browser.twin()

        browser.run(lambda: session.regenerate(keep_data=True))

        assert thief.data() == {}

    def test_with_keep_data_the_old_record_is_kept_if_the_request_fails(
        self, browser: Browser
    ) -> None:
        def log_in_badly() -> None:
            session.regenerate(keep_data=True)
            session["user"] = object()

        with pytest.raises(SessionSerializationError):
            browser.run(log_in_badly)

        assert browser.data()["user"] == "ada"

    def test_regenerating_twice_leaves_one_session(
        self, make_member: MakeBrowser, memory: MemoryStore
    ) -> None:
        def regenerate_twice() -> None:
            session.regenerate(keep_data=True)
            session.regenerate(keep_data=True)

        browser = make_member(SESSION_REGENERATE_GRACE=0)
        browser.run(regenerate_twice)

        assert list(memory.keys()) == [browser.sid]

    def test_destroy_after_keep_data_ends_the_old_record_too(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def change_ones_mind() -> None:
            session.regenerate(keep_data=True)
            session.destroy()

        browser.run(change_ones_mind)

        assert memory.count() == 0

    def test_data_written_afterwards_are_stored_in_the_new_session(self, browser: Browser) -> None:
        def regenerate_and_write() -> None:
            session.regenerate()
            session["user"] = "bob"

        browser.run(regenerate_and_write)

        assert browser.data() == {"user": "bob"}

    def test_a_visitor_without_a_session_can_regenerate(self, app: Flask) -> None:
        visitor = browser_of(app)

        def log_in() -> None:
            session.regenerate(keep_data=True)
            session["user"] = "ada"

        visitor.run(log_in)

        assert visitor.data() == {"user": "ada"}


class TestDestroy:
    def test_the_record_is_deleted_at_once(self, browser: Browser, memory: MemoryStore) -> None:
        assert browser.see(lambda: (session.destroy(), memory.count())) == (None, 0)

    def test_the_response_removes_the_cookie(self, browser: Browser) -> None:
        response = browser.run(lambda: session.destroy())

        assert cookie_lines(response) == [
            "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly"
        ]
        assert browser.sid is None

    def test_the_session_is_empty_afterwards(self, browser: Browser) -> None:
        assert browser.see(lambda: (session.destroy(), session.copy())) == (None, {})

    def test_flashing_a_message_afterwards_starts_a_new_session(self, browser: Browser) -> None:
        before = browser.sid

        def log_out() -> None:
            session.destroy()
            flash("Bye")

        browser.run(log_out)

        assert browser.sid not in (before, None)
        assert browser.see(get_flashed_messages) == ["Bye"]

    def test_destroying_twice_has_the_effect_of_once(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def destroy_twice() -> None:
            session.destroy()
            session.destroy()

        browser.run(destroy_twice)

        assert (memory.count(), browser.sid) == (0, None)

    def test_destroying_a_new_session_does_nothing(self, app: Flask, store: CountingStore) -> None:
        response = browser_of(app).run(lambda: session.destroy())

        assert (cookie_lines(response), store.calls) == ([], [])

    def test_in_the_express_profile_the_browser_keeps_its_cookie(
        self, make_browser: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express")
        browser.run(lambda: session.update(user="ada"))

        response = browser.run(lambda: session.destroy())

        assert (cookie_lines(response), memory.count()) == ([], 0)


class TestReload:
    def test_it_drops_the_changes_of_this_request(self, browser: Browser) -> None:
        def change_and_reload() -> dict[str, Any]:
            session["user"] = "bob"
            session.reload()
            return session.copy()

        assert browser.see(change_and_reload)["user"] == "ada"
        assert browser.data()["user"] == "ada"

    def test_it_reads_what_another_request_wrote(self, browser: Browser) -> None:
        def reload_after_another() -> object:
            assert session["user"] == "ada"
            browser.twin().run(lambda: session.update(user="bob"))
            session.reload()
            return session["user"]

        assert browser.see(reload_after_another) == "bob"

    def test_changes_saved_before_it_stay_saved(self, browser: Browser) -> None:
        def save_change_and_reload() -> object:
            session["user"] = "bob"
            session.save()
            session["user"] = "eve"
            session.reload()
            return session["user"]

        assert browser.see(save_change_and_reload) == "bob"
        assert browser.data()["user"] == "bob"

    def test_two_reloads_after_a_save_do_not_stop_the_cookie_from_being_sent(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_COOKIE_MAX_AGE=60)
        browser.run(lambda: session.update(user="ada"))

        def save_and_reload_twice() -> None:
            session["user"] = "bob"
            session.save()
            session.reload()
            session.reload()

        assert cookie_lines(browser.run(save_and_reload_twice)) != []

    def test_a_clear_before_it_is_forgotten(self, browser: Browser) -> None:
        def empty_twice() -> None:
            session.clear()
            session.reload()
            browser.twin().run(lambda: session.update(theme="dark"))
            for key in [*session]:
                session.pop(key)

        browser.run(empty_twice)

        assert browser.data() == {"theme": "dark"}

    def test_reloading_a_session_that_ended_raises_and_keeps_the_data(
        self, browser: Browser
    ) -> None:
        def reload_after_a_logout() -> object:
            assert session["user"] == "ada"
            browser.twin().run(lambda: session.destroy())
            with pytest.raises(SessionGone):
                session.reload()
            return session["user"]

        assert browser.see(reload_after_a_logout) == "ada"

    def test_a_write_after_a_failed_reload_does_not_undo_the_logout(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def write_after_a_logout() -> None:
            assert session["user"] == "ada"
            browser.twin().run(lambda: session.destroy())
            with pytest.raises(SessionGone):
                session.reload()
            session["user"] = "bob"

        browser.run(write_after_a_logout)

        assert memory.count() == 0

    def test_a_new_session_cannot_be_reloaded(self, app: Flask, store: CountingStore) -> None:
        def reload() -> None:
            with pytest.raises(SessionGone):
                session.reload()

        browser_of(app).run(reload)

        assert store.calls == []


class TestSave:
    def test_other_requests_see_the_change_before_this_one_ends(self, browser: Browser) -> None:
        def save_and_ask_another() -> object:
            session["user"] = "bob"
            session.save()
            return browser.twin().see(lambda: session["user"])

        assert browser.see(save_and_ask_another) == "bob"

    def test_later_changes_are_saved_too(self, browser: Browser) -> None:
        def save_and_go_on() -> None:
            session["user"] = "bob"
            session.save()
            session["user"] = "eve"

        browser.run(save_and_go_on)

        assert browser.data()["user"] == "eve"

    def test_a_new_session_is_created_and_its_cookie_sent(
        self, app: Flask, store: CountingStore
    ) -> None:
        browser = browser_of(app)

        def write_and_save() -> None:
            session["user"] = "ada"
            session.save()

        browser.run(write_and_save)

        assert store.calls == ["create"]
        assert browser.data() == {"user": "ada"}

    def test_an_empty_new_session_is_stored_and_its_cookie_sent(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        sids = []

        def save_and_note_the_id() -> None:
            session.save()
            sids.append(session.id)

        browser.run(save_and_note_the_id)

        assert [browser.sid] == sids == [*memory.keys()]

    def test_express_sends_no_cookie_for_an_empty_new_session(
        self, make_browser: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_SAVE_UNINITIALIZED=False)
        browser.run(lambda: session.save())

        assert memory.count() == 1
        assert browser.sid is None

    def test_nothing_is_stored_after_a_destroy_unless_there_are_new_data(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def destroy_and_save() -> None:
            session.destroy()
            session.save()

        browser.run(lambda: session.update(user="ada"))
        browser.run(destroy_and_save)

        assert memory.count() == 0

    def test_saving_after_a_logout_elsewhere_raises(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        def save_after_a_logout() -> None:
            session["user"] = "bob"
            browser.twin().run(lambda: session.destroy())
            with pytest.raises(SessionGone):
                session.save()

        browser.run(save_after_a_logout)

        assert memory.count() == 0

    def test_a_stream_can_save_a_stored_session(self, browser: Browser) -> None:
        def pages() -> Iterator[str]:
            yield "one"
            session["page"] = 1
            session.save()

        browser.run(lambda: stream_with_context(pages()))

        assert browser.data()["page"] == 1

    def test_a_stream_cannot_save_a_new_session(self, app: Flask, memory: MemoryStore) -> None:
        def pages() -> Iterator[str]:
            session["page"] = 1
            with pytest.raises(SessionError, match="once its response has been made"):
                session.save()
            yield "one"

        browser_of(app).run(lambda: stream_with_context(pages()))

        assert memory.count() == 0

    def test_a_stream_cannot_save_a_new_session_that_the_view_read(
        self, app: Flask, memory: MemoryStore
    ) -> None:
        def pages() -> Iterator[str]:
            session["page"] = 1
            with pytest.raises(SessionError, match="once its response has been made"):
                session.save()
            yield "one"

        def read_and_stream() -> Iterator[str]:
            session.get("user")
            return stream_with_context(pages())

        browser_of(app).run(read_and_stream)

        assert memory.count() == 0

    def test_an_unsaved_change_in_a_stream_is_warned_about(
        self, browser: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        def pages() -> Iterator[str]:
            session["page"] = 1
            yield "one"

        with caplog.at_level(logging.WARNING):
            browser.run(lambda: stream_with_context(pages()))

        assert "session.save()" in caplog.text

    def test_a_stream_that_saves_each_change_is_not_warned(
        self, browser: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        def pages() -> Iterator[str]:
            for number in range(3):
                session["page"] = number
                session.save()
                yield str(number)

        browser.run(lambda: session.update(page=None))
        browser.run(lambda: stream_with_context(pages()))

        assert browser.data()["page"] == 2
        assert caplog.text == ""


class TestTouch:
    def test_it_extends_a_session_before_a_touch_is_due(
        self, browser: Browser, store: CountingStore
    ) -> None:
        store.calls.clear()

        browser.run(lambda: session.touch())

        assert store.calls == ["load", "touch"]

    def test_it_leaves_the_data_alone(self, browser: Browser) -> None:
        browser.run(lambda: session.touch())

        assert browser.data() == {"user": "ada", "cart": ["tea"]}

    def test_it_stores_no_new_empty_session(self, app: Flask, store: CountingStore) -> None:
        browser_of(app).run(lambda: session.touch())

        assert store.calls == []


class TestUnset:
    def test_with_keep_the_changes_are_dropped_and_the_session_stays(
        self, browser: Browser
    ) -> None:
        def write_and_unset() -> None:
            session["user"] = "bob"
            session.unset()

        response = browser.run(write_and_unset)

        assert cookie_lines(response) == []
        assert browser.data()["user"] == "ada"

    @pytest.mark.parametrize("unset", ["keep", "destroy"])
    def test_a_value_that_cannot_be_stored_is_dropped_too(
        self, make_browser: MakeBrowser, unset: str
    ) -> None:
        browser = make_browser(SESSION_UNSET=unset)
        browser.run(lambda: session.update(user="ada"))

        def write_and_unset() -> None:
            session["user"] = object()
            session.unset()

        assert browser.run(write_and_unset).status_code == 200

    def test_with_destroy_the_session_ends_with_the_request(
        self, make_browser: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_browser(SESSION_UNSET="destroy")
        browser.run(lambda: session.update(user="ada"))

        during = browser.see(lambda: (session.unset(), memory.count()))

        assert during == (None, 1)
        assert (memory.count(), browser.sid) == (0, None)

    def test_with_destroy_and_the_express_profile_the_browser_keeps_its_cookie(
        self, make_browser: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_UNSET="destroy")
        browser.run(lambda: session.update(user="ada"))

        response = browser.run(lambda: session.unset())

        assert (cookie_lines(response), memory.count()) == ([], 0)


class TestCookie:
    def test_a_changed_attribute_is_sent_and_stored(
        self, browser: Browser, memory: MemoryStore
    ) -> None:
        response = browser.run(lambda: setattr(session.cookie, "samesite", "strict"))

        assert cookie_lines(response)[0].endswith("; Path=/; HttpOnly; SameSite=Strict")
        assert browser.see(lambda: session.cookie.samesite) == "strict"

    def test_assigning_an_equal_attribute_sends_and_saves_nothing(
        self, browser: Browser, store: CountingStore
    ) -> None:
        store.calls.clear()

        response = browser.run(lambda: setattr(session.cookie, "path", "/"))

        assert (cookie_lines(response), store.calls) == ([], ["load"])

    def test_later_requests_extend_the_session_by_the_max_age_set(self, browser: Browser) -> None:
        browser.run(lambda: setattr(session.cookie, "max_age", timedelta(hours=2)))

        age, original = browser.see(
            lambda: (session.cookie.max_age, session.cookie.original_max_age)
        )

        assert original == 7200
        assert age is not None
        assert 7190 < age <= 7200

    def test_changing_the_cookie_of_a_new_empty_session_stores_nothing(
        self, app: Flask, store: CountingStore
    ) -> None:
        response = browser_of(app).run(lambda: setattr(session.cookie, "samesite", "lax"))

        assert (cookie_lines(response), store.calls) == ([], [])

    def test_in_the_express_profile_a_changed_attribute_is_stored_but_not_sent(
        self, make_browser: MakeBrowser, memory: MemoryStore
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express")
        browser.run(lambda: session.update(user="ada"))

        response = browser.run(lambda: setattr(session.cookie, "samesite", "strict"))

        record = memory.load(browser.sid or "")
        assert record is not None
        assert cookie_lines(response) == []
        assert orjson.loads(record.payload)["cookie"]["sameSite"] == "strict"

    def test_in_the_express_profile_without_resave_a_changed_max_age_is_stored(
        self, make_browser: MakeBrowser
    ) -> None:
        browser = make_browser(SESSION_PROFILE="express", SESSION_RESAVE=False)
        browser.run(lambda: session.update(user="ada"))

        browser.run(lambda: setattr(session.cookie, "max_age", 60))

        assert browser.see(lambda: session.cookie.original_max_age) == 60
