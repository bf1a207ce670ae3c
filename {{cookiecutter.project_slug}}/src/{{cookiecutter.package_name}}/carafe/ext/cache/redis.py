"""The Redis backend: one server, the primary that Sentinel names, or a cluster.

A pool hands a connection out and takes it back for every command, which costs more than the
network. Here each thread holds one. It is closed when anything goes wrong while it is in use, so
that a reply never meets the wrong command, and replaced after a fork.
"""

import os
import threading
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cache
from itertools import islice
from re import sub
from typing import Any
from weakref import WeakSet

from flask import Flask
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from redis import Redis
from redis import RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import ClusterDownError
from redis.exceptions import MaxConnectionsError
from redis.exceptions import RedisClusterException
from redis.exceptions import RedisError
from redis.exceptions import ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel
from werkzeug.local import LocalProxy

from .entry import Serializer
from .settings import RedisUrl

OPTIONS = {
    "socket_timeout": 0.08,
    "socket_connect_timeout": 0.08,
    "protocol": 2,  # without the messages that a server may push between two replies
    "retry": Retry(NoBackoff(), 0),
}
"""Seconds to wait for a reply and for a connection; ``CACHE_OPTIONS`` overrides them."""

PORT, SENTINEL_PORT = 6379, 26379

_PAGE = 1000
"""Keys in one step of a scan."""

Command = tuple[Any, ...]


class RedisCache(FlaskRedisCache):
    """Flask-Caching's Redis as a ``Backend``, with short timeouts and no retries."""

    failures: tuple[type[Exception], ...] = (OSError, RedisError, RedisClusterException)
    refusals: tuple[type[Exception], ...] = (ResponseError, MaxConnectionsError)
    is_shared = True
    serializer: Any = Serializer()

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "RedisCache":
        """Make one from the configuration; ``CACHE_REDIS_HOST`` may be a client."""
        return cls(
            host=cls.client(config),
            default_timeout=kwargs["default_timeout"],
            key_prefix=config["CACHE_KEY_PREFIX"],
            ignore_delete_many_errors=kwargs["ignore_delete_many_errors"],
        )

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """A client of the one server."""
        host = config.get("CACHE_REDIS_HOST", "localhost")
        if not isinstance(host, str):
            return host
        options = _options(config)
        if url := config.get("CACHE_REDIS_URL"):
            return Redis.from_url(url, **options)
        port, db = config.get("CACHE_REDIS_PORT", 6379), config.get("CACHE_REDIS_DB", 0)
        return Redis(host=host, port=int(port), db=int(db), **options)

    def __init__(self, host: Any, **kwargs: Any) -> None:
        super().__init__(host, **kwargs)
        self._connections = Connections(host.connection_pool)

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to *commands*, in one round trip."""
        return self._connections.ask(*commands)

    def close(self) -> None:
        """Close the connections of this process."""
        self._connections.close()
        self._write_client.close()

    def set_many(self, mapping: dict[str, Any], timeout: Any = None) -> list[str]:
        self.ask(*self._sets(mapping, self._normalize_timeout(timeout)))
        return list(mapping)

    def get_many(self, *keys: str) -> list[Any]:
        [values] = self.ask(("MGET", *map(self._full, keys)))
        return [self.serializer.loads(value) for value in values]

    def get_or_set(self, values: Mapping[str, str], timeout: int) -> list[Any]:
        sets = [
            ("SET", self._full(key), self.serializer.dumps(value), "NX", "EX", timeout)
            for key, value in values.items()
        ]
        *_, found = self.ask(*sets, ("MGET", *map(self._full, values)))
        return [self.serializer.loads(value) for value in found]

    def invalidate(self, keys: Collection[str]) -> None:
        self.ask(("UNLINK", *map(self._full, keys)))

    def lease(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        taken, values = self.ask(
            ("SET", self._full(lease), "1", "NX", "EX", seconds),
            ("MGET", *map(self._full, keys)),
        )
        return taken is not None, [self.serializer.loads(value) for value in values]

    def release(self, lease: str, entries: Mapping[str, Any], timeout: int) -> None:
        self.ask(*self._sets(entries, timeout), ("DEL", self._full(lease)))

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> None:
        start = _escaped(self._get_prefix())
        if prefixes:
            patterns = [f"{start}{_escaped(prefix)}*" for prefix in prefixes]
        else:
            patterns = [f"{start}*"] if start else ["*:view:*", "*:token"]
        for pattern in patterns:
            keys = iter(self._write_client.scan_iter(match=pattern, count=_PAGE))
            while page := list(islice(keys, _PAGE)):
                self._write_client.unlink(*page)

    def _sets(self, entries: Mapping[str, Any], timeout: int) -> Iterator[Command]:
        lifetime = ("EX", timeout) if timeout > 0 else ()
        for key, value in entries.items():
            yield ("SET", self._full(key), self.serializer.dumps(value), *lifetime)

    def _full(self, key: str) -> str:
        return f"{self._get_prefix()}{key}"


class RedisSentinelCache(RedisCache):
    """The primary that Sentinel names; a replica may lack a write."""

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """A client of whichever server is the primary when it connects."""
        where = _sentinels(config)
        password = config.get("CACHE_REDIS_SENTINEL_PASSWORD")
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            where.addresses,
            sentinel_kwargs={**OPTIONS, "socket_timeout": 0.05, "password": password},
        )
        service = where.part(0, config.get("CACHE_REDIS_SENTINEL_MASTER", "mymaster"))
        db = int(where.part(1, config.get("CACHE_REDIS_DB", 0)))
        options = {**_options(config), **where.options, "db": db}
        return sentinel.master_for(service, **options)  # type: ignore[no-untyped-call]


class RedisClusterCache(RedisCache):
    """A cluster: each command goes to the node that has its key."""

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """What makes a client, later: it asks the nodes for their slots."""
        named = f"//{config.get('CACHE_REDIS_CLUSTER', '')}"
        where = RedisUrl.parse(config.get("CACHE_REDIS_URL") or named, PORT)
        options = {**_options(config), **where.options}

        def connect() -> RedisCluster:
            nodes = [ClusterNode(*node) for node in where.addresses]  # type: ignore[no-untyped-call]
            return RedisCluster(startup_nodes=nodes, **options)

        return connect

    def __init__(self, host: Callable[[], Any], **kwargs: Any) -> None:
        FlaskRedisCache.__init__(self, host, **kwargs)
        self._connect = cache(host)
        self._read_client = self._write_client = LocalProxy(self._connect)

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to *commands*, each from its own nodes."""
        try:
            return [self._ask(*command) for command in commands]
        except ClusterDownError as error:
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        if self._connect.cache_info().currsize:
            self._write_client.close()

    def _ask(self, name: str, *args: Any) -> Any:
        if name == "MGET":
            return self._read_client.mget_nonatomic(args)
        if name == "UNLINK":
            return self._write_client.unlink(*args)
        return self._write_client.execute_command(name, *args)


def _sentinels(config: dict[str, Any]) -> RedisUrl:
    if url := config.get("CACHE_REDIS_URL"):
        return RedisUrl.parse(url, SENTINEL_PORT)
    given = config.get("CACHE_REDIS_SENTINELS", [("127.0.0.1", SENTINEL_PORT)])
    return RedisUrl([(host, int(port)) for host, port in given])


def _options(config: dict[str, Any]) -> dict[str, Any]:
    options = {**OPTIONS, **(config.get("CACHE_OPTIONS") or {})}
    if password := config.get("CACHE_REDIS_PASSWORD"):
        options["password"] = password
    return options


def _escaped(text: str) -> str:
    """*text* as a part of a pattern."""
    return sub(r"([*?\[\]\\^])", r"\\\1", text)


class Connections:
    """The connections that *pool* would make, one for each thread."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._local = threading.local()
        self._all: WeakSet[Any] = WeakSet()

    def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The replies to *commands*, in one round trip. Raises the first error among them."""
        connection = self._own()
        try:
            if not connection.is_connected:
                connection.connect()  # Sending would not ask Sentinel where to.
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:  # A worker that is told to stop, too, leaves a reply half read.
            connection.disconnect()
            raise
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies

    def close(self) -> None:
        """Close those of all threads; a thread that goes on connects again."""
        for connection in list(self._all):
            connection.disconnect()

    def _own(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.pid != os.getpid():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._local.connection = connection
            self._all.add(connection)
        return connection


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
