"""Secrets known by their value, which are found where no name stands beside them.

What is shorter than eight characters does not count, and of a request what has a space in it: who
sends ``?token=login failed`` must not be able to hide the line that tells of it.
"""

import os
import re
from base64 import b64decode
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlsplit

from flask import has_request_context
from pydantic_core import from_json

from ...reads import current_request
from ...reads import environ_of
from .redaction import is_sensitive
from .redaction import MASK

_OF_PROCESS = re.compile(
    r"passw(?:or)?d|secret|token|(?:api|access|private)_?key|_key$|credential|dsn", re.IGNORECASE
)
_MIN_LENGTH = 8
_MAX_BODY = 16_384


def mask(text: str, secrets: Iterable[str]) -> str:
    """*text* without the *secrets*."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def secrets_of_process(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The secrets of *config* and of the environment."""
    pairs = [*config.items(), *os.environ.items()]
    named = [value for name, value in pairs if _OF_PROCESS.search(name)]
    in_urls = [_credential(value) for _, value in pairs if isinstance(value, str) and "@" in value]
    return _spelled([*_texts(named), *in_urls])


def _credential(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    key = parts.username if parts.scheme in ("http", "https") else None
    return parts.password if parts.password not in (None, parts.username) else key or ""


def secrets_of_request() -> tuple[str, ...]:
    """The secrets that came with the current request; what nobody has read stays unread."""
    if not has_request_context():
        return ()
    found = [*_of_headers(), *_of_fields()]
    return _spelled(secret for secret in found if not re.search(r"\s", secret))


def _of_headers() -> Iterator[str]:
    for name, value in environ_of(current_request()).items():
        if name == "HTTP_COOKIE":
            yield from (pair.partition("=")[2].strip(' "') for pair in value.split(";"))
        elif name == "HTTP_AUTHORIZATION":
            yield from _of_authorization(value)
        elif name.startswith("HTTP_") and is_sensitive(name):
            yield value


def _of_authorization(value: str) -> Iterator[str]:
    credentials = value.partition(" ")[2].strip()
    yield credentials
    try:
        yield b64decode(credentials, validate=True).decode().partition(":")[2]
    except ValueError:
        pass


def _of_fields() -> Iterator[str]:
    """Of the query, and of a body that has been read already: Werkzeug then keeps it."""
    request = current_request()
    query = environ_of(request).get("QUERY_STRING", "").encode("latin1")
    yield from _texts(_sensitive(parse_qs(query.decode(errors="replace"))))
    if form := vars(request).get("form"):
        yield from _texts(_sensitive(form.to_dict(flat=False)))
    body = vars(request).get("_cached_data")
    if body and request.is_json and len(body) <= _MAX_BODY:
        try:
            yield from _texts(_sensitive(from_json(body)))
        except ValueError:
            pass


def _sensitive(value: object) -> Iterator[object]:
    """Whatever goes by a sensitive name in *value*, however nested."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from [item] if is_sensitive(name) else _sensitive(item)
    elif isinstance(value, list):
        for item in value:
            yield from _sensitive(item)


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from _texts(value)


def _spelled(secrets: Iterable[str]) -> tuple[str, ...]:
    """The *secrets* that are long enough, plain and as in a URL, the longest first."""
    long = [secret for secret in secrets if len(secret) >= _MIN_LENGTH]
    spelled = {text for secret in long for text in (secret, unquote(secret), quote(secret, ""))}
    return tuple(sorted(spelled, key=len, reverse=True))
