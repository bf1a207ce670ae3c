"""Values that a process keeps for itself, each as long as a token stays what it was.

What is asked of the server is the token alone, so a value may be anything, and never leaves.
"""

import time
from collections.abc import Callable
from collections.abc import Hashable
from typing import Any

LONGEST = 60
"""Seconds that a value is kept: what an invalidation that was lost can cost."""

_MANY = 4096


class Memo:
    """Forgotten as a whole when it is too much: it is only a shortcut."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[str, float, Any]] = {}

    def get(self, key: Hashable, token: str, make: Callable[[], Any]) -> Any:
        """The value at *key*, made anew under a new *token*; None is not kept."""
        now = time.monotonic()
        known, end, value = self._kept.get(key, ("", 0.0, None))
        if known == token and now < end:
            return value
        value = make()
        if value is not None:
            if len(self._kept) >= _MANY:
                self._kept.clear()
            self._kept[key] = (token, now + LONGEST, value)
        return value
