"""The server of the cache."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask

from .nearness import is_near


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    url = app.config.get("CACHE_REDIS_URL")
    if not url:
        if int(os.environ.get("WEB_CONCURRENCY", "1")) > 1:
            yield "REDIS_URL: several workers cannot share a cache without it; set it"
        return
    parts = urlsplit(url)
    if parts.scheme.startswith("unix") or all(map(is_near, _hosts(parts.netloc))):
        return
    if not parts.scheme.startswith("rediss"):
        yield "REDIS_URL: what is cached travels in clear; use rediss://"
    if ":" not in parts.netloc.rpartition("@")[0]:
        yield "REDIS_URL: whoever reaches the server can write to it; put credentials in it"


def _hosts(netloc: str) -> Iterator[str]:
    for address in netloc.rpartition("@")[2].split(","):
        yield urlsplit(f"//{address}").hostname or ""
