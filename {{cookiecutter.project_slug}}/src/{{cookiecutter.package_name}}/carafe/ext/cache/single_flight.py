"""Single flight: makes a response once for all requests that wait for the same one.

The threads of a process wait for the first one. Where processes share a backend, one of them holds
a lease while it makes the response; the others poll for the entry, not for the lease, so that they
get it as soon as it is stored. They wait no longer than the lease lasts, and then make the response
themselves. Requests wait together only with the same key *and* token: one that starts after a write
never gets a response from before it.
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask import current_app
from flask import Response

from ... import reads
from . import entry as entries
from .availability import Availability
from .availability import Unavailable
from .entry import Entry
from .entry import StoredResponse

LEASE_SECONDS = 3
"""After this time, a process that holds a lease is considered dead."""

WORTH_A_LEASE = 0.005
"""Seconds; a view that takes less is run without a lease."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.002, 0.025
"""Seconds between two polls for an entry; the pauses grow."""

MAX_UNSHARED = 4096


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

    def key_of(self, request: Any, base: str) -> str:
        """Return the key below *base* for the headers of *request*."""
        names = sorted(self.varies)
        values = [(name, entries.value_of(name, request)) for name in names]
        return entries.variant_key(base, values)


@dataclass(slots=True)
class Lookup:
    """A request for the response of *view*, which *run* runs.

    *base* is the cache key without variants, *token* joins the current tokens. *leases* are the
    keys of the leases held by this request. *entry* is the response that was found or made, if
    others may have it, for so many *seconds*. *has_read* says whether the request read from what
    writes change before its view ran.
    """

    view: View
    request: Any
    run: Callable[[], Any]
    base: str
    token: str
    leases: tuple[str, ...] = ()
    entry: Entry | None = None
    seconds: int = 0
    has_read: bool = False

    @property
    def key(self) -> str:
        """The cache key for the headers of this request."""
        return self.view.key_of(self.request, self.base)


@dataclass
class SingleFlight:
    """Makes the responses of one app.

    *before_miss* is called before a view runs (see ``Cache``).
    """

    availability: Availability
    responses: type[StoredResponse]
    before_miss: Callable[[], object]
    flights: dict[tuple[str, str], Future[Lookup]] = field(default_factory=dict)

    def make(self, lookup: Lookup) -> Any:
        """Return the view's response, made once for all requests that wait for it."""
        is_head, ended = lookup.request.method == "HEAD", self.before_miss()
        lookup.has_read = ended is True
        if is_head or ended is False:
            reason = "the method is HEAD" if is_head else "the request has something to write"
            entries.note(lookup.request, "fwd=miss", reason)
            return lookup.run()
        key = lookup.key
        if key in lookup.view.unshared:  # Others would wait in vain.
            return self._run(lookup)
        mine: Future[Lookup] = Future()
        flight = self.flights.setdefault((key, lookup.token), mine)  # an atomic operation
        if flight is mine:
            try:
                return self._lead(lookup)
            finally:
                del self.flights[key, lookup.token]
                mine.set_result(lookup)
        with suppress(TimeoutError):
            leader = flight.result(LEASE_SECONDS)
            if leader.entry is not None and leader.key == lookup.key:
                return self._respond(lookup, leader.entry, entries.HIT)
        return self._run(lookup)

    def _lead(self, lookup: Lookup) -> Response:
        """Make the response for this process, unless another one was faster."""
        if not self.availability.backend.is_shared or lookup.view.took > WORTH_A_LEASE:
            with suppress(Unavailable):
                lookup.entry = self._wait(lookup)
        if lookup.entry is None:
            return self._run(lookup)
        self._store(lookup, {})
        return self._respond(lookup, lookup.entry, entries.HIT)

    def _wait(self, lookup: Lookup) -> Entry | None:
        """Return the entry that another process made, or None: with a lease, or on timeout."""
        mine, end, pause = entries.new_token(), time.monotonic() + LEASE_SECONDS, SHORTEST_PAUSE
        while time.monotonic() < end:
            key = lookup.key
            lease = entries.variant_key(key, [("", lookup.token)])
            holder, found = self.availability.run(
                self.availability.backend.get_or_set, {lease: mine}, LEASE_SECONDS, key
            )
            if holder == mine:
                lookup.leases += (lease,)
            entry = entries.current(found, lookup.token, self.availability.trusted_since)
            if entry is not None and not entry.head.varies:
                return entry
            if entry is not None:
                lookup.view.varies.update(entry.head.varies)
            elif holder == mine:
                break
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.6, LONGEST_PAUSE)
        return None

    def _run(self, lookup: Lookup) -> Response:
        """Run the view, and store its response if it is for others."""
        view, started = lookup.view, time.monotonic()
        stored: dict[str, Entry] = {}
        try:
            response = self._run_view(lookup)
            if lookup.entry is None:
                return response
            stored[lookup.key] = lookup.entry
            if view.varies:
                made, varies = lookup.entry.head.made, sorted(view.varies)
                stored[lookup.base] = Entry(entries.Head(lookup.token, made, varies=varies))
        finally:
            view.took = max(time.monotonic() - started, 0.9 * view.took)
            if lookup.entry is not None:
                view.unshared.discard(lookup.key)
            else:
                if len(view.unshared) >= MAX_UNSHARED:
                    view.unshared.clear()
                view.unshared.add(lookup.key)
            self._store(lookup, stored)
        return self._respond(lookup, lookup.entry, entries.STORED)

    def _run_view(self, lookup: Lookup) -> Response:
        """Return what the view returns, and note an entry if it may be shared."""
        view, request, made = lookup.view, lookup.request, time.time()
        with reads.recording():
            response = current_app.make_response(lookup.run())
        entries.join_lines(response.headers)
        names = reads.reads_of(reads.current_context()) | response.vary.as_set()
        lookup.seconds = entries.seconds_for(response, view.seconds)
        reason = entries.why_not_cached(response, names, view.options)
        is_late = lookup.has_read and not entries.is_older(lookup.token, request.started)
        if is_late and reads.GLOBALS in names:
            reason = "what g holds may be older than the last write"
        if reason or not lookup.seconds:
            entries.note(request, "fwd=miss", reason or "it expires at once")
            return response
        varies = entries.varies_on(names)
        view.varies.update(varies)
        if headers := [name.title() for name in sorted(varies - {"host", reads.SCHEME})]:
            response.vary.update(headers)
        response.add_etag()
        response.headers.setdefault("Cache-Control", "no-cache")  # Clients revalidate.
        sent = response.get_wsgi_headers(reads.environ_of(request)).to_wsgi_list()
        head = entries.Head(lookup.token, made, response.status_code, sent)
        lookup.entry = Entry(head, response.get_data())
        return response

    def _store(self, lookup: Lookup, stored: dict[str, Entry]) -> None:
        """Store entries, and release the leases."""
        if stored or lookup.leases:
            with suppress(Unavailable):  # The response is sent anyway.
                self.availability.run(
                    self.availability.backend.set_many, stored, lookup.seconds, *lookup.leases
                )

    def _respond(self, lookup: Lookup, entry: Entry, status: str) -> Response:
        entries.note(lookup.request, status)
        return self.responses.respond(entry, reads.environ_of(lookup.request))
