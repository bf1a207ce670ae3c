"""The backend in the memory of one process, and the one of a cache that is off."""

import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask_caching.backends.nullcache import NullCache as FlaskNullCache
from flask_caching.backends.simplecache import SimpleCache as FlaskSimpleCache

from .availability import Errors
from .entry import Entry
from .serializer import Serializer

_IMMUTABLE = {str, Entry, type(None)}
_NOTHING = (0, None)


class MemorySerializer(Serializer):
    """Strings and entries as they are; other values are copied, as other backends do."""

    def dumps(self, value: Any, protocol: int = 0) -> Any:
        return value if type(value) in _IMMUTABLE else super().dumps(value)

    def loads(self, bvalue: Any) -> Any:
        return bvalue if type(bvalue) in _IMMUTABLE else super().loads(bvalue)


class SimpleCache(FlaskSimpleCache):
    """Flask-Caching's memory as a ``Backend``."""

    serializer: Any = MemorySerializer()
    failures: Errors = ()
    refusals: Errors = ()
    is_shared = False

    def get_many(self, *keys: str) -> list[Any]:
        now, stored, values = time.time(), self._cache.get, []
        for key in keys:
            end, value = stored(key, _NOTHING)
            if 0 < end <= now:
                value = None
            values.append(value if type(value) in _IMMUTABLE else self.serializer.loads(value))
        return values

    def set_many(self, mapping: Any, timeout: Any = None, *removed: str) -> list[Any]:
        self.delete_many(*removed)
        return super().set_many(mapping, timeout)

    def get_or_set(self, values: Mapping[str, str], timeout: int, *others: str) -> list[Any]:
        for key, value in values.items():
            self.add(key, value, timeout)
        return self.get_many(*values, *others)

    unlink = FlaskSimpleCache.delete_many

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> bool:
        starts = tuple(prefixes or [""])
        self.delete_many(*(key for key in list(self._cache) if key.startswith(starts)))
        return True


class NullCache(FlaskNullCache):
    """Stores nothing. Views never use it."""

    failures: Errors = ()
    refusals: Errors = ()
    is_shared = True

    unlink = FlaskNullCache.delete_many

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> bool:
        return True
