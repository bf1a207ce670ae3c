"""The Redis backend: one server, the primary that Sentinel names, or a cluster.

A pool hands out a connection and takes it back for every command, which costs more than the
network. Here each thread has its own. It is closed when anything goes wrong while it is in use, so
that a reply never goes to the wrong command, and replaced after a fork.
"""

import os
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cache
from functools import partial
from itertools import islice
from re import sub
from typing import Any
from typing import ClassVar

import redis
from cachelib.redis_base import BaseRedisCache
from flask import Flask
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from flask_caching.backends.rediscache import RedisClusterCache as FlaskRedisClusterCache
from flask_caching.backends.rediscache import RedisSentinelCache as FlaskRedisSentinelCache
from redis import exceptions
from werkzeug.local import LocalProxy

from .availability import Errors
from .serializer import Serializer
from .settings import addresses

OPTIONS = {
    "socket_timeout": 0.08,
    "socket_connect_timeout": 0.08,
    "protocol": 2,  # without the messages that a server may push between two replies
    "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
}
"""Seconds to wait for a reply and for a connection; ``CACHE_OPTIONS`` overrides them."""

_PAGE = 1000
"""Keys in one step of a scan."""

Command = tuple[Any, ...]


class RedisCache(FlaskRedisCache):
    """Flask-Caching's Redis as a ``Backend``, with short timeouts and no retries."""

    failures: Errors = OSError, exceptions.RedisError, exceptions.RedisClusterException
    refusals: Errors = (
        exceptions.ResponseError,
        exceptions.DataError,  # A value that Redis cannot store says nothing about Redis.
        exceptions.MaxConnectionsError,
    )
    is_shared = True
    serializer: Any = Serializer()
    options: ClassVar[dict[str, Any]] = OPTIONS

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Make one from the configuration; ``CACHE_REDIS_HOST`` may be a client."""
        options = {**cls.options, **(config["CACHE_OPTIONS"] or {})}
        if password := config.get("CACHE_REDIS_PASSWORD"):
            options["password"] = password
        config = {**config, "CACHE_OPTIONS": options}
        try:
            return super().factory(app, config, args, {**kwargs, **options})
        except ValueError:
            example = "redis://user:password@host:6379/0"
            raise ValueError(f"CACHE_REDIS_URL: expected a URL such as {example}.") from None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_client = self._write_client  # A replica may lack the last write.
        self._local = threading.local()

    def execute(self, *commands: Command) -> list[Any]:
        """Return the replies to *commands*, in one round trip, or raise their first error."""
        connection = self._connection()
        try:
            if not connection.is_connected:
                connection.connect()  # Only this asks Sentinel for the primary.
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:  # Even a worker that is told to stop leaves a reply half read.
            connection.disconnect()
            raise
        for reply in replies:
            if isinstance(reply, exceptions.ResponseError):
                raise reply
        return replies

    def _connection(self) -> Any:
        """The connection of this thread, as the client's pool would make it."""
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.pid != os.getpid():
            pool = self._write_client.connection_pool
            connection = pool.connection_class(**pool.connection_kwargs)
            self._local.connection = connection
        return connection

    def get_many(self, *keys: str) -> list[Any]:
        [values] = self.execute(self._command("MGET", *keys))
        return [*map(self.serializer.loads, values)]

    def set_many(self, mapping: Any, timeout: Any = None, *removed: str) -> list[str]:
        removal = [self._command("UNLINK", *removed)] if removed else []
        self.execute(*self._sets(mapping, self._normalize_timeout(timeout)), *removal)
        return list(mapping)

    def get_or_set(self, values: Mapping[str, str], timeout: int, *others: str) -> list[Any]:
        sets = self._sets(values, timeout, "NX")
        *_, found = self.execute(*sets, self._command("MGET", *values, *others))
        return [*map(self.serializer.loads, found)]

    def unlink(self, *keys: str) -> int:
        [count] = self.execute(self._command("UNLINK", *keys))
        return int(count)

    def clear_prefixes(self, prefixes: Sequence[str] | None) -> bool:
        start = _escaped(self._get_prefix())
        if prefixes:
            patterns = [f"{start}{_escaped(prefix)}*" for prefix in prefixes]
        else:
            patterns = [f"{start}*"] if start else ["*:view:*", "*:token"]
        for pattern in patterns:
            keys = iter(self._write_client.scan_iter(match=pattern, count=_PAGE))
            while page := list(islice(keys, _PAGE)):
                self._write_client.unlink(*page)
        return True

    def _command(self, name: str, *keys: str) -> Command:
        prefix = self._get_prefix()
        return (name, *(f"{prefix}{key}" for key in keys))

    def _sets(self, values: Mapping[str, Any], timeout: int, *flags: str) -> Iterator[Command]:
        lifetime = ("EX", timeout) if timeout > 0 else ()
        for key, value in values.items():
            yield (*self._command("SET", key), self.serializer.dumps(value), *flags, *lifetime)


class RedisSentinelCache(RedisCache, FlaskRedisSentinelCache):
    """The primary that Sentinel names when a connection is made."""

    options: ClassVar[dict[str, Any]] = {
        **OPTIONS,
        **{f"sentinel_{name}": value for name, value in OPTIONS.items()},
        "sentinel_socket_timeout": 0.05,
    }


class RedisClusterCache(RedisCache, FlaskRedisClusterCache):
    """A cluster: each command goes to the node that has its key."""

    def __init__(
        self,
        cluster: str,
        key_prefix: str,
        default_timeout: int,
        ignore_delete_many_errors: bool,
        redis_url: str,
        **options: Any,
    ) -> None:
        nodes = [redis.cluster.ClusterNode(*each) for each in addresses(cluster, 6379)]  # type: ignore[no-untyped-call]
        connect = partial(redis.RedisCluster, startup_nodes=nodes, **options)
        BaseRedisCache.__init__(
            self,
            LocalProxy(cache(connect)),  # It fetches the slots of the nodes when it is first used.
            key_prefix=key_prefix,
            default_timeout=default_timeout,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )

    def execute(self, *commands: Command) -> list[Any]:
        """The replies to *commands*, each from its own nodes."""
        try:
            return [self._execute(*command) for command in commands]
        except exceptions.ClusterDownError as error:
            raise ConnectionError(str(error)) from error

    def _execute(self, name: str, *args: Any) -> Any:
        if name == "MGET":
            return self._read_client.mget_nonatomic(args)
        if name == "UNLINK":
            return self._write_client.unlink(*args)
        return self._write_client.execute_command(name, *args)


def _escaped(text: str) -> str:
    """*text* as a part of a pattern."""
    return sub(r"([*?\[\]\\^])", r"\\\1", text)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as error:
        return error
