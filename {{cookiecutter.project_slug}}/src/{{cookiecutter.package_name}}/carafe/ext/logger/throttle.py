"""How often the same thing may be said."""

import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass

_OTHERS = "other records"


@dataclass
class _Kind:
    title: str
    ends: float
    suppressed: int = 0


class Throttle:
    """Lets one of a kind pass in *window* seconds, of *limit* kinds, and counts the others."""

    def __init__(self, window: float, limit: int) -> None:
        self.window = window
        self._limit = limit
        self._kinds: dict[Hashable, _Kind] = {}
        self._ended: list[_Kind] = []
        self._lock = threading.Lock()

    def admits(self, fingerprint: Hashable, title: str) -> bool:
        """Whether this one may pass; *title* tells of it in a summary."""
        with self._lock:
            self._end_windows()
            kind = self._kinds.get(fingerprint)
            if kind is None and len(self._kinds) < self._limit:
                self._kinds[fingerprint] = _Kind(title, time.monotonic() + self.window)
                return True
            if kind is None:
                others = _Kind(_OTHERS, time.monotonic() + self.window)
                kind = self._kinds.setdefault(_OTHERS, others)
            kind.suppressed += 1
            return False

    def take_summary(self, is_final: bool = False) -> list[tuple[int, str]]:
        """How many were suppressed of each kind whose window has ended; at the end, of all."""
        with self._lock:
            self._end_windows(is_final)
            ended, self._ended = self._ended, []
            return [(kind.suppressed, kind.title) for kind in ended]

    def _end_windows(self, is_final: bool = False) -> None:
        now = time.monotonic()
        for fingerprint, kind in list(self._kinds.items()):
            if is_final or kind.ends <= now:
                del self._kinds[fingerprint]
                if kind.suppressed:
                    self._ended.append(kind)
