"""Which backend an app's configuration means, and how it fails."""

from typing import Any

from flask import Flask
from werkzeug.utils import import_string

from .serializer import Serializer

_OURS = {"RedisCache": f"{__package__}.redis_backend.RedisCache"}


def settings_for(app: Flask, given: dict[str, Any]) -> dict[str, Any]:
    """*given*, completed for Flask-Caching."""
    if not app.config["CARAFE_CACHE_ENABLED"]:
        return {**given, "CACHE_TYPE": "NullCache", "CACHE_NO_NULL_WARNING": True}
    backend = str({**app.config, **given}.get("CACHE_TYPE", "SimpleCache"))
    settings = {**given, "CACHE_TYPE": _OURS.get(backend, backend)}
    if "Memcached" not in backend:
        settings.setdefault("CACHE_SERIALIZER", app.config.get("CACHE_SERIALIZER", Serializer))
    return settings


def failures_of(backend: str) -> tuple[type[Exception], ...]:
    """The errors of a backend that is away. Redis is not imported for another one."""
    return (OSError, import_string("redis.RedisError")) if "Redis" in backend else (OSError,)
