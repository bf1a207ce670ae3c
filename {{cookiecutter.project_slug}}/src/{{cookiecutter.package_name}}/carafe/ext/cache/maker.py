"""Making an answer that is not kept yet: once, for everybody who waits for it.

The threads of a process follow the one that asked first. Where processes share a backend, one
of them holds a lease while it makes the answer; the others look for the answer, not for the
lease, so that they have it as soon as it is there. They wait no longer than the lease, and then
make it themselves. All this is joined by key *and* token: who starts after a write never gets
an answer from before it.
"""

import random
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response

from .entry import current
from .entry import Entry
from .entry import Head
from .flight import Flights
from .fresh import ask
from .fresh import Fresh
from .guard import Away
from .keys import lease_key
from .known import Known
from .question import Question
from .replies import Replies
from .status import HIT
from .status import note
from .status import note_miss
from .status import STORED
from .store import Store

LEASE = 3
"""Seconds after which the one who makes an answer is taken for dead."""

_PAUSES = (0.002, 0.025)
"""Seconds between two looks, at first and at last."""


@dataclass(frozen=True)
class Shared:
    """An entry for others, and its key."""

    key: str
    entry: Entry


class Maker:
    """Makes the answers of one app. *before_miss* is called before each; False keeps none."""

    def __init__(
        self,
        store: Store,
        known: Known,
        replies: Replies,
        before_miss: Callable[[], object],
        seconds: int,
    ) -> None:
        self._store = store
        self._known = known
        self._replies = replies
        self._before_miss = before_miss
        self._seconds = seconds
        self._flights: Flights[Shared] = Flights()

    def make(self, question: Question, key: str, token: str) -> Any:
        """The answer to *question*, which is not kept under *key* and *token*."""
        if self._before_miss() is False:
            note_miss(question.request, "the request has something to write")
            return question.call()
        if question.request.method == "HEAD":
            note_miss(question.request, "the method is HEAD")
            return question.call()
        if not self._known.is_shared(key):
            return self._run(question, key, token)[0]
        with self._flights.join((key, token)) as (flight, is_leader):
            if is_leader:
                response, flight.result = self._lead(question, key, token)
                return response
        shared = flight.wait(LEASE)
        if shared is None or shared.key != self._key(question):
            return self._run(question, key, token)[0]
        return self._reply(question, shared.entry)

    def _lead(self, question: Question, key: str, token: str) -> tuple[Response, Shared | None]:
        """Be the one of this process; who led before, or another process, may be faster."""
        try:
            lease, entry = self._wait(question, key, token)
        except Away:
            lease, entry = None, None
        if entry is not None:
            return self._reply(question, entry), Shared(self._key(question), entry)
        return self._run(question, key, token, lease)

    def _wait(self, question: Question, key: str, token: str) -> tuple[str | None, Entry | None]:
        """A lease, or the entry of somebody who had it; neither after too long."""
        for _ in _looks():
            lease = lease_key(key, token)
            is_mine, [found] = self._store.lease(lease, LEASE, key)
            entry = current(found, token)
            if entry is None and not is_mine:
                continue
            if entry is None:
                return lease, None
            if is_mine:
                self._store.release(lease, {}, LEASE)
            if not entry.head.varies:
                return None, entry
            self._known.learn_varies(question.key, entry.head.varies)
            key = self._key(question)
        return None, None

    def _run(
        self, question: Question, key: str, token: str, lease: str | None = None
    ) -> tuple[Response, Shared | None]:
        seconds = question.options.seconds
        fresh = None
        try:
            fresh = ask(question, token, self._seconds if seconds is None else seconds)
        finally:
            shared = self._keep(question, token, fresh, lease)
            self._known.learn_shared(key, shared is not None)
        if shared is None:
            return fresh.response, None
        return self._reply(question, shared.entry, STORED), shared

    def _keep(
        self, question: Question, token: str, fresh: Fresh | None, lease: str | None
    ) -> Shared | None:
        """Keep a fresh answer that is for others, and give the lease back in any case."""
        entries, shared, seconds = {}, None, LEASE
        if fresh is not None and fresh.entry is not None:
            varies = sorted(fresh.varies.union(self._known.varies(question.key)))
            if varies:
                self._known.learn_varies(question.key, varies)
                signpost = Entry(Head(token, fresh.entry.head.made, varies=varies))
                entries[question.key] = signpost
            shared, seconds = Shared(question.variant(varies), fresh.entry), fresh.seconds
            entries[shared.key] = fresh.entry
        try:
            if lease is not None:
                self._store.release(lease, entries, seconds)
            elif entries:
                self._store.write(entries, seconds)
        except Away:
            pass  # It is an answer all the same.
        return shared

    def _key(self, question: Question) -> str:
        return question.variant(self._known.varies(question.key))

    def _reply(self, question: Question, entry: Entry, status: str = HIT) -> Response:
        note(question.request, status)
        return self._replies.reply(entry, question.request.environ)


def _looks() -> Iterator[None]:
    """One now, and more for as long as a lease lasts."""
    end, (pause, longest) = time.monotonic() + LEASE, _PAUSES
    while time.monotonic() < end:
        yield
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 1.6, longest)
