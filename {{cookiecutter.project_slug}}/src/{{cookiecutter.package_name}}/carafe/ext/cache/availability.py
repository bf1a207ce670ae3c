"""A circuit breaker in front of a backend that may fail: a failure is a miss.

While a backend is unavailable, no request waits for it; a thread tries it every 0.25 seconds.
Invalidations that failed are pending, and are made before anything is read again. A backend that
refuses a command, such as a full or read-only Redis, is still used for others. A warning is logged
at most once a minute.

A process does not use what was stored before it started, before its backend was available again,
or before an invalidation failed, in it or in another worker of the same server.
"""

import threading
import time
import weakref
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from functools import partial
from itertools import islice
from mmap import mmap
from typing import Any
from typing import Protocol
from typing import TypeVar

from ...app import logger

INTERVAL = 0.25
"""Seconds between two tries."""

MAX_UNLINKED = 1000
"""Keys that are removed at once."""

_QUIET = 60.0
"""Seconds from one warning to the next."""

_distrusted_until = memoryview(mmap(-1, 8)).cast("d")
"""What was stored before this time, in seconds since 1970, is not used. Forked processes, such as
the workers of gunicorn, share this value."""
_distrusted_until[0] = time.time()

Reply = TypeVar("Reply")
Errors = tuple[type[Exception], ...]


class Unavailable(Exception):
    """The backend did not respond, refused, or was left alone because it had not responded."""


class Backend(Protocol):
    """What stores entries and tokens, each method in one round trip.

    It raises *failures* if it does not respond, and *refusals*, which are caught first, if it
    responds with an error. *is_shared* says whether other processes see what is stored.
    """

    failures: Errors
    refusals: Errors
    is_shared: bool

    def get_many(self, *keys: str) -> list[Any]:
        """Return the values of *keys*, None for one that has none."""

    def set_many(self, mapping: Mapping[str, Any], timeout: int, *removed: str) -> Any:
        """Store values for *timeout* seconds, and remove other keys."""

    def get_or_set(self, values: Mapping[str, str], timeout: int, *others: str) -> list[Any]:
        """Store values under keys that have none, and return what these and *others* have then."""

    def unlink(self, *keys: str) -> Any:
        """Remove keys, also from a server that is full."""

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> bool:
        """Remove the keys that start with one of *prefixes*, or all that are this cache's; True."""


class Availability:
    """The circuit breaker of one app's backend.

    While it *is_open*, the backend is left alone; *pending* keys are removed when it is back.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._lock = threading.Lock()
        self.pending: set[str] = set()
        self.is_open = False
        self._is_back_since = 0.0
        self._thread: threading.Thread | None = None
        self._warned_at = -_QUIET

    @property
    def trusted_since(self) -> float:
        """What was stored before this time, in seconds since 1970, must not be used."""
        return max(self._is_back_since, _distrusted_until[0])

    def run(self, operation: Callable[..., Reply], *args: Any, repeatable: bool = True) -> Reply:
        """Return the reply. Raises Unavailable.

        What is *repeatable* is tried twice: a connection may have ended while it was idle.
        """
        if self.is_open:
            self._ensure_thread()
            raise Unavailable
        is_last = not repeatable
        while True:
            try:
                return operation(*args)
            except self.backend.refusals as error:
                self._warn("refuses", error)
                raise Unavailable from error
            except self.backend.failures as error:
                if is_last:
                    if repeatable:
                        self._open()
                    self._warn("does not respond", error)
                    raise Unavailable from error
                is_last = True

    def invalidate(self, keys: Collection[str]) -> None:
        """Invalidate tokens: now, or before anything is read here again."""
        try:
            self.run(self.backend.unlink, *keys)
        except Unavailable:
            self.add_pending(keys)
            _distrusted_until[0] = time.time()

    def add_pending(self, keys: Collection[str]) -> None:
        """Remove *keys* before anything is read here again."""
        with self._lock:
            self.pending.update(keys)
        self._open()

    def remove_older(self, keys: Collection[str]) -> None:
        """Remove the older values of *keys*, whose new ones could not be stored."""
        try:
            self.run(self.backend.unlink, *keys)
        except Unavailable:
            if self.is_open:  # A server that only refuses, such as a replica, may still be read.
                self.add_pending(keys)

    def _open(self) -> None:
        self.is_open = True
        self._ensure_thread()

    def _ensure_thread(self) -> None:
        """Start the thread that tries the backend, if none runs: a fork does not copy threads."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=_try, args=[weakref.ref(self)], daemon=True)
                with suppress(RuntimeError):  # There are too many. The next request tries again.
                    thread.start()
                    self._thread = thread

    def try_once(self) -> bool:
        """Try the backend, and invalidate what is pending; return whether the breaker is closed."""
        while True:
            with self._lock:
                pending = frozenset(islice(self.pending, MAX_UNLINKED))
            try:
                if pending:
                    self.backend.unlink(*pending)
                else:
                    self.backend.get_many("up")
            except (*self.backend.refusals, *self.backend.failures):
                return False
            with self._lock:
                self.pending -= pending
                if not self.pending:
                    self._is_back_since = time.time()
                    self.is_open, self._thread = False, None
                    return True

    def _warn(self, what: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned_at >= _QUIET:
            self._warned_at = now
            logger.warning("The cache %s; views run without it: %s", what, type(error).__name__)


def _try(reference: "weakref.ref[Availability]") -> None:
    """Try the backend until the breaker is closed, or its app is gone."""
    is_closed = False
    while not is_closed:
        time.sleep(INTERVAL)
        availability = reference()
        is_closed = availability is None or availability.try_once()
        del availability


class FailOpen:
    """A backend whose methods find nothing while it is unavailable or off.

    What is stored and deleted while it is off takes effect when *is_on* returns True again. A value
    that cannot be stored leaves no older one behind.
    """

    _NOTHING: Mapping[str, Any] = {
        **dict.fromkeys(("add", "clear_prefixes", "delete", "has"), False),
        **dict.fromkeys(("dec", "get", "inc"), None),
        **dict.fromkeys(("delete_many", "get_many", "set_many"), []),
        **{"get_dict": {}, "unlink": 0},
    }

    def __init__(self, availability: Availability, is_on: Callable[[], bool]) -> None:
        self._availability = availability
        self._is_on = is_on

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._availability.backend, name)
        return partial(self._call, name, found) if name in self._NOTHING else found

    def set(self, key: str, value: Any, timeout: Any = None) -> bool:
        """Store *value*. Returns False if it is not stored; then no older one is left."""
        return bool(self.set_many({key: value}, timeout))

    def set_many(self, mapping: Mapping[str, Any], timeout: Any = None) -> list[Any]:
        """Store values. Returns an empty list if none is stored; then no older one is left."""
        set_many = self._availability.backend.set_many
        stored: list[Any] = self._call("set_many", set_many, mapping, timeout)
        if mapping and not stored:
            self._availability.remove_older(mapping)
        return stored

    def _call(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        once = name in {"add", "dec", "inc"}  # What was counted must not count twice.
        try:
            if name in {"get", "get_dict", "get_many", "has"} and not self._is_on():
                raise Unavailable
            return self._availability.run(partial(operation, *args, **kwargs), repeatable=not once)
        except Unavailable:
            if name in {"delete", "delete_many", "unlink"}:
                self._availability.add_pending(args)
            return [None] * len(args) if name == "get_many" else copy(self._NOTHING[name])
