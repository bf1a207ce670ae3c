"""The configuration of the cache, checked before anything starts.

``CACHE_REDIS_URL`` may name several Redis servers, which Flask-Caching has other settings for:
``redis+sentinel://user:password@host:26379,host:26379/service/0`` names the sentinels, the service
that they monitor and the number of the database; ``redis+cluster://host:7000,host:7001`` names some
nodes of a cluster. ``rediss+`` is the same over TLS. User and password are those of the servers
that hold the data.
"""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import unquote
from urllib.parse import urlsplit

from flask import Flask

from .entry import TOKEN_SECONDS

_TYPES = {
    "NullCache": f"{__package__}.memory.NullCache",
    "SimpleCache": f"{__package__}.memory.SimpleCache",
    "RedisCache": f"{__package__}.redis.RedisCache",
    "RedisClusterCache": f"{__package__}.redis.RedisClusterCache",
    "RedisSentinelCache": f"{__package__}.redis.RedisSentinelCache",
}
_SCHEMES = {
    **dict.fromkeys(["redis", "rediss", "unix"], "RedisCache"),
    **dict.fromkeys(["redis+cluster", "rediss+cluster"], "RedisClusterCache"),
    **dict.fromkeys(["redis+sentinel", "rediss+sentinel"], "RedisSentinelCache"),
}
_URL_OPTIONS = {
    *("client_name", "db", "health_check_interval", "max_connections", "password", "username"),
    *("socket_connect_timeout", "socket_keepalive", "socket_read_size", "socket_timeout"),
    *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname"),
    *("ssl_keyfile", "ssl_min_version"),
}
"""What the URL of a single server may set; others are in ``CACHE_OPTIONS``."""


_EXPECTED: dict[str, tuple[Any, str]] = {
    "CARAFE_CACHE_IGNORED_REQUEST_ARGS": (list | set | tuple | frozenset, "a list of names"),
    "CACHE_OPTIONS": (Mapping | None, "a mapping"),
    "CACHE_THRESHOLD": (int, "a number of entries"),
}


def checked(app: Flask, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is *given*, checked and completed for Flask-Caching.

    Raises ValueError that names the key.
    """
    for key in given:
        if key.startswith("CARAFE_"):
            raise ValueError(f"{key} is read from the app. Set it in app.config.")
    config = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 300, **app.config, **given}
    for key, (kinds, expected) in _EXPECTED.items():
        if key in config and not isinstance(config[key], kinds):
            raise ValueError(f"{key}: expected {expected}.")
    if not app.config["CARAFE_CACHE_ENABLED"]:
        config["CACHE_TYPE"] = "NullCache"
    seconds = config["CACHE_DEFAULT_TIMEOUT"]
    name = _type(config)
    return {
        **given,
        **_servers(name, config),
        "CACHE_TYPE": _TYPES[name],
        "CACHE_DEFAULT_TIMEOUT": seconds_of("CACHE_DEFAULT_TIMEOUT", seconds, 1),
        "CACHE_KEY_PREFIX": config.get("CACHE_KEY_PREFIX", "flask_cache_"),
        "CACHE_SERIALIZER": None,  # The backend has its own.
    }


def seconds_of(name: str, timeout: Any, shortest: int) -> int:
    """Return *timeout* in seconds, rounded up. Raises ValueError with its *name*."""
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not (is_number and 0 <= seconds <= TOKEN_SECONDS and ceil(seconds) >= shortest):
        raise ValueError(
            f"{name} is not a number of seconds to cache for. Give seconds, "
            f"{shortest} to {TOKEN_SECONDS}, or a timedelta."
        )
    return ceil(seconds)


def _type(config: Mapping[str, Any]) -> str:
    """Return the name of the type that ``CACHE_TYPE`` or the URL selects."""
    name, url = str(config["CACHE_TYPE"]), config.get("CACHE_REDIS_URL")
    if name not in _TYPES:
        raise ValueError(
            f"CACHE_TYPE {name!r} cannot cache views: it cannot read a response and its token at "
            f"once, or invalidate them for all processes. Use one of {', '.join(_TYPES)}."
        )
    if name == "RedisCache" and url:
        name = _SCHEMES.get(urlsplit(url).scheme, "")
        if not name:
            raise ValueError(f"CACHE_REDIS_URL must start with one of {', '.join(_SCHEMES)}.")
        known = _URL_OPTIONS if name == "RedisCache" else set()
        if unknown := parse_qs(urlsplit(url).query, keep_blank_values=True).keys() - known:
            raise ValueError(
                f"CACHE_REDIS_URL has unknown options. Remove {', '.join(sorted(unknown))}."
            )
    return name


def _servers(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return Flask-Caching's settings for the servers that the URL names, if it names several."""
    url = urlsplit(config.get("CACHE_REDIS_URL") or "")
    if not url.scheme or name not in {"RedisSentinelCache", "RedisClusterCache"}:
        return {}
    credentials, _, hosts = url.netloc.rpartition("@")
    user, _, password = map(unquote, credentials.partition(":"))
    service, _, db = url.path.strip("/").partition("/")
    if db and not db.isdecimal():
        raise ValueError(f"CACHE_REDIS_URL: expected the number of a database, not {db!r}.")
    options = dict(config.get("CACHE_OPTIONS") or {})
    if user:
        options["username"] = user
    if url.scheme.startswith("rediss"):
        options["ssl"] = True
    found = {
        "CACHE_REDIS_DB": db and int(db),
        "CACHE_REDIS_PASSWORD": password,
        "CACHE_REDIS_SENTINEL_MASTER": unquote(service),
    }
    return {
        "CACHE_OPTIONS": options,
        "CACHE_REDIS_CLUSTER": hosts,
        "CACHE_REDIS_SENTINELS": addresses(hosts, 26379),
        **{key: value for key, value in found.items() if value != ""},
    }


def addresses(hosts: str, port: int) -> list[tuple[str, int]]:
    """Return ``host``, ``host:port`` and ``[::1]:port`` as pairs; *port* is that of the first.

    Raises ValueError if there is none.
    """
    split = [urlsplit(f"//{host.strip()}") for host in hosts.split(",")]
    try:
        found = [(part.hostname, part.port or port) for part in split if part.hostname]
    except ValueError:
        found = []
    if not found:
        raise ValueError("CACHE_REDIS_URL: expected addresses such as host:6379,host:6379.")
    return found
