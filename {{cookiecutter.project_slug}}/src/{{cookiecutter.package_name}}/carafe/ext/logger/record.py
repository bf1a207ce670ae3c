"""A record that any handler may write: without secrets, on one line, with its traceback as text."""

import copy
import logging
from dataclasses import dataclass
from datetime import datetime
from datetime import UTC

from .context import RequestFilter
from .known import mask
from .known import secrets_of_request
from .redaction import is_sensitive
from .redaction import MASK
from .redaction import redact
from .redaction import redact_text
from .text import escape
from .text import escape_lines
from .text import shorten

_LINE = (
    "%(asctime)s %(levelname)s %(name)s "
    "[%(request_id)s %(request_method)s %(request_path)s %(request_remote_addr)s] %(message)s"
)
SEEN = "carafe_destinations"
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", SEEN}
_tracebacks = logging.Formatter()
_add_request = RequestFilter().filter


class Formatter(logging.Formatter):
    """Formats records clean, with the data of their request and times in UTC and ISO 8601."""

    def __init__(self, fmt: str = _LINE) -> None:
        super().__init__(fmt)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record if isinstance(record, CleanRecord) else CleanRecord(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CleanRecord(logging.LogRecord):
    """What is safe to write of *record*, which itself is left to the other handlers."""

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
    """Takes the *secrets* and all that looks like one out of text, and keeps it on its line."""

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
    # The caller's mistake, or an argument's own: the record must not be lost for it.
    except Exception as error:
        return f"{record.msg} ({type(error).__name__} in its arguments)"


def _as_is(value: object) -> object:
    return value


def _traceback(record: logging.LogRecord) -> str | None:
    if record.exc_info and record.exc_info[0]:
        return _tracebacks.formatException(record.exc_info)
    return record.exc_text
