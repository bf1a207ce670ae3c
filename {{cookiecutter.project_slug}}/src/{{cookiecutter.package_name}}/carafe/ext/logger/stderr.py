"""Where the logging itself complains."""

import sys
import threading
import time

from .redaction import redact_text
from .text import escape

_INTERVAL = 60.0


def write_line(text: str) -> None:
    """Write *text* to stderr, which may be closed."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


class Complaints:
    """Complaints of one kind: the first at once, then one a minute that counts the others."""

    def __init__(self, interval: float = _INTERVAL) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._count = 0
        self._next = 0.0

    def add(self, text: str) -> None:
        with self._lock:
            self._count += 1
            if (now := time.monotonic()) < self._next:
                return
            count, self._count, self._next = self._count, 0, now + self._interval
        times = f" ({count} times)" if count > 1 else ""
        write_line(f"{escape(redact_text(text))}{times}")
