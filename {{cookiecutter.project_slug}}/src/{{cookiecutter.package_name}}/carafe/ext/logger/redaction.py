"""Secrets removed from text and values, and text made safe to write on one line.

A secret is recognized by its name, by what it looks like, and by its value if it is known: the
secrets of the process, and those that came with the current request. A known value shorter than
eight characters does not count, and of a request none with a space in it: a client that sends
``?token=login failed`` must not be able to hide the line that reports it.
"""

import os
import re
from base64 import b64decode
from collections.abc import Callable
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

MASK = "***"

_NAMES = (
    r"passw(?:or)?d|pwd|passphrase|secret|token|authorization|cookie"
    r"|(?:api|access)[ _-]?key|private[_-]?key|credential|csrf|dsn|session"
)
_SENSITIVE = re.compile(_NAMES, re.IGNORECASE)

# Repetitions are bounded: a long text that an attacker wrote must not take a second to search.
_HEADER = re.compile(
    r"((?:authorization|cookie)[ \t]?:[ \t]{0,3})(?=[^\s\"'\\(\[{])[^\r\n]+", re.IGNORECASE
)
_PAIR = re.compile(
    rf"""
    ( (?:{_NAMES}) [\w-]{{0,40}} \\{{0,4}}["']?
      [ \t]{{0,3}} (?: => | [:=] | ,(?=[ ]?\\{{0,4}}["']) ) [ \t]{{0,3}} )
    (?: (?P<quote>\\{{1,4}}["']) .{{0,2000}}? (?P=quote)
      | b?"(?:[^"\\]|\\.){{0,2000}}"
      | b?'(?:[^'\\]|\\.){{0,2000}}'
      | \[[^\]]{{0,500}}\] | \([^)]{{0,500}}\) | \{{[^}}]{{0,500}}\}}
      | (?:bearer|basic|digest|negotiate)[ ]+[^\s,;"']+
      | [^\s,;&"')\]}}]+
      | ["'][^\s,;&"']+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BEARER = re.compile(r"\b(bearer[ ]+)[\w.~+/=-]{16,}", re.IGNORECASE)
_SIGNED = re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{6,2000}(?:\.[\w-]{1,2000})?")
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@\"'<>]{0,128}:)"
    r"(?!\d{1,5}(?:[/?#\s\"']|$))[^\s\"'<>]{1,256}@",
    re.IGNORECASE,
)
_URL_KEY = re.compile(r"(\bhttps?://)[^\s:/?#@\"'<>]{1,256}@", re.IGNORECASE)


def is_sensitive(name: object) -> bool:
    """Whether a value with this *name* must not be shown."""
    return _SENSITIVE.search(str(name)) is not None


def redact_text(text: str) -> str:
    """Return *text* without what looks like a secret: pairs, headers, URLs, signed tokens."""
    text = _URL_PASSWORD.sub(rf"\g<1>{MASK}@", text)
    text = _URL_KEY.sub(rf"\g<1>{MASK}@", text)
    text = _HEADER.sub(rf"\g<1>{MASK}", text)
    text = _PAIR.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1>{MASK}", text)
    return _SIGNED.sub(MASK, text)


def redact(value: object, leaf: Callable[[object], object], depth: int = 8) -> object:
    """Return a copy of *value* without secrets, however nested; *leaf* converts other values."""
    if not isinstance(value, Mapping | list | tuple):
        return leaf(value)
    if depth == 0:
        return MASK
    if isinstance(value, Mapping):
        return {
            leaf(name): MASK if is_sensitive(name) else redact(item, leaf, depth - 1)
            for name, item in value.items()
        }
    items = [redact(item, leaf, depth - 1) for item in value]
    if len(items) == 2 and all(isinstance(item, str) for item in items) and is_sensitive(items[0]):
        items[1] = MASK
    return tuple(items) if isinstance(value, tuple) else items


_OF_PROCESS = re.compile(
    r"passw(?:or)?d|secret|token|(?:api|access|private)_?key|_key$|credential|dsn", re.IGNORECASE
)
MIN_SECRET_LENGTH = 8
MAX_BODY_BYTES = 16_384


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without the *secrets*."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def secrets_of_process(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secrets in *config* and in the environment."""
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
    """Return the secrets that came with the current request, without reading its body."""
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
    """Those of the query, and of a body that was read already, which Werkzeug then keeps."""
    request = current_request()
    query = environ_of(request).get("QUERY_STRING", "").encode("latin1")
    yield from _texts(_sensitive(parse_qs(query.decode(errors="replace"))))
    if form := vars(request).get("form"):
        yield from _texts(_sensitive(form.to_dict(flat=False)))
    body = vars(request).get("_cached_data")
    if body and request.is_json and len(body) <= MAX_BODY_BYTES:
        try:
            yield from _texts(_sensitive(from_json(body)))
        except ValueError:
            pass


def _sensitive(value: object) -> Iterator[object]:
    """The values with a sensitive name in *value*, however nested."""
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
    long = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
    spelled = {text for secret in long for text in (secret, unquote(secret), quote(secret, ""))}
    return tuple(sorted(spelled, key=len, reverse=True))


# C0 and C1 controls, bidirectional controls, line and paragraph separators, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
MAX_LENGTH = 16_384


def escape(text: str) -> str:
    """Return *text* on one line, each unsafe character as its Python escape."""
    return _UNSAFE.sub(_as_escape, text)


def _as_escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def escape_lines(text: str) -> str:
    """Return *text* with its line breaks, indented so that no line looks like a record."""
    return "\n".join(f"  {escape(line)}" for line in text.split("\n"))


def shorten(text: str) -> str:
    """Return *text*, without its middle if it is very long."""
    if len(text) <= MAX_LENGTH:
        return text
    half = MAX_LENGTH // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters) ... {text[-half:]}"
