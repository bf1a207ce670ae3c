"""Records that are safe to write: without secrets, with their request, and on one line.

A secret is recognized by its name, by what it looks like, and by its value if it is known: the
secrets of the process, and those that came with the current request. A known value of fewer than
eight characters is ignored, and so is one of a request with a space in it, or that is its address:
a client that sends ``?token=login failed`` must not be able to hide the line that reports it.
"""

import logging
import os
import re
from base64 import b64decode
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from datetime import UTC
from functools import lru_cache
from textwrap import dedent
from threading import get_ident
from time import time
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import quote
from urllib.parse import unquote
from urllib.parse import urlencode
from urllib.parse import urlsplit

from flask import current_app
from flask import has_request_context
from flask import Request
from pydantic_core import from_json
from pydantic_core import to_json

from ...reads import current_request
from ...reads import environ_of
from ...request import id_of
from ...request import TOKEN
from ...request import TOKEN_PREFIX

MASK = "***"

_NAMES = (
    r"passw(?:or)?d|pwd|passphrase|(?<![a-z])pass(?![a-z])|secret|token|jwt|authorization|cookie"
    r"|(?:access|account|api|encryption|master|private|signing|ssh)[ _-]?key"
    r"|credential|csrf|dsn|session|input_value"  # The last is what an error of pydantic quotes.
)
_SENSITIVE = re.compile(_NAMES, re.IGNORECASE)

# Repetitions are bounded: a long text that an attacker wrote must not take a second to search.
_HEADER = re.compile(
    r"((?:authorization|cookie)[ \t]?:[ \t]{0,3})(?=[^\s\"'\\(\[{])[^\r\n]+", re.IGNORECASE
)
_PAIR = re.compile(
    rf"""
    ( (?:{_NAMES}) [\w-]{{0,40}} (?: \\{{0,4}}["'] | %22 )?
      (?: [\])] | %5d )? [ \t]{{0,3}}
      (?: [=-]?> | [:=] | %3[ad] | ,(?=[ ]?b?\\{{0,4}}["']) ) [ \t]{{0,3}}
    | --[\w-]{{0,40}}? (?:{_NAMES}) [\w-]{{0,40}} [ ]{{1,3}} )
    (?: (?P<quote>\\{{1,4}}["']) .{{0,16384}}? (?P=quote)
      | b?"(?:[^"\\]|\\.){{0,16384}}"
      | b?'(?:[^'\\]|\\.){{0,16384}}'
      | \[ (?: [^][] | \[[^][]{{0,500}}\] ){{0,2000}} \]
      | [\w.]{{0,80}} \( (?: [^()] | \([^()]{{0,500}}\) ){{0,2000}} \)
      | \{{ (?: [^{{}}] | \{{[^{{}}]{{0,500}}\}} ){{0,2000}} \}}
      | (?:bearer|basic|digest|negotiate)[ ]+[^\s,;"']+
      | [^\s,;&"')\]}}]+
      | ["'][^\s,;&"']+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)",
    re.DOTALL,
)
_BEARER = re.compile(r"\b(bearer[ ]+)[\w.~+/=-]{16,}", re.IGNORECASE)
_SIGNED = re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{6,2000}(?:\.[\w-]{1,2000})?")
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@\"'<>]{0,128}:)"
    r"(?!\d{1,5}(?:[/?#\s\"']|$))[^\s\"'<>]{1,256}@",
    re.IGNORECASE,
)
_URL_KEY = re.compile(r"(\bhttps?://)[^\s:/?#@\"'<>]{1,256}@", re.IGNORECASE)

# Whatever an expression matches has one of these, in lower case. Searching for these is faster.
_HINTS = (
    *("pass", "pwd", "jwt", "secret", "token", "authorization", "cookie", "key"),
    *("credential", "csrf", "dsn", "session", "input_value", "bearer", "eyj", "://"),
    TOKEN_PREFIX.lower(),
)


def is_sensitive(name: object) -> bool:
    """Return whether a value with this *name* must not be shown."""
    text = str(name)
    return _has_hint(text) and _SENSITIVE.search(text) is not None


def _has_hint(text: str) -> bool:
    # Beyond ASCII, the expressions match more than the same letters in lower case.
    return not text.isascii() or any(map(text.lower().__contains__, _HINTS))


def redact_text(text: str) -> str:
    """Return *text* without what looks like a secret: pairs, headers, URLs, tokens."""
    if not _has_hint(text):
        return text
    text = _URL_PASSWORD.sub(rf"\g<1>{MASK}@", text)
    text = _URL_KEY.sub(rf"\g<1>{MASK}@", text)
    text = _HEADER.sub(rf"\g<1>{MASK}", text)
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _PAIR.sub(rf"\g<1>{MASK}", text)
    text = _BEARER.sub(rf"\g<1>{MASK}", text)
    text = TOKEN.sub(MASK, text)
    return _SIGNED.sub(MASK, text)


def clean(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without secrets, and without its middle if it is very long."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    if (excess := len(text) - MAX_LENGTH) <= 0:
        return redact_text(text)
    # Nobody recognizes a part of a secret, so more is searched than is shown.
    half, margin = MAX_LENGTH // 2, MAX_LENGTH // 4
    start = redact_text(text[: half + margin])[:-margin][:half]
    end = redact_text(text[-half - margin :])[margin:][-half:]
    return f"{start} ... ({excess} characters) ... {end}"


def redact(
    value: object, leaf: Callable[[object], object] = lambda value: value, depth: int = 8
) -> object:
    """Return a copy of *value* without secrets, however nested; *leaf* converts other values."""
    if not isinstance(value, (list, tuple, Mapping)):
        return leaf(value)
    if depth == 0:
        return MASK
    if isinstance(value, Mapping):
        return {
            leaf(name): MASK if is_sensitive(name) else redact(item, leaf, depth - 1)
            for name, item in value.items()
        }
    if hasattr(value, "_fields") and hasattr(value, "_make"):
        fields: Any = redact(dict(zip(value._fields, value, strict=True)), leaf, depth)
        return value._make(fields.values())
    items = [redact(item, leaf, depth - 1) for item in value]
    if len(items) == 2 and all(isinstance(item, str) for item in items) and is_sensitive(items[0]):
        items[1] = MASK
    return tuple(items) if isinstance(value, tuple) else items


_OF_PROCESS = re.compile(
    r"passw(?:or)?d|_pass$|secret|token|(?:api|access|private)_?key|_key$|credential|dsn",
    re.IGNORECASE,
)
MIN_SECRET_LENGTH = 8
MAX_BODY_BYTES = MAX_LENGTH = 16_384


def secrets_of_process(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secrets in *config* and in the environment."""
    pairs = [*config.items(), *os.environ.items()]
    named = [value for name, value in pairs if _OF_PROCESS.search(name)]
    in_urls = [_credential(value) for _, value in pairs if isinstance(value, str) and "@" in value]
    return _spelled([*_secrets_in(named, is_secret=True), *in_urls])


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
    address = environ_of(current_request()).get("REMOTE_ADDR")
    found = _spelled([*_of_headers(), *_of_fields()])
    return tuple(each for each in found if not _SPACE.search(each) and each != address)


def _of_headers() -> Iterator[str]:
    environ = environ_of(current_request())
    for name in filter(_is_of_secret_header, environ):
        value = environ[name]
        if name == "HTTP_COOKIE":
            yield from (pair.partition("=")[2].strip(' "') for pair in value.split(";"))
        elif name == "HTTP_AUTHORIZATION":
            yield (credentials := value.partition(" ")[2].strip())
            with suppress(ValueError):
                yield b64decode(credentials, validate=True).decode().partition(":")[2]
        else:
            yield value


@lru_cache(256)
def _is_of_secret_header(key: str) -> bool:
    return key.startswith("HTTP_") and is_sensitive(key)


def _of_fields() -> Iterator[str]:
    """The secrets of the query, and of a body that was read already, which Werkzeug stores."""
    request = current_request()
    form = vars(request).get("form")
    pairs = [*_query(environ_of(request)), *(form.items(multi=True) if form else ())]
    yield from (value for name, value in pairs if is_sensitive(name))
    body = vars(request).get("_cached_data")
    if body and request.is_json and len(body) <= MAX_BODY_BYTES:
        with suppress(ValueError):
            yield from _secrets_in(from_json(body))


def _query(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """The fields of a query that may have a secret; none of any other query."""
    query: str = environ.get("QUERY_STRING", "")
    if "%" not in query and not _has_hint(query):
        return []
    return parse_qsl(query.encode("latin1").decode(errors="replace"), keep_blank_values=True)


def _secrets_in(value: object, is_secret: bool = False) -> Iterator[str]:
    """The strings with a sensitive name in *value*, however nested."""
    if isinstance(value, str) and is_secret:
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets_in(item, is_secret)
    elif isinstance(value, dict) and not is_secret:
        for name, item in value.items():
            yield from _secrets_in(item, is_sensitive(name))


def _spelled(secrets: Iterable[str]) -> tuple[str, ...]:
    """The *secrets* that are long enough, plain and as in a URL, the longest first."""
    long = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
    spelled = {text for secret in long for text in (secret, unquote(secret), quote(secret, ""))}
    return tuple(sorted(spelled, key=len, reverse=True))


# C0 and C1 controls, bidirectional controls, line and paragraph separators, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)

_SPACE = re.compile(r"\s")


def escape(text: str) -> str:
    """Return *text* on one line, each unsafe character as its Python escape."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode() if match[0] != " " else r"\x20"


_HEADERS = {
    **{name: name.upper().replace("-", "_") for name in ("Content-Length", "Content-Type")},
    **{name: f"HTTP_{name.upper()}" for name in ("Accept", "Host", "Origin", "Referer")},
    "User-Agent": "HTTP_USER_AGENT",
}
_REQUEST = ("request_id", "request_method", "request_path", "request_query", "request_remote_addr")
_NO_REQUEST = dict.fromkeys((*_REQUEST, "request_headers"), "-")
_DESCRIPTION = "carafe.description"
_SECRETS = "carafe.secrets"
MAX_FIELD_LENGTH = 512


class RequestFilter(logging.Filter):
    """Adds the data of the current request to each record, ``-`` outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        _add_request(record)
        return True


def _add_request(record: logging.LogRecord) -> None:
    if not has_request_context():
        # A record that waited in a queue has the data of its request.
        record.__dict__.update(_NO_REQUEST | record.__dict__)
        return
    environ = environ_of(current_request())  # Describing a request is not reading it.
    if _DESCRIPTION not in environ:  # Later records of the request have the same.
        environ[_DESCRIPTION] = _described(current_request(), environ)
    record.__dict__.update(environ[_DESCRIPTION])


def _described(request: Request, environ: dict[str, Any]) -> dict[str, object]:
    query = environ.get("QUERY_STRING", "")
    if pairs := _query(environ):
        pairs = [(name, MASK if is_sensitive(name) else redact_text(text)) for name, text in pairs]
        query = urlencode(pairs)
    fields = {
        "request_method": environ["REQUEST_METHOD"],
        "request_path": vars(request)["path"],
        "request_query": query,
        "request_remote_addr": environ.get("REMOTE_ADDR") or "-",
    }
    headers = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    return {
        "request_id": id_of(environ),
        **clean_fields(fields),
        "request_headers": clean_fields(headers),
    }


def clean_fields(fields: dict[str, str]) -> dict[str, str]:
    """Return *fields* of a request without secrets, each on one line and not too long."""
    together = "".join(fields.values())
    if len(together) <= MAX_FIELD_LENGTH and together.isprintable() and not _has_hint(together):
        return fields
    # Tokens first: nobody recognizes a part of one.
    cut = {name: TOKEN.sub(MASK, text)[:MAX_FIELD_LENGTH] for name, text in fields.items()}
    return {name: escape(redact_text(text)) for name, text in cut.items()}


_LINE = (
    "%(asctime)s %(levelname)s %(name)s "
    "[%(request_id)s %(request_method)s %(request_path)s %(request_remote_addr)s] %(message)s"
)
SEEN = "carafe_destinations"
TRUSTED = "carafe_trusted"
"""The attribute of a record that says nothing but what the application knows, such as an audit
record: what a client sent is not looked for in it, so that no client can hide a word of it."""

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", SEEN, TRUSTED}


class Formatter(logging.Formatter):
    """Formats records without secrets, with their request, and with UTC times in ISO 8601."""

    def __init__(self, fmt: str = _LINE) -> None:
        super().__init__(fmt)

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, AccessRecord):
            return f"{self.formatTime(record)} {record.levelname} {record.name} {record.line}"
        return super().format(_clean_record(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds")[:-6] + "Z"  # instead of +00:00


class CleanRecord(logging.LogRecord):
    """A copy of *record* that is safe to write; other handlers get the record itself."""

    def __init__(self, record: logging.LogRecord, secrets: tuple[str, ...] = ()) -> None:
        if not getattr(record, TRUSTED, False):
            secrets = (*secrets, *secrets_of_request())

        def line(value: object) -> str:
            return escape(clean(_text(value), secrets))

        def lines(text: str | None) -> str | None:
            # Indented, so that no line of it looks like a record.
            parts = clean(text or "", secrets).split("\n")
            return "\n".join(f"  {escape(part)}" for part in parts) if text else None

        def leaf(value: object) -> object:
            return value if isinstance(value, int | float | None) else line(value)

        self.__dict__.update(vars(record))
        self.msg, self.__dict__["args"] = redact(record.msg), redact(record.args)
        self.msg, self.args = line(_message(self)), ()
        self.exception_type = record.exc_info[0] if record.exc_info else None
        if record.exc_info and record.exc_info[0]:
            self.exc_text = logging.Formatter().formatException(record.exc_info)
        self.exc_info, self.exc_text = None, lines(self.exc_text)
        self.stack_info = lines(record.stack_info)
        extra = {
            name: MASK if is_sensitive(name) else redact(value, leaf)
            for name, value in vars(record).items()
            if name not in _STANDARD
        }
        self.__dict__.update(extra)
        self.extra = extra
        _add_request(self)


def _clean_record(record: logging.LogRecord) -> CleanRecord:
    if isinstance(record, CleanRecord):
        return record
    state = current_app.extensions if current_app else {}
    if _SECRETS not in state:  # It takes long to find them.
        state[_SECRETS] = secrets_of_process(current_app.config if current_app else {})
    return CleanRecord(record, state[_SECRETS])


_BLANK = vars(logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO"})) | _NO_REQUEST
_BLANK |= dict.fromkeys(("exception_type", "threadName", "processName"))


class AccessRecord(CleanRecord):
    """A record with *fields* that are clean, and nothing else of its request or its thread."""

    def __init__(self, name: str, message: str, fields: dict[str, Any]) -> None:
        now = time()
        own = {"name": name, "msg": message, "created": now, "msecs": now % 1 * 1000}
        own |= {"process": os.getpid(), "thread": get_ident()}
        self.__dict__ = {**_BLANK, **fields, **own, "extra": fields}

    @property
    def line(self) -> str:
        """The values of the fields, separated by spaces."""
        values = ["-" if value is None else str(value) for value in self.extra.values()]
        return " ".join(_SPACE.sub(_escaped, value) for value in values)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    # A mistake in the call or in an argument must not lose the record.
    except Exception as error:
        return f"{_text(record.msg)} ({type(error).__name__} in its arguments)"


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # An owner's class may raise anything.
        return f"<{type(value).__name__}: {type(error).__name__}>"


class JSONFormatter(Formatter):
    """Formats records as a line of JSON in ASCII, with their ``extra`` and without empty fields."""

    def format(self, record: logging.LogRecord) -> str:
        safe = _clean_record(record)
        own = {
            "time": self.formatTime(safe),
            "level": safe.levelname,
            "logger": safe.name,
            "message": safe.getMessage(),
        }
        if not isinstance(safe, AccessRecord):
            perhaps = {
                **{name: getattr(safe, name) for name in _REQUEST},
                "exception": safe.exc_text and dedent(safe.exc_text),
                "stack": safe.stack_info and dedent(safe.stack_info),
            }
            own |= {name: value for name, value in perhaps.items() if value not in (None, "", "-")}
        fields = {**own, **safe.extra, **own}
        return to_json(fields, ensure_ascii=True, inf_nan_mode="null").decode()
