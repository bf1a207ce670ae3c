"""Redis that is never waited for long: alone, behind Sentinel, or as a cluster."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask import Flask
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from redis import Redis
from redis import RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import ClusterDownError
from redis.exceptions import RedisClusterException
from redis.exceptions import RedisError
from redis.exceptions import ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel
from werkzeug.local import LocalProxy

from .connections import Connections
from .redis_url import RedisUrl

OPTIONS = {
    "socket_timeout": 0.08,
    "socket_connect_timeout": 0.08,
    "protocol": 2,  # without the messages that a server may push between two replies
    "retry": Retry(NoBackoff(), 0),
}
"""Seconds to wait for an answer and for a connection; ``CACHE_OPTIONS`` may say otherwise."""

PORT, SENTINEL_PORT = 6379, 26379

Command = tuple[Any, ...]


class RedisCache(FlaskRedisCache):
    """Flask-Caching's Redis, with short timeouts, no retries, and a connection for each thread."""

    failures = (OSError, RedisError, RedisClusterException)
    refusals = (ResponseError,)

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "RedisCache":
        """Make it from the configuration; ``CACHE_REDIS_HOST`` may be a client."""
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

    def agree(self, key: str, value: Any, timeout: int) -> Any:
        """Set *key* for *timeout* seconds unless it is set, and answer with its value."""
        name = self._full(key)
        _, found = self.ask(
            ("SET", name, self.serializer.dumps(value), "NX", "EX", timeout), ("GET", name)
        )
        return self.serializer.loads(found)

    def revoke(self, keys: Collection[str]) -> None:
        """Remove the tokens at *keys*: one command, which a full server takes too."""
        self.ask(("UNLINK", *map(self._full, keys)))

    def lease(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        """Take *lease* for *seconds* unless it is taken, and read *keys* after that."""
        taken, values = self.ask(
            ("SET", self._full(lease), "1", "NX", "EX", seconds),
            ("MGET", *map(self._full, keys)),
        )
        return taken is not None, [self.serializer.loads(value) for value in values]

    def release(self, lease: str, entries: dict[str, Any], timeout: int) -> None:
        """Set *entries* for *timeout* seconds, and give *lease* back."""
        self.ask(*self._sets(entries, timeout), ("DEL", self._full(lease)))

    def _sets(self, entries: Mapping[str, Any], timeout: int) -> Iterator[Command]:
        lifetime = ("EX", timeout) if timeout > 0 else ()
        for key, value in entries.items():
            yield ("SET", self._full(key), self.serializer.dumps(value), *lifetime)

    def _full(self, key: str) -> str:
        return f"{self._get_prefix()}{key}"


class RedisSentinelCache(RedisCache):
    """The primary that Sentinel names; a replica may not have heard of a write yet."""

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
    """A cluster: each key is asked of the node that has it."""

    @staticmethod
    def client(config: dict[str, Any]) -> Any:
        """What makes a client: it asks the nodes for their slots, which may be too early now."""
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
