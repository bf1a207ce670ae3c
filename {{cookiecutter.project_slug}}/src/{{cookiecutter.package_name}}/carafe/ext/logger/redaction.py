"""Secrets taken out of values by the name they go by, and out of text by what they look like."""

import re
from collections.abc import Callable
from collections.abc import Mapping

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
    """Whether what goes by *name* must not be shown."""
    return _SENSITIVE.search(str(name)) is not None


def redact_text(text: str) -> str:
    """*text* without the secrets that can be told: ``key=value``, headers, URLs, signed tokens."""
    text = _URL_PASSWORD.sub(rf"\g<1>{MASK}@", text)
    text = _URL_KEY.sub(rf"\g<1>{MASK}@", text)
    text = _HEADER.sub(rf"\g<1>{MASK}", text)
    text = _PAIR.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1>{MASK}", text)
    return _SIGNED.sub(MASK, text)


def redact(value: object, leaf: Callable[[object], object], depth: int = 8) -> object:
    """A copy of *value* without secrets, however nested; *leaf* treats what is no container."""
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
