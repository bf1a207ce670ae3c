"""Whose pages may ask."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask

from .nearness import is_near


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in *app*."""
    origins = app.config["CORS_ORIGINS"]
    if "*" in origins:
        yield "CORS_ORIGINS: every site may read the answers; list your own"
    if any(map(is_in_clear, origins)):
        yield "CORS_ORIGINS: whoever is on the way can speak for one; use https://"


def is_in_clear(origin: str) -> bool:
    """Whether *origin* is reached over a network, and not encrypted."""
    parts = urlsplit(origin)
    return parts.scheme == "http" and not is_near(parts.hostname)
