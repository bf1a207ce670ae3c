"""Records that are safe to write: with their request, without secrets, on one line."""

import copy
import logging
from dataclasses import dataclass
from datetime import datetime
from datetime import UTC
from textwrap import dedent
from urllib.parse import parse_qsl
from urllib.parse import urlencode

from flask import has_request_context
from pydantic_core import to_json
from werkzeug.datastructures import EnvironHeaders

from ...reads import current_request
from ...reads import environ_of
from ...request import id_of
from .redaction import escape
from .redaction import escape_lines
from .redaction import is_sensitive
from .redaction import MASK
from .redaction import mask
from .redaction import redact
from .redaction import redact_text
from .redaction import secrets_of_request
from .redaction import shorten

_HEADERS = ("Accept", "Content-Length", "Content-Type", "Host", "Origin", "Referer", "User-Agent")
_NAMES = ("id", "method", "path", "query", "remote_addr", "headers")
_MAX_LENGTH = 512


class RequestFilter(logging.Filter):
    """Adds the data of the current request to each record, ``-`` outside of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        if has_request_context():
            record.__dict__.update(_describe_request())
        else:
            # A record that waited in a queue has the data of its request.
            for name in _NAMES:
                record.__dict__.setdefault(f"request_{name}", "-")
        return True


def _describe_request() -> dict[str, object]:
    request = current_request()
    environ = environ_of(request)  # Describing a request is not reading it.
    headers = EnvironHeaders(environ)
    return {
        "request_id": id_of(environ),
        "request_method": _clean(request.method),
        "request_path": _clean(request.path),
        "request_query": _clean(_query(environ.get("QUERY_STRING", ""))),
        "request_remote_addr": _clean(environ.get("REMOTE_ADDR") or "-"),
        "request_headers": {name: _clean(headers[name]) for name in _HEADERS if name in headers},
    }


def _query(query: str) -> str:
    pairs = parse_qsl(query.encode("latin1").decode(errors="replace"), keep_blank_values=True)
    return urlencode([(name, MASK if is_sensitive(name) else value) for name, value in pairs])


def _clean(value: str) -> str:
    return escape(redact_text(value[:_MAX_LENGTH]))


_LINE = (
    "%(asctime)s %(levelname)s %(name)s "
    "[%(request_id)s %(request_method)s %(request_path)s %(request_remote_addr)s] %(message)s"
)
SEEN = "carafe_destinations"
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", SEEN}
_tracebacks = logging.Formatter()
_add_request = RequestFilter().filter


class Formatter(logging.Formatter):
    """Formats records without secrets, with their request, and with UTC times in ISO 8601."""

    def __init__(self, fmt: str = _LINE) -> None:
        super().__init__(fmt)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record if isinstance(record, CleanRecord) else CleanRecord(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CleanRecord(logging.LogRecord):
    """A copy of *record* that is safe to write; the record itself is left to other handlers."""

    def __init__(self, record: logging.LogRecord, secrets: tuple[str, ...] = ()) -> None:
        cleaner = _Cleaner((*secrets, *secrets_of_request()))
        self.__dict__.update(vars(record))
        self.msg, self.args = cleaner.line(_message(record)), ()
        self.exception_type = record.exc_info[0] if record.exc_info else None
        self.exc_info, self.exc_text = None, cleaner.lines(_traceback(record))
        self.stack_info = cleaner.lines(record.stack_info)
        given = vars(record).items()
        extra = {name: cleaner.extra(name, item) for name, item in given if name not in _STANDARD}
        self.__dict__.update(extra)
        self.extra = extra
        _add_request(self)


@dataclass(frozen=True)
class _Cleaner:
    """Removes *secrets*, and what looks like one, from text, and keeps the text on one line."""

    secrets: tuple[str, ...]

    def line(self, text: str) -> str:
        return escape(self._redact(text))

    def lines(self, text: str | None) -> str | None:
        return escape_lines(self._redact(text)) if text else None

    def extra(self, name: str, value: object) -> object:
        return MASK if is_sensitive(name) else redact(value, leaf=self._leaf)

    def _leaf(self, value: object) -> object:
        is_number = value is None or isinstance(value, int | float)
        return value if is_number else self.line(str(value))

    def _redact(self, text: str) -> str:
        return redact_text(shorten(mask(text, self.secrets)))


def _message(record: logging.LogRecord) -> str:
    record = copy.copy(record)
    record.msg = redact(record.msg, leaf=_as_is)
    record.__dict__["args"] = redact(record.args, leaf=_as_is)
    try:
        return record.getMessage()
    # A mistake of the caller or of an argument must not lose the record.
    except Exception as error:
        return f"{record.msg} ({type(error).__name__} in its arguments)"


def _as_is(value: object) -> object:
    return value


def _traceback(record: logging.LogRecord) -> str | None:
    if record.exc_info and record.exc_info[0]:
        return _tracebacks.formatException(record.exc_info)
    return record.exc_text


_REQUEST = ("request_id", "request_method", "request_path", "request_query", "request_remote_addr")


class JSONFormatter(Formatter):
    """Formats records as a line of JSON in ASCII, with their ``extra`` and without empty fields."""

    def format(self, record: logging.LogRecord) -> str:
        clean = record if isinstance(record, CleanRecord) else CleanRecord(record)
        perhaps = {
            **{name: getattr(clean, name) for name in _REQUEST},
            "exception": dedent(clean.exc_text or ""),
            "stack": dedent(clean.stack_info or ""),
        }
        own = {
            "time": self.formatTime(clean),
            "level": clean.levelname,
            "logger": clean.name,
            "message": clean.getMessage(),
            **{name: value for name, value in perhaps.items() if value not in ("", "-")},
        }
        fields = {**own, **clean.extra, **own}
        return to_json(fields, ensure_ascii=True, inf_nan_mode="null").decode()
