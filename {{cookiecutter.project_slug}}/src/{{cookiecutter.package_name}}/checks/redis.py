# feature: cache
"""The server of the cache."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask

from .nearness import is_near


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    url = app.config.get("CACHE_REDIS_URL")
    if not url:
        if app.config["CARAFE_CACHE_ENABLED"]:
            yield _without_server(app)
        return
    parts = urlsplit(url)
    if parts.scheme.startswith("unix") or all(map(is_near, _hosts(parts.netloc))):
        return
    if not parts.scheme.startswith("rediss"):
        yield "REDIS_URL: what is cached travels in clear; use rediss://"
    if ":" not in parts.netloc.rpartition("@")[0]:
        yield "REDIS_URL: whoever reaches the server can write to it; put credentials in it"


def _without_server(app: Flask) -> str:
    if app.config.get("CACHE_TYPE") == "SimpleCache":
        return "REDIS_URL: no process can invalidate what another has in memory; set it"
    return "REDIS_URL: nothing is cached; set it, or FLASK_CARAFE_CACHE_ENABLED=false"


def _hosts(netloc: str) -> Iterator[str]:
    for address in netloc.rpartition("@")[2].split(","):
        yield urlsplit(f"//{address}").hostname or ""
