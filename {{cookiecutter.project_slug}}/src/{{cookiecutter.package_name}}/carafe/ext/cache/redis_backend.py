"""Redis that is never waited for long."""

from typing import Any

from flask import Flask
from flask_caching.backends.rediscache import RedisCache as FlaskRedisCache
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

OPTIONS = {
    "socket_timeout": 0.1,
    "socket_connect_timeout": 0.1,
    "retry": Retry(NoBackoff(), 0),
}
"""Seconds to wait for an answer and for a connection; ``CACHE_OPTIONS`` may say otherwise."""


class RedisCache(FlaskRedisCache):
    """Flask-Caching's Redis, with short timeouts and no retries."""

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> "RedisCache":
        """Make it from the configuration; ``CACHE_REDIS_HOST`` may be a client."""
        return cls(
            host=_client(config),
            default_timeout=kwargs["default_timeout"],
            key_prefix=config["CACHE_KEY_PREFIX"],
            ignore_delete_many_errors=kwargs["ignore_delete_many_errors"],
        )


def _client(config: dict[str, Any]) -> Any:
    host = config.get("CACHE_REDIS_HOST", "localhost")
    if not isinstance(host, str):
        return host
    options = {**OPTIONS, **(config.get("CACHE_OPTIONS") or {})}
    if password := config.get("CACHE_REDIS_PASSWORD"):
        options["password"] = password
    if url := config.get("CACHE_REDIS_URL"):
        return Redis.from_url(url, **options)
    port, db = config.get("CACHE_REDIS_PORT", 6379), config.get("CACHE_REDIS_DB", 0)
    return Redis(host=host, port=int(port), db=int(db), **options)
