"""Origins: where a browser says that a page comes from, such as ``https://app.example.com``."""

from typing import Any
from urllib.parse import urlsplit

from flask import Flask


def origins(app: Flask, key: str) -> frozenset[str]:
    """Those in the setting *key* of *app*. Raises ValueError for what is none."""
    given = app.config[key]
    if not isinstance(given, list | tuple | set | frozenset) or not all(map(_is_origin, given)):
        raise ValueError(
            f"{key} is not a list of origins. "
            'Set a list such as ["https://app.example.com"], without paths.'
        )
    return frozenset(given)


def _is_origin(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    parts = urlsplit(text)
    return bool(parts.netloc) and text == f"{parts.scheme}://{parts.netloc}"
