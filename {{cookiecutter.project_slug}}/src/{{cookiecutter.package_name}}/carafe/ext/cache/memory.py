"""The backend in the memory of one process, for development and for a single process."""

import threading
import time
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask_caching.backends.simplecache import SimpleCache as FlaskSimpleCache

from .entry import Entry
from .entry import Serializer

_IMMUTABLE = {str, Entry}
_NOTHING = (0, None)


class MemorySerializer(Serializer):
    """Text and entries as they are; the rest is copied, as it would be anywhere else."""

    def dumps(self, value: Any, protocol: int = 0) -> Any:
        return value if type(value) in _IMMUTABLE else super().dumps(value)

    def loads(self, bvalue: Any) -> Any:
        return bvalue if type(bvalue) in _IMMUTABLE else super().loads(bvalue)


class SimpleCache(FlaskSimpleCache):
    """Flask-Caching's memory as a ``Backend``."""

    serializer: Any = MemorySerializer()
    failures: tuple[type[Exception], ...] = (OSError,)
    refusals: tuple[type[Exception], ...] = ()
    is_shared = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._creating = threading.Lock()

    def get_many(self, *keys: str) -> list[Any]:
        now, stored, values = time.time(), self._cache.get, []
        for key in keys:
            end, value = stored(key, _NOTHING)
            if 0 < end <= now:
                value = None
            values.append(value if type(value) in _IMMUTABLE else self.serializer.loads(value))
        return values

    def get_or_set(self, values: Mapping[str, str], timeout: int) -> list[Any]:
        with self._creating:
            found = self.get_many(*values)
            for (key, value), old in zip(values.items(), found, strict=True):
                if old is None:
                    self.set(key, value, timeout)
            return self.get_many(*values)

    def invalidate(self, keys: Collection[str]) -> None:
        for key in keys:
            self.delete(key)

    def lease(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        """No other process sees what is stored here, so none has to wait."""
        return True, self.get_many(*keys)

    def release(self, lease: str, entries: Mapping[str, Any], timeout: int) -> None:
        self.set_many(dict(entries), timeout)

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> None:
        for key in [key for key in list(self._cache) if key.startswith(tuple(prefixes or [""]))]:
            self.delete(key)
