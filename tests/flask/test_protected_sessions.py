"""Sessions whose ids are hashed in the store, or whose data are encrypted there, or both."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone
from itertools import product

import pytest
from flask import Flask

from flask_serversession import manager_of
from flask_serversession import ServerSession
from flask_serversession import session
from flask_serversession import SessionError
from flask_serversession.encryption import Encryption
from flask_serversession.stores.memory import MemoryStore
from flask_serversession.stores.protected.abilities import protected

OLD, NEW = bytes(range(32)), bytes(range(32, 64))


class Case:
    """An application, and the store inside its protected one."""

    def __init__(self, *, hashes: bool, keys: tuple[bytes | None, ...] = ()) -> None:
        self.inside = MemoryStore()
        self.hashes, self.keys = hashes, keys
        self.app = self.with_keys(*keys)

    def with_keys(self, *keys: bytes | None) -> Flask:
        """Return an application with other keys and the same records."""
        app = Flask(__name__)
        app.testing = True
        encryption = Encryption(keys) if keys else None
        store = protected(self.inside, hash_ids=self.hashes, encryption=encryption)
        app.config |= {"SECRET_KEY": "a secret of the tests, long enough", "SESSION_STORE": store}
        ServerSession(app)

        @app.get("/id")
        def own_id() -> dict[str, str]:
            return {"id": session.id, "handle": session.handle}

        @app.get("/put/<value>")
        def put(value: str) -> str:
            session["value"] = value
            return ""

        @app.get("/get")
        def get() -> str:
            return session.get("value", "nothing") + " of " + str(session.user_id)

        @app.get("/log-in/<user>")
        def log_in(user: str) -> str:
            session.log_in(user)
            return ""

        @app.get("/log-out")
        def log_out() -> str:
            session.log_out()
            return ""

        @app.get("/regenerate")
        def regenerate() -> str:
            session.regenerate(keep_data=True)
            return ""

        return app

    @property
    def rows(self) -> str:
        """All that the backend has, as text."""
        return repr([(key, self.inside.load(key).payload) for key in self.inside.keys()])  # noqa: SIM118


@pytest.fixture(params=product([False, True], [(), (NEW,)]), ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    hashes, keys = request.param
    return Case(hashes=hashes, keys=keys)


class TestAnySessionWorks:
    def test_from_its_first_write_to_its_logout(self, case: Case) -> None:
        browser = case.app.test_client()
        browser.get("/put/one")
        browser.get("/log-in/ada")
        browser.get("/put/two")
        browser.get("/regenerate")
        assert browser.get("/get").text == "two of ada"
        browser.get("/log-out")
        assert browser.get("/get").text == "nothing of None"

    def test_under_its_old_id_until_the_grace_is_over(self, case: Case) -> None:
        browser, late = case.app.test_client(), case.app.test_client()
        browser.get("/put/one")
        late.set_cookie("session", browser.get_cookie("session").value)
        browser.get("/log-in/ada")
        assert late.get("/get").text == "one of None"

    def test_a_logout_under_the_old_id_ends_the_new_one(self, case: Case) -> None:
        browser, late = case.app.test_client(), case.app.test_client()
        browser.get("/put/one")
        late.set_cookie("session", browser.get_cookie("session").value)
        browser.get("/log-in/ada")
        late.get("/log-out")
        assert browser.get("/get").text == "nothing of None"

    def test_its_handle_is_the_same_in_a_list(self, case: Case) -> None:
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        (found,) = manager_of(case.app).sessions_of("ada")
        assert found.handle == browser.get("/id").json["handle"]

    def test_it_is_the_current_one_in_its_own_request(self, case: Case) -> None:
        app = case.app

        @app.get("/devices")
        def devices() -> list[bool]:
            return [each.is_current for each in manager_of(app).sessions_of("ada")]

        browser, other = app.test_client(), app.test_client()
        other.get("/log-in/ada")
        browser.get("/log-in/ada")
        assert sorted(browser.get("/devices").json) == [False, True]

    def test_others_end_and_its_own_stays(self, case: Case) -> None:
        app = case.app

        @app.get("/end-others")
        def end_others() -> str:
            return str(manager_of(app).end_others("ada"))

        browser, other = app.test_client(), app.test_client()
        other.get("/log-in/ada")
        browser.get("/log-in/ada")
        assert browser.get("/end-others").text == "1"
        assert browser.get("/get").text == "nothing of ada"
        assert other.get("/get").text == "nothing of None"

    def test_a_session_that_is_ended_by_its_handle_knows_why(self, case: Case) -> None:
        app = case.app

        @app.get("/why")
        def why() -> str:
            return str(session.ended_reason)

        browser = app.test_client()
        browser.get("/log-in/ada")
        (found,) = manager_of(app).sessions_of("ada")
        assert manager_of(app).end(found.handle, reason="stolen")
        assert browser.get("/why").text == "stolen"

    def test_the_manager_loads_and_destroys_it_by_its_id(self, case: Case) -> None:
        browser, manager = case.app.test_client(), manager_of(case.app)
        browser.get("/put/one")
        sid = browser.get("/id").json["id"]
        loaded = manager.load(sid)
        assert loaded is not None
        assert loaded["value"] == "one"
        assert manager.destroy(sid)
        assert manager.load(sid) is None


class TestHashedIds:
    def test_neither_an_id_nor_that_of_a_successor_is_in_the_store(self) -> None:
        case = Case(hashes=True)
        browser, ids = case.app.test_client(), []
        for path in ("/put/one", "/log-in/ada", "/regenerate"):
            browser.get(path)
            ids.append(browser.get("/id").json["id"].rpartition(".")[2])
        assert case.inside.count() == 3
        assert not any(sid in case.rows for sid in ids)

    def test_a_stored_key_is_no_id(self) -> None:
        case = Case(hashes=True)
        case.app.test_client().get("/put/one")
        (key,) = case.inside.keys()
        assert manager_of(case.app).load(str(key)) is None
        signed = manager_of(case.app).signer.sign(str(key))
        thief = case.app.test_client()
        thief.set_cookie("session", signed)
        assert thief.get("/get").text == "nothing of None"

    def test_all_sessions_of_a_user_are_changed(self) -> None:
        case = Case(hashes=True)
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        manager = manager_of(case.app)
        assert manager.update_all("ada", lambda each: each.update(value="new")) == 1
        assert browser.get("/get").text == "new of ada"


class TestEncryptedSessions:
    def test_neither_data_nor_users_are_readable_in_the_store(self) -> None:
        case = Case(hashes=False, keys=(NEW,))
        browser = case.app.test_client()
        browser.get("/put/confidential")
        browser.get("/log-in/ada")
        assert "confidential" not in case.rows
        assert "ada" not in case.rows

    def test_tags_of_users_need_the_key(self) -> None:
        plain, encrypted = Case(hashes=False), Case(hashes=False, keys=(NEW,))
        tags = set()
        for case in (plain, encrypted):
            browser = case.app.test_client()
            browser.get("/log-in/ada")
            tags.add(browser.get("/id").json["id"].partition(".")[0])
        assert len(tags) == 2

    def test_sessions_of_an_older_key_are_found_and_ended(self) -> None:
        case = Case(hashes=True, keys=(OLD,))
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        manager = manager_of(case.with_keys(NEW, OLD))
        assert [each.user_id for each in manager.sessions_of("ada")] == ["ada"]
        assert manager.end_all("ada") == 1

    @pytest.mark.parametrize("hashes", [False, True])
    def test_a_session_from_before_encryption_is_found_once_plain_text_is_refused(
        self, hashes: bool
    ) -> None:
        case = Case(hashes=hashes)
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        cookie = browser.get_cookie("session").value
        assert _text_of("/get", case.with_keys(NEW, None), cookie) == "nothing of ada"
        after = case.with_keys(NEW)
        assert _text_of("/get", after, cookie) == "nothing of ada"
        assert manager_of(after).end_all("ada") == 1
        assert _text_of("/get", after, cookie) == "nothing of None"

    @pytest.mark.parametrize("hashes", [False, True])
    def test_one_that_end_all_would_not_find_has_ended(self, hashes: bool) -> None:
        case = Case(hashes=hashes, keys=(OLD,))
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        cookie = browser.get_cookie("session").value
        assert _text_of("/get", case.with_keys(NEW, OLD), cookie) == "nothing of ada"
        after = case.with_keys(NEW)
        assert manager_of(after).end_all("ada") == 0
        assert _text_of("/get", after, cookie) == "nothing of None"

    def test_a_new_id_has_the_tag_of_the_newest_key(self) -> None:
        case = Case(hashes=True, keys=(OLD,))
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        rotated = case.with_keys(NEW, OLD).test_client()
        rotated.set_cookie("session", browser.get_cookie("session").value)
        rotated.get("/regenerate")
        after = case.with_keys(NEW)
        assert manager_of(after).end_all("ada") == 1

    def test_no_repr_shows_the_key_of_tags(self) -> None:
        case = Case(hashes=True, keys=(NEW,))
        settings = manager_of(case.app).settings
        assert settings.tag_keys[0] is not None
        assert repr(settings.tag_keys[0]) not in repr(settings)

    @pytest.mark.parametrize("hashes", [False, True])
    def test_the_first_use_encrypts_with_the_newest_key(self, hashes: bool) -> None:
        case = Case(hashes=hashes, keys=(OLD,))
        browser = case.app.test_client()
        browser.get("/put/one")
        before = case.rows
        rotated = case.with_keys(NEW, OLD).test_client()
        rotated.set_cookie("session", browser.get_cookie("session").value)
        assert rotated.get("/get").text == "one of None"
        assert case.rows != before
        without = case.with_keys(NEW).test_client()
        without.set_cookie("session", browser.get_cookie("session").value)
        assert without.get("/get").text == "one of None"

    def test_without_its_key_a_session_is_absent(self) -> None:
        case = Case(hashes=True, keys=(OLD,))
        browser = case.app.test_client()
        browser.get("/put/one")
        other = case.with_keys(NEW).test_client()
        other.set_cookie("session", browser.get_cookie("session").value)
        assert other.get("/get").text == "nothing of None"

    def test_a_plain_record_is_absent_unless_the_keys_say_otherwise(self) -> None:
        case = Case(hashes=False, keys=(None, NEW))
        browser = case.app.test_client()
        browser.get("/put/one")
        assert '"one"' in case.rows
        cookie = browser.get_cookie("session").value
        strict, lenient = (
            case.with_keys(NEW).test_client(),
            case.with_keys(NEW, None).test_client(),
        )
        strict.set_cookie("session", cookie)
        lenient.set_cookie("session", cookie)
        assert strict.get("/get").text == "nothing of None"
        assert lenient.get("/get").text == "one of None"
        assert '"one"' not in case.rows

    def test_data_that_only_a_cookie_opens_cannot_be_changed_by_others(self) -> None:
        case = Case(hashes=True, keys=(NEW,))
        case.app.test_client().get("/log-in/ada")
        with pytest.raises(SessionError, match="encrypted"):
            manager_of(case.app).update_all("ada", lambda each: None)

    def test_what_was_encrypted_with_an_id_is_not_read_with_the_key_alone(self) -> None:
        case = Case(hashes=True, keys=(NEW,))
        browser = case.app.test_client()
        browser.get("/log-in/ada")
        browser.get("/put/confidential")
        manager = manager_of(case.app)
        seen = [dict(each) for each in map(manager.load, manager.keys()) if each is not None]
        assert [each.get("value") for each in seen] == [None] * len(seen)
        assert any("_login" in each for each in seen)

    def test_online_lists_its_user(self) -> None:
        case = Case(hashes=True, keys=(NEW,))
        case.app.test_client().get("/log-in/ada")
        (found,) = manager_of(case.app).online(timedelta(minutes=1))
        assert found.user_id == "ada"
        assert found.created_at is not None
        assert found.created_at <= datetime.now(timezone.utc)


def _text_of(path: str, app: Flask, cookie: str) -> str:
    browser = app.test_client()
    browser.set_cookie("session", cookie)
    return browser.get(path).text
