"""Runs calls of several actors one store verb at a time, in an order that a test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from random import Random

from flask_serversession import Record
from flask_serversession import Refusal
from flask_serversession import Store
from flask_serversession.stores.memory import MemoryStore

_current = threading.local()


class Killed(BaseException):
    """Ends an actor between two steps, as SIGKILL ends a process."""


class Actor:
    """A thread that pauses before each verb.

    :param call: what it does.
    :param killed_after: how many verbs it executes at most.
    """

    def __init__(self, call: Callable[[], object], killed_after: int | None) -> None:
        self.result: object = Killed
        self.steps = 0
        self.is_done = False
        self._call = call
        self._killed_after = killed_after
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._run, daemon=True).start()

    def step(self) -> None:
        """Let it execute one verb, and wait until it has."""
        self._go.release()
        self._paused.acquire()

    def pause(self) -> None:
        """Wait for the next step."""
        self._paused.release()
        self._go.acquire()
        if self.steps == self._killed_after:
            raise Killed
        self.steps += 1

    def _run(self) -> None:
        _current.actor = self
        self._go.acquire()
        try:
            self.result = self._call()
        except Killed:
            pass
        except Exception as error:
            self.result = error
        self.is_done = True
        self._paused.release()


def run_in_any_order(actors: list[Actor], random: Random) -> None:
    """Step the actors until all are done. One that has begun often goes on for a while."""
    waiting, last = list(actors), None
    while waiting:
        is_going_on = last in waiting and random.random() < 0.6
        actor = last if is_going_on and last else random.choice(waiting)
        actor.step()
        last = actor
        if actor.is_done:
            waiting.remove(actor)


class SteppedStore:
    """Pauses the actor that calls it before each verb."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.keys = store.keys
        self.count = store.count
        self.clear = store.clear

    def load(self, key: str) -> Record | None:
        return self._paused().load(key)

    def create(self, key: str, record: Record) -> bool:
        return self._paused().create(key, record)

    def save(self, key: str, record: Record, *, replacing: Record | None = None) -> Refusal | None:
        return self._paused().save(key, record, replacing=replacing)

    def touch(self, key: str, expires_at: datetime) -> bool:
        return self._paused().touch(key, expires_at)

    def delete(self, key: str) -> bool:
        return self._paused().delete(key)

    def _paused(self) -> Store:
        actor: Actor | None = getattr(_current, "actor", None)
        if actor is not None:
            actor.pause()
        return self._store
