"""Finding a stored response, or making it once for all that wait for the same one.

The threads of a process follow the one that came first. Where processes share a backend, one of
them holds a lease while it makes the response; the others look for the entry, not for the lease,
so that they have it as soon as it is there. They wait no longer than the lease, and then make the
response themselves. All this is joined by key *and* token: a request that starts after a write
never gets a response from before it.
"""

import random
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from typing import Protocol

from flask import current_app
from flask import Response

from ...reads import environ_of
from ...reads import OF_QUERY
from ...reads import reads_of
from ...reads import recording
from .availability import Availability
from .availability import Unavailable
from .cacheability import HIT
from .cacheability import note
from .cacheability import note_miss
from .cacheability import seconds_for
from .cacheability import STORED
from .cacheability import value_of
from .cacheability import varies_on
from .cacheability import why_not_cached
from .entry import current
from .entry import Entry
from .entry import Head
from .entry import is_token
from .entry import new_token
from .entry import StoredResponses
from .entry import TOKEN_SECONDS
from .keys import lease_key
from .keys import variant_key

LEASE_SECONDS = 3
"""After which a process that makes a response is taken for dead."""

WORTH_A_LEASE = 0.005
"""Seconds that a view may take without that other processes wait for its response."""

_PAUSES = (0.002, 0.025)
"""Seconds between two looks, at first and at last."""

_MAX_LONERS = 4096


class Options(Protocol):
    """What ``cached_view`` was given."""

    seconds: int | None
    statuses: frozenset[int]
    public: bool


@dataclass(slots=True)
class Lookup:
    """A request for the response of a view, which *run* runs.

    *query* holds the arguments that count; *tokens* are the keys of the tokens of its namespaces,
    its own first.
    """

    request: Any
    options: Options
    run: Callable[[], Any]
    query: bytes
    key: str
    tokens: tuple[str, ...]

    def variant(self, names: Iterable[str]) -> str:
        """The key of the response that varies on *names*."""
        pairs = [(name, value_of(name, self.request)) for name in sorted(names)]
        return variant_key(self.key, pairs) if pairs else self.key


@dataclass(frozen=True)
class Shared:
    """An entry for others, and its key."""

    key: str
    entry: Entry


class Flight:
    """A response that is being made; *shared* is None until it is there for others."""

    shared: Shared | None = None

    def __init__(self) -> None:
        self.landed = threading.Event()


class SingleFlight:
    """Finds and makes the responses of one app."""

    def __init__(
        self,
        availability: Availability,
        responses: StoredResponses,
        before_miss: Callable[[], object],
        *,
        prefix: str,
        seconds: int,
    ) -> None:
        self._availability = availability
        self._backend = availability.backend
        self._responses = responses
        self._before_miss = before_miss
        self._prefix = prefix
        self._seconds = seconds
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, str], Flight] = {}
        self._loners: set[str] = set()
        """Keys whose last response was for one client alone: nobody waits for the next."""
        self._varies: dict[str, frozenset[str]] = {}
        """What the responses of a namespace were seen to vary on, by the key of its token."""
        self._took: dict[str, float] = {}
        """Seconds that its views take at most, forgotten step by step."""

    def find(self, lookup: Lookup) -> tuple[str, str, Entry | None]:
        """Return the key and the token of the response, and its entry if there is one.

        Raises Unavailable.
        """
        key, token, entry = self._read(lookup)
        if entry is not None and entry.head.varies:
            self._learn(lookup, entry.head.varies)
            key, token, entry = self._read(lookup)
        return key, token, None if entry is None or entry.head.varies else entry

    def _read(self, lookup: Lookup) -> tuple[str, str, Entry | None]:
        key = lookup.variant(self._names(lookup))
        found, *tokens = self._availability.read(self._backend.get_many, key, *lookup.tokens)
        if not all(map(is_token, tokens)):
            tokens, found = self._new_tokens(lookup.tokens), None
        # Another app's prefix may end where a namespace here begins.
        token = f"{''.join(tokens)}@{self._prefix}"
        return key, token, current(found, token, self._availability.trusted_since)

    def _new_tokens(self, keys: tuple[str, ...]) -> list[str]:
        """The tokens, made now if there are none: the same for all processes."""
        made = {key: new_token() for key in keys}
        found = self._availability.write(self._backend.get_or_set, made, TOKEN_SECONDS)
        if all(map(is_token, found)):
            return found
        self._availability.write(self._backend.set_many, made, TOKEN_SECONDS)
        return [*made.values()]

    def _names(self, lookup: Lookup) -> frozenset[str]:
        return self._varies.get(lookup.tokens[0], frozenset())

    def _learn(self, lookup: Lookup, names: Iterable[str]) -> None:
        self._varies[lookup.tokens[0]] = self._names(lookup).union(names)

    def make(self, lookup: Lookup, key: str, token: str) -> Any:
        """Return the response, which is not cached under *key* and *token*."""
        if self._before_miss() is False:
            note_miss(lookup.request, "the request has something to write")
            return lookup.run()
        if lookup.request.method == "HEAD":
            note_miss(lookup.request, "the method is HEAD")
            return lookup.run()
        if key in self._loners:
            return self._run(lookup, key, token)[0]
        with self._joined((key, token)) as (flight, is_leader):
            if is_leader:
                response, flight.shared = self._lead(lookup, key, token)
                return response
        flight.landed.wait(LEASE_SECONDS)
        shared = flight.shared
        if shared is None or shared.key != lookup.variant(self._names(lookup)):
            return self._run(lookup, key, token)[0]
        return self._respond(lookup, shared.entry, HIT)

    @contextmanager
    def _joined(self, key: tuple[str, str]) -> Iterator[tuple[Flight, bool]]:
        """The flight for *key*, and whether the caller leads it."""
        with self._lock:
            found = self._flights.get(key)
            flight = self._flights.setdefault(key, Flight()) if found is None else found
        try:
            yield flight, found is None
        finally:
            if found is None:
                with self._lock:
                    del self._flights[key]
                flight.landed.set()

    def _lead(self, lookup: Lookup, key: str, token: str) -> tuple[Response, Shared | None]:
        """Make the response for this process, unless somebody was faster."""
        lease, entry = None, None
        if not self._backend.is_shared or self._took.get(lookup.tokens[0], 1) > WORTH_A_LEASE:
            with suppress(Unavailable):
                lease, entry = self._wait(lookup, key, token)
        if entry is None:
            return self._run(lookup, key, token, lease)
        shared = Shared(lookup.variant(self._names(lookup)), entry)
        return self._respond(lookup, entry, HIT), shared

    def _wait(self, lookup: Lookup, key: str, token: str) -> tuple[str | None, Entry | None]:
        """Return a lease, or the entry of a process that had it; neither after too long."""
        write = self._availability.write
        for _ in _looks():
            lease = lease_key(key, token)
            is_mine, [found] = write(self._backend.lease, lease, LEASE_SECONDS, key)
            entry = current(found, token, self._availability.trusted_since)
            if entry is None:
                if is_mine:
                    return lease, None
                continue
            if is_mine:
                write(self._backend.release, lease, {}, LEASE_SECONDS)
            if not entry.head.varies:
                return None, entry
            self._learn(lookup, entry.head.varies)
            key = lookup.variant(self._names(lookup))
        return None, None

    def _run(
        self, lookup: Lookup, key: str, token: str, lease: str | None = None
    ) -> tuple[Response, Shared | None]:
        """Run the view, store its response if it is for others, and give the lease back."""
        shared, entries, seconds = None, {}, LEASE_SECONDS
        started = time.monotonic()
        try:
            response, entry, seconds = self._fresh(lookup, token)
            if entry is not None:
                names = self._names(lookup)
                shared = Shared(lookup.variant(names), entry)
                entries = {shared.key: entry}
                if names:
                    entries[lookup.key] = Entry(Head(token, entry.head.made, varies=sorted(names)))
        finally:
            took = time.monotonic() - started
            self._took[lookup.tokens[0]] = max(took, 0.9 * self._took.get(lookup.tokens[0], 1))
            self._note_loner(key, is_shared=shared is not None)
            self._store(lease, entries, seconds)
        if shared is None:
            return response, None
        return self._respond(lookup, shared.entry, STORED), shared

    def _fresh(self, lookup: Lookup, token: str) -> tuple[Response, Entry | None, int]:
        """Return the view's response, its entry if it is for others, and for how many seconds."""
        options, request, made = lookup.options, lookup.request, time.time()
        with recording(request), _seeing(request, lookup.query):
            response = current_app.make_response(lookup.run())
        reads = reads_of(request)
        seconds = seconds_for(
            response, self._seconds if options.seconds is None else options.seconds
        )
        reason = why_not_cached(response, reads, options.statuses, public=options.public)
        if reason or not seconds:
            note_miss(request, reason or "it expires at once")
            return response, None, LEASE_SECONDS
        varies = varies_on(reads, response)
        if request.url_rule.subdomain or request.url_rule.host:
            varies.add("host")  # The path does not tell which of them it was.
        self._learn(lookup, varies)
        response.vary.update(
            name.title() for name in sorted(varies) if name != "host" and not name.startswith(":")
        )
        response.add_etag()
        response.headers.setdefault("Cache-Control", "no-cache")  # Ask me whether it is still true.
        headers = response.get_wsgi_headers(environ_of(request)).to_wsgi_list()
        head = Head(token, made, response.status_code, headers)
        return response, Entry(head, response.get_data()), seconds

    def _note_loner(self, key: str, *, is_shared: bool) -> None:
        """Note whether it is worth waiting; all is forgotten at once when it is too much."""
        if is_shared:
            self._loners.discard(key)
            return
        if len(self._loners) >= _MAX_LONERS:
            self._loners.clear()
        self._loners.add(key)

    def _store(self, lease: str | None, entries: dict[str, Entry], seconds: int) -> None:
        with suppress(Unavailable):  # The response is one all the same.
            if lease is not None:
                self._availability.write(self._backend.release, lease, entries, seconds)
            elif entries:
                self._availability.write(self._backend.set_many, entries, seconds)

    def _respond(self, lookup: Lookup, entry: Entry, status: str) -> Response:
        note(lookup.request, status)
        return self._responses.respond(entry, environ_of(lookup.request))


def _looks() -> Iterator[None]:
    """One look now, and more for as long as a lease lasts."""
    end, (pause, longest) = time.monotonic() + LEASE_SECONDS, _PAUSES
    while time.monotonic() < end:
        yield
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 1.6, longest)


@contextmanager
def _seeing(request: Any, query: bytes) -> Iterator[None]:
    """Let the view see no other arguments than those in *query*."""
    attributes = vars(request)
    whole = {name: attributes.pop(name) for name in OF_QUERY if name in attributes}
    attributes["query_string"] = query
    try:
        yield
    finally:
        for name in OF_QUERY:
            attributes.pop(name, None)
        attributes.update(whole)
