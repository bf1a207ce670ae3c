"""Removing keys by prefix. Redis is asked in small steps, which block nobody."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice
from re import sub
from typing import Any

from cachelib import SimpleCache

_STEP = 1000


def sweep(backend: Any, prefixes: Sequence[str] | None) -> None:
    """Remove what starts with one of *prefixes*, or everything that is this cache's.

    From a backend that cannot list its keys, everything is removed: it is only a cache.
    """
    if hasattr(backend, "_write_client"):
        _sweep_redis(backend, prefixes)
    elif isinstance(backend, SimpleCache) and prefixes:
        for key in [key for key in list(backend._cache) if key.startswith(tuple(prefixes))]:
            backend.delete(key)
    else:
        backend.clear()


def _sweep_redis(backend: Any, prefixes: Sequence[str] | None) -> None:
    client, start = backend._write_client, _escaped(backend._get_prefix())
    if prefixes:
        patterns = [f"{start}{_escaped(prefix)}*" for prefix in prefixes]
    else:
        patterns = [f"{start}*"] if start else ["*:view:*", "*:token"]
    for pattern in patterns:
        for keys in _steps(client.scan_iter(match=pattern, count=_STEP)):
            client.unlink(*keys)


def _steps(keys: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(keys)
    while step := list(islice(iterator, _STEP)):
        yield step


def _escaped(text: str) -> str:
    return sub(r"([*?\[\]\\^])", r"\\\1", text)
