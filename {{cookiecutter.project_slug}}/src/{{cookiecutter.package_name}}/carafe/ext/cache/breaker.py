"""Keeping requests away from a backend that does not answer.

After two failures in a row nobody asks it any more, and a thread tries it every two seconds
until it answers again: no request ever waits for that. Keys that a write could not revoke are
owed; they are settled before anybody reads again. Other processes may owe some, too: when it
answers again, they are given the time to find that out.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from collections.abc import Iterable

LIMIT = 2
INTERVAL = 2.0
"""Seconds between two tries."""
GRACE = 1.25
"""Intervals in which every process has tried, though one had to wait for its last failure."""


class Breaker:
    """Open while the backend is away.

    *settle* asks the backend for something and settles the keys it is given; it tells whether
    that worked.
    """

    def __init__(self, settle: Callable[[frozenset[str]], bool]) -> None:
        self._settle = settle
        self._lock = threading.Lock()
        self._failures = 0
        self._is_open = False
        self._is_settled = False
        self._owed: set[str] = set()
        self._pid = os.getpid()

    @property
    def is_open(self) -> bool:
        """Whether the backend must not be asked."""
        if self._is_open and self._pid != os.getpid():
            self._start()  # A fork takes no threads along.
        return self._is_open

    @property
    def owed(self) -> int:
        """How many keys a write could not revoke yet."""
        return len(self._owed)

    def succeed(self) -> None:
        self._failures = 0

    def fail(self) -> None:
        self._failures += 1
        if self._failures >= LIMIT:
            self._open()

    def owe(self, keys: Iterable[str]) -> None:
        """Let nobody ask before *keys* are settled."""
        with self._lock:
            self._owed.update(keys)
        self._open()

    def _open(self) -> None:
        with self._lock:
            if self._is_open:
                return
            self._is_open = True
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        threading.Thread(target=_try, args=[weakref.ref(self)], daemon=True).start()

    def try_once(self) -> float:
        """Settle what is owed; the seconds until the next try, or 0 if the breaker is closed.

        It closes when there was nothing to settle since the last time.
        """
        with self._lock:
            owed = frozenset(self._owed)
        is_back = self._settle(owed)
        with self._lock:
            if is_back:
                self._owed -= owed
            was_settled, self._is_settled = self._is_settled, is_back and not self._owed
            if not self._is_settled:
                return INTERVAL
            if owed or not was_settled:
                return GRACE * INTERVAL
            self._failures = 0
            self._is_open = self._is_settled = False
            return 0


def _try(reference: "weakref.ref[Breaker]") -> None:
    """Until the breaker is closed, or its app is gone."""
    pause = INTERVAL
    while pause:
        time.sleep(pause)
        breaker = reference()
        pause = breaker.try_once() if breaker else 0
        del breaker
