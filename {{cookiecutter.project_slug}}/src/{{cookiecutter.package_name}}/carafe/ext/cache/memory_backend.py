"""The memory of one process, which need not copy what nobody can change."""

import time
from typing import Any

from flask_caching.backends.simplecache import SimpleCache as FlaskSimpleCache

from .entry import Entry
from .serializer import Serializer

_UNCHANGEABLE = {str, Entry}
_NOTHING = (0, None)


class MemorySerializer(Serializer):
    """Text and entries as they are; the rest is copied, as it would be anywhere else."""

    def dumps(self, value: Any, protocol: int = 0) -> Any:
        return value if type(value) in _UNCHANGEABLE else super().dumps(value)

    def loads(self, bvalue: Any) -> Any:
        return bvalue if type(bvalue) in _UNCHANGEABLE else super().loads(bvalue)


class SimpleCache(FlaskSimpleCache):
    """Flask-Caching's memory, asked for several keys at once."""

    serializer: Any = MemorySerializer()

    def get_many(self, *keys: str) -> list[Any]:
        now, kept, values = time.time(), self._cache.get, []
        for key in keys:
            end, value = kept(key, _NOTHING)
            if 0 < end <= now:
                value = None
            values.append(value if type(value) in _UNCHANGEABLE else self.serializer.loads(value))
        return values
