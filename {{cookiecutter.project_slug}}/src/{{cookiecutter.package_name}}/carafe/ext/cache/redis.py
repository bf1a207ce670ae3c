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

import redis
from flask import Flask
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from redis import exceptions
from werkzeug.local import LocalProxy

from .availability import Errors
from .entry import Serializer
from .settings import RedisUrl

OPTIONS = {
    "socket_timeout": 0.08,
    "socket_connect_timeout": 0.08,
    "protocol": 2,  # without the messages that a server may push between two replies
    "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
}
"""Seconds to wait for a reply and for a connection; ``CACHE_OPTIONS`` overrides them."""

PORT, SENTINEL_PORT = 6379, 26379

_PAGE = 1000
"""Keys in one step of a scan."""

Command = tuple[Any, ...]


class RedisCache(FlaskRedisCache):
    """Flask-Caching's Redis as a ``Backend``, with short timeouts and no retries."""

    failures: Errors = OSError, exceptions.RedisError, exceptions.RedisClusterException
    refusals: Errors = exceptions.ResponseError, exceptions.MaxConnectionsError
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
            try:
                return redis.Redis.from_url(url, **options)
            except ValueError:
                example = "redis://user:password@host:6379/0"
                raise ValueError(f"CACHE_REDIS_URL: expected a URL such as {example}.") from None
        port, db = config.get("CACHE_REDIS_PORT", 6379), config.get("CACHE_REDIS_DB", 0)
        return redis.Redis(host=host, port=int(port), db=int(db), **options)

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

    def get_many(self, *keys: str) -> list[Any]:
        [values] = self.ask(self._command("MGET", *keys))
        return [*map(self.serializer.loads, values)]

    def set_many(self, mapping: Any, timeout: Any = None, *removed: str) -> list[str]:
        removal = [self._command("UNLINK", *removed)] if removed else []
        self.ask(*self._sets(mapping, self._normalize_timeout(timeout)), *removal)
        return list(mapping)

    def get_or_set(self, values: Mapping[str, str], timeout: int, *others: str) -> list[Any]:
        sets = self._sets(values, timeout, "NX")
        *_, found = self.ask(*sets, self._command("MGET", *values, *others))
        return [*map(self.serializer.loads, found)]

    def invalidate(self, keys: Collection[str]) -> None:
        self.ask(self._command("UNLINK", *keys))

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

    def _command(self, name: str, *keys: str) -> Command:
        prefix = self._get_prefix()
        return (name, *(f"{prefix}{key}" for key in keys))

    def _sets(self, values: Mapping[str, Any], timeout: int, *flags: str) -> Iterator[Command]:
        lifetime = ("EX", timeout) if timeout > 0 else ()
        for key, value in values.items():
            yield (*self._command("SET", key), self.serializer.dumps(value), *flags, *lifetime)


class RedisSentinelCache(RedisCache):
    """The primary that Sentinel names; a replica may lack a write."""

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """A client of whichever server is the primary when it connects."""
        servers = config.get("CACHE_REDIS_SENTINELS", [("127.0.0.1", SENTINEL_PORT)])
        where = RedisUrl([(host, int(port)) for host, port in servers], [], {})
        if url := config.get("CACHE_REDIS_URL"):
            where = RedisUrl.parse(url, SENTINEL_PORT)
        password = config.get("CACHE_REDIS_SENTINEL_PASSWORD")
        sentinel = redis.Sentinel(  # type: ignore[no-untyped-call]
            where.addresses,
            sentinel_kwargs={**OPTIONS, "socket_timeout": 0.05, "password": password},
        )
        defaults = [
            config.get("CACHE_REDIS_SENTINEL_MASTER", "mymaster"),
            config.get("CACHE_REDIS_DB", 0),
        ]
        service, db, *_ = where.path + defaults[len(where.path) :]
        options = {**_options(config), **where.options, "db": int(db)}
        return sentinel.master_for(service, **options)  # type: ignore[no-untyped-call]


class RedisClusterCache(RedisCache):
    """A cluster: each command goes to the node that has its key."""

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """What makes a client, later: it asks the nodes for their slots."""
        named = f"//{config.get('CACHE_REDIS_CLUSTER', '')}"
        where = RedisUrl.parse(config.get("CACHE_REDIS_URL") or named, PORT)
        options = {**_options(config), **where.options}

        def connect() -> redis.RedisCluster:
            nodes = [redis.cluster.ClusterNode(*each) for each in where.addresses]  # type: ignore[no-untyped-call]
            return redis.RedisCluster(startup_nodes=nodes, **options)

        return connect

    def __init__(self, host: Callable[[], Any], **kwargs: Any) -> None:
        FlaskRedisCache.__init__(self, host, **kwargs)
        self._connect = cache(host)
        self._read_client = self._write_client = LocalProxy(self._connect)

    def ask(self, *commands: Command) -> list[Any]:
        """The replies to *commands*, each from its own nodes."""
        try:
            return [self._ask(*command) for command in commands]
        except exceptions.ClusterDownError as error:
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


def _options(config: dict[str, Any]) -> dict[str, Any]:
    password = config.get("CACHE_REDIS_PASSWORD")
    authentication = {"password": password} if password else {}
    return {**OPTIONS, **(config.get("CACHE_OPTIONS") or {}), **authentication}


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
            if isinstance(reply, exceptions.ResponseError):
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
    except exceptions.ResponseError as error:
        return error
