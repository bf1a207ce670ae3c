"""Finding a stored response, or making it once for all requests that wait for the same one.

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
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import current_app
from flask import Response

from ... import reads
from . import cacheability
from . import entry as entries
from . import keys
from .availability import Availability
from .availability import Unavailable
from .entry import Entry

LEASE_SECONDS = 3
"""After this time, a process that makes a response is considered dead."""

WORTH_A_LEASE = 0.005
"""Seconds; a view that takes less is run without a lease."""

_PAUSES = (0.002, 0.025)
"""Seconds between two looks for an entry: the first and the longest pause."""

_MAX_UNSHARED = 4096

Found = tuple[str, Entry]
"""A key, and an entry that other requests may use."""


@dataclass
class View:
    """A cached view of one app, and what is known of it.

    *sender* sends the signals of its writes. *tokens* are the keys of the tokens of its namespaces,
    its own first. *varies* are the request headers that its responses vary on. *took* is its
    longest run in seconds, reduced by a tenth with each run. *unshared* are the keys whose last
    response was for one client alone.
    """

    options: Any
    sender: Any
    namespace: str
    tokens: tuple[str, ...]
    seconds: int
    varies: set[str] = field(default_factory=set)
    took: float = 1.0
    unshared: set[str] = field(default_factory=set)

    def note(self, key: str, *, is_shared: bool) -> None:
        """Note whether the response for *key* was for other clients, too."""
        self.unshared.discard(key)
        if not is_shared:
            if len(self.unshared) >= _MAX_UNSHARED:
                self.unshared.clear()
            self.unshared.add(key)


@dataclass(slots=True)
class Lookup:
    """A request for the response of *view*, which *run* runs.

    *query* holds the arguments that count, *key* is the cache key without variants, *token* joins
    the current tokens, and *leases* are the keys of the leases held by this request.
    """

    view: View
    request: Any
    run: Callable[[], Any]
    query: bytes
    key: str
    token: str = ""
    leases: tuple[str, ...] = ()

    def variant(self) -> str:
        """Return the cache key for the headers of this request."""
        names = sorted(self.view.varies)
        values = [(name, cacheability.value_of(name, self.request)) for name in names]
        return keys.variant_key(self.key, values) if values else self.key


class SingleFlight:
    """Finds and makes the responses of one app."""

    def __init__(
        self,
        availability: Availability,
        responses: entries.StoredResponses,
        before_miss: Callable[[], object],
        prefix: str,
    ) -> None:
        self._availability = availability
        self._backend = availability.backend
        self._responses = responses
        self._before_miss = before_miss
        self._prefix = prefix
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, str], Future[Found | None]] = {}

    def find(self, lookup: Lookup) -> Entry | None:
        """Return the entry of the response, if there is one. Raises Unavailable."""
        entry = self._read(lookup)
        if entry is None or not entry.head.varies:
            return entry
        lookup.view.varies.update(entry.head.varies)
        entry = self._read(lookup)
        return None if entry is None or entry.head.varies else entry

    def _read(self, lookup: Lookup) -> Entry | None:
        view, run = lookup.view, self._availability.run
        key = lookup.variant() if view.varies else lookup.key
        found, *tokens = run(self._backend.get_many, key, *view.tokens)
        if not all(map(entries.is_token, tokens)):
            found, tokens = None, self._new_tokens(view.tokens)
        # Another app's prefix may end where a namespace here begins.
        lookup.token = f"{''.join(tokens)}@{self._prefix}"
        return entries.current(found, lookup.token, self._availability.trusted_since)

    def _new_tokens(self, needed: tuple[str, ...]) -> list[str]:
        """Return the tokens, made now if there are none: the same for all processes."""
        made = {key: entries.new_token() for key in needed}
        run, seconds = self._availability.run, entries.TOKEN_SECONDS
        found = run(self._backend.get_or_set, made, seconds)
        if all(map(entries.is_token, found)):
            return found
        run(self._backend.set_many, made, seconds)
        return [*made.values()]

    def make(self, lookup: Lookup) -> Any:
        """Return the view's response, made once for all requests that wait for it."""
        if self._before_miss() is False:
            cacheability.note_miss(lookup.request, "the request has something to write")
            return lookup.run()
        if lookup.request.method == "HEAD":
            cacheability.note_miss(lookup.request, "the method is HEAD")
            return lookup.run()
        if lookup.variant() in lookup.view.unshared:  # Others would wait for nothing.
            return self._run(lookup)[0]
        mine: Future[Found | None] = Future()
        key = lookup.variant(), lookup.token
        with self._lock:
            flight = self._flights.setdefault(key, mine)
        found = None
        if flight is mine:
            try:
                response, found = self._lead(lookup)
                return response
            finally:
                with self._lock:
                    del self._flights[key]
                mine.set_result(found)
        with suppress(TimeoutError):
            found = flight.result(LEASE_SECONDS)
        if found is None or found[0] != lookup.variant():
            return self._run(lookup)[0]
        return self._respond(lookup, found[1], cacheability.HIT)

    def _lead(self, lookup: Lookup) -> tuple[Response, Found | None]:
        """Make the response for this process, unless another one was faster."""
        entry = None
        if not self._backend.is_shared or lookup.view.took > WORTH_A_LEASE:
            with suppress(Unavailable):
                entry = self._wait(lookup)
        if entry is None:
            return self._run(lookup)
        self._store(lookup, {}, LEASE_SECONDS)
        return self._respond(lookup, entry, cacheability.HIT), (lookup.variant(), entry)

    def _wait(self, lookup: Lookup) -> Entry | None:
        """Return the entry that another process made, or None: with a lease, or on timeout."""
        mine = entries.new_token()
        for _ in _looks():
            key = lookup.variant()
            lease = keys.lease_key(key, lookup.token)
            holder, found = self._availability.run(
                self._backend.get_or_set, {lease: mine}, LEASE_SECONDS, key
            )
            if holder == mine:
                lookup.leases += (lease,)
            entry = entries.current(found, lookup.token, self._availability.trusted_since)
            if entry is None and holder == mine:
                break
            if entry is not None and not entry.head.varies:
                return entry
            if entry is not None:
                lookup.view.varies.update(entry.head.varies)
        return None

    def _run(self, lookup: Lookup) -> tuple[Response, Found | None]:
        """Run the view, and store its response if it is for others."""
        view, started = lookup.view, time.monotonic()
        stored: dict[str, Entry] = {}
        entry, seconds = None, LEASE_SECONDS
        try:
            response, entry, seconds = self._fresh(lookup)
            if entry is not None:
                stored = {lookup.variant(): entry}
                if view.varies:
                    head = entries.Head(lookup.token, entry.head.made, varies=sorted(view.varies))
                    stored[lookup.key] = Entry(head)
        finally:
            view.took = max(time.monotonic() - started, 0.9 * view.took)
            view.note(lookup.variant(), is_shared=entry is not None)
            self._store(lookup, stored, seconds)
        if entry is None:
            return response, None
        return self._respond(lookup, entry, cacheability.STORED), (lookup.variant(), entry)

    def _store(self, lookup: Lookup, stored: dict[str, Entry], seconds: int) -> None:
        """Store entries, and release the leases."""
        if stored or lookup.leases:
            with suppress(Unavailable):  # The response is sent anyway.
                self._availability.run(self._backend.set_many, stored, seconds, *lookup.leases)

    def _fresh(self, lookup: Lookup) -> tuple[Response, Entry | None, int]:
        """Return the view's response, its entry if it may be shared, and its seconds."""
        view, request, made = lookup.view, lookup.request, time.time()
        with reads.recording(request, lookup.query):
            response = current_app.make_response(lookup.run())
        names = cacheability.depends_on(response, request)
        seconds = cacheability.seconds_for(response, view.seconds)
        reason = cacheability.why_not_cached(response, names, view.options)
        if reason or not seconds:
            cacheability.note_miss(request, reason or "it expires at once")
            return response, None, LEASE_SECONDS
        varies = cacheability.varies_on(names)
        if request.url_rule.subdomain or request.url_rule.host:
            varies.add("host")  # The path does not tell which of them it was.
        view.varies.update(varies)
        if headers := [name.title() for name in sorted(varies - {"host", reads.SCHEME})]:
            response.vary.update(headers)
        response.add_etag()
        response.headers.setdefault("Cache-Control", "no-cache")  # Clients revalidate.
        kept = response.get_wsgi_headers(reads.environ_of(request)).to_wsgi_list()
        head = entries.Head(lookup.token, made, response.status_code, kept)
        return response, Entry(head, response.get_data()), seconds

    def _respond(self, lookup: Lookup, entry: Entry, status: str) -> Response:
        cacheability.note(lookup.request, status)
        return self._responses.respond(entry, reads.environ_of(lookup.request))


def _looks() -> Iterator[None]:
    """Yield at once, and with growing pauses until a lease would have expired."""
    end, (pause, longest) = time.monotonic() + LEASE_SECONDS, _PAUSES
    while time.monotonic() < end:
        yield
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 1.6, longest)
