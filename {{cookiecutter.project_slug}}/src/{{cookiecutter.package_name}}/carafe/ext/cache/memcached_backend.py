"""Memcached that is never waited for long, by pylibmc or python-memcached, without pickle.

``CACHE_MEMCACHED_SERVERS`` is a list of ``host:port``. While one of several does not answer, none
is asked: keys that moved to another would come back as they were.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from re import compile as compiled
from typing import Any

from cachelib.base import BaseCache
from flask_caching.backends.memcache import MemcachedCache as FlaskMemcachedCache
from werkzeug.utils import import_string

from .serializer import Serializer

pylibmc: Any = import_string("pylibmc", silent=True)
memcache: Any = import_string("memcache", silent=True)

_MILLISECONDS = 100
_BEHAVIORS = {
    "tcp_nodelay": True,
    "connect_timeout": _MILLISECONDS,
    "_poll_timeout": _MILLISECONDS,
    "send_timeout": _MILLISECONDS * 1000,
    "receive_timeout": _MILLISECONDS * 1000,
    "retry_timeout": 1,
}
_is_plain = compiled(r"[!-~]{1,250}").fullmatch


class MemcachedCache(FlaskMemcachedCache):
    """Flask-Caching's Memcached, with short timeouts, any key, and a client for each thread."""

    failures = (OSError, pylibmc.Error) if pylibmc else (OSError,)
    refusals = ()
    serializer = Serializer()

    def import_preferred_memcache_lib(self, servers: Any, *args: Any) -> Any:
        """What gives a client, and how to ask it. Raises RuntimeError without a library."""
        if not (pylibmc or memcache):
            raise RuntimeError("CACHE_TYPE MemcachedCache has no library. Install pylibmc.")
        self._servers = list(servers)
        self._clients = threading.local()
        return self._reserved, self._reserved

    def get(self, key: str) -> Any:
        return self.get_dict(key)[key]

    def get_dict(self, *keys: str) -> dict[str, Any]:
        names = {key: self._normalize_key(key) for key in keys}
        with self._reserved() as client:
            found = client.get_multi(list(set(names.values())))
        return {key: self.serializer.loads(found.get(name)) for key, name in names.items()}

    def set(self, key: str, value: Any, timeout: Any = None) -> bool:
        return bool(self.set_many({key: value}, timeout))

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[str]:
        """The keys that were set: not those whose value is too large."""
        names = {key: self._normalize_key(key) for key in mapping}
        entries = {names[key]: self.serializer.dumps(value) for key, value in mapping.items()}
        with self._reserved() as client:
            refused = client.set_multi(entries, self._normalize_timeout(timeout))
        return [key for key, name in names.items() if name not in refused]

    def add(self, key: str, value: Any, timeout: Any = None) -> bool:
        try:
            return super().add(key, self.serializer.dumps(value), timeout)
        except _TOO_LARGE:
            return False

    def inc(self, key: str, delta: int = 1) -> int | None:
        return self._counted("incr", key, delta, delta)

    def dec(self, key: str, delta: int = 1) -> int | None:
        """Memcached does not count below zero."""
        return self._counted("decr", key, delta, -delta)

    def unlink(self, *keys: str) -> bool:
        """Remove *keys*, without a look at whether they were there."""
        with self._reserved() as client:
            return bool(client.delete_multi([self._normalize_key(key) for key in keys]))

    def agree(self, key: str, value: Any, timeout: int) -> Any:
        """Set *key* for *timeout* seconds unless it is set, and answer with its value."""
        return value if self.add(key, value, timeout) else self.get(key)

    def lease(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        """Take *lease* for *seconds* unless it is taken, and read *keys* after that."""
        return self.add(lease, "1", seconds), self.get_many(*keys)

    def release(self, lease: str, entries: dict[str, Any], timeout: int) -> None:
        """Set *entries* for *timeout* seconds, and give *lease* back."""
        self.set_many(entries, timeout)
        self.unlink(lease)

    def close(self) -> None:
        """Close this thread's connections; those of another end with it."""
        with self._reserved() as client:
            client.disconnect_all()

    def _normalize_key(self, key: str) -> str:
        """With the prefix; what Memcached does not take as a key is a digest."""
        name = f"{self.key_prefix or ''}{key}"
        if _is_plain(name):
            return name
        return f"~{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def _counted(self, name: str, key: str, delta: int, first: int) -> int | None:
        with self._reserved() as client:
            try:
                found = getattr(client, name)(self._normalize_key(key), delta)
            except _NO_COUNTERS:
                found = None
        if found is not None:
            return int(found)
        return BaseCache.inc(self, key, first)

    @contextmanager
    def _reserved(self) -> Iterator[Any]:
        """This thread's client. A fork makes its own: one connection has one owner."""
        clients: Any = self._clients.__dict__
        if os.getpid() not in clients:
            clients[os.getpid()] = _client(self._servers)
        yield clients[os.getpid()]


_NO_COUNTERS = (ValueError, *((pylibmc.NotFound, pylibmc.ClientError) if pylibmc else ()))
_TOO_LARGE = (pylibmc.TooBig,) if pylibmc else ()


def _client(servers: list[str]) -> Any:
    if pylibmc:
        return _PylibmcClient(servers, behaviors=_BEHAVIORS)
    timeout = _MILLISECONDS / 1000
    return _MemcacheClient(servers, socket_timeout=timeout, server_max_value_length=0)


class _PylibmcClient(pylibmc.Client if pylibmc else object):  # type: ignore[misc]
    def deserialize(self, value: bytes, flags: int) -> bytes | None:
        """Only bytes are ours, and they have no flags."""
        return None if flags else value


class _MemcacheClient(memcache.Client if memcache else object):  # type: ignore[misc]
    def set_servers(self, servers: list[str]) -> None:
        self.servers = [_Host(server, socket_timeout=self.socket_timeout) for server in servers]
        self._init_buckets()

    def _recv_value(self, server: Any, flags: int, rlen: int) -> bytes | None:
        value: bytes = super()._recv_value(server, 0, rlen)
        return None if flags else value


class _Host(memcache._Host if memcache else object):  # type: ignore[misc]
    socket: Any = None

    def mark_dead(self, reason: object) -> None:
        """python-memcached would carry on as if nothing were kept, or ask another server."""
        self.close_socket()
        raise ConnectionError(str(reason))

    def _get_socket(self) -> Any:
        if self.socket is None:
            self.socket = socket.socket(self.family)
            self.socket.settimeout(self.socket_timeout)
            self.buffer = b""
            try:
                self.socket.connect(self.address)
            except OSError as error:
                self.mark_dead(error)
        return self.socket

    def __del__(self) -> None:
        self.close_socket()
