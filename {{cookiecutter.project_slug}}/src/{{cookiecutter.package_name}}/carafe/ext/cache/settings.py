"""What an app's configuration means for Flask-Caching, checked before anything starts."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.utils import import_string

from .serializer import Serializer
from .timeouts import seconds_of

_REDIS = f"{__package__}.redis_backend"
_OURS = {
    "MemcachedCache": f"{__package__}.memcached_backend.MemcachedCache",
    "RedisCache": f"{_REDIS}.RedisCache",
    "RedisClusterCache": f"{_REDIS}.RedisClusterCache",
    "RedisSentinelCache": f"{_REDIS}.RedisSentinelCache",
    "SimpleCache": f"{__package__}.memory_backend.SimpleCache",
}
_SCHEMES = {
    **dict.fromkeys(["redis", "rediss", "unix"], "RedisCache"),
    **dict.fromkeys(["redis+cluster", "rediss+cluster"], "RedisClusterCache"),
    **dict.fromkeys(["redis+sentinel", "rediss+sentinel"], "RedisSentinelCache"),
}
_LONGEST_PREFIX = 50
"""Bytes. With the longest of our keys that is what Memcached takes."""


def settings_for(app: Flask, given: Mapping[str, Any]) -> dict[str, Any]:
    """*given*, checked and completed for Flask-Caching. Raises ValueError that names the key."""
    if not app.config["CARAFE_CACHE_ENABLED"]:
        return {**given, "CACHE_TYPE": "NullCache", "CACHE_NO_NULL_WARNING": True}
    config = {
        "CACHE_TYPE": "SimpleCache",
        "CACHE_DEFAULT_TIMEOUT": 300,
        "CACHE_KEY_PREFIX": "flask_cache_",
        **app.config,
        **given,
    }
    path = _backend(config)
    return {
        **given,
        "CACHE_TYPE": path,
        "CACHE_DEFAULT_TIMEOUT": seconds_of(
            "CACHE_DEFAULT_TIMEOUT", config["CACHE_DEFAULT_TIMEOUT"], 1
        ),
        "CACHE_KEY_PREFIX": _prefix(config["CACHE_KEY_PREFIX"]),
        "CACHE_SERIALIZER": config.get("CACHE_SERIALIZER") or _serializer(path),
    }


def ignored_arguments(app: Flask) -> frozenset[str]:
    """The query arguments that make no difference in *app*."""
    names = app.config["CARAFE_CACHE_IGNORED_REQUEST_ARGS"]
    if isinstance(names, str):
        raise ValueError("CARAFE_CACHE_IGNORED_REQUEST_ARGS is a text. Set a list of names.")
    return frozenset(names)


def _backend(config: Mapping[str, Any]) -> str:
    name = str(config["CACHE_TYPE"])
    url = config.get("CACHE_REDIS_URL")
    if name == "RedisCache" and url:
        name = _SCHEMES.get(urlsplit(url).scheme, "")
        if not name:
            raise ValueError(f"CACHE_REDIS_URL must start with one of {', '.join(_SCHEMES)}.")
    path = _OURS.get(name, name if "." in name else f"flask_caching.backends.{name}")
    try:
        import_string(path)
    except ImportError as error:
        raise ValueError(f"CACHE_TYPE {name!r} cannot be used. {error}") from error
    return path


def _serializer(backend: str) -> Any:
    own = getattr(import_string(backend), "serializer", None)
    return own if isinstance(own, Serializer) else Serializer


def _prefix(prefix: Any) -> Any:
    """As it is, or if it is long or odd as what a key can start with."""
    if not isinstance(prefix, str):
        return prefix
    plain = quote(prefix, safe="!\"#$&'()*+,/:;<=>?@[\\]^`{|}~")
    if len(plain) <= _LONGEST_PREFIX:
        return plain
    return f"{plain[:17]}~{sha256(plain.encode()).hexdigest()[:32]}"
