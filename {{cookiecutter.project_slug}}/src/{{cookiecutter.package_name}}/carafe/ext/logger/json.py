"""A record as one line of JSON, in ASCII, so that it is valid wherever it goes."""

import logging
from textwrap import dedent

from pydantic_core import to_json

from .record import CleanRecord
from .record import Formatter

_REQUEST = ("request_id", "request_method", "request_path", "request_query", "request_remote_addr")


class JSONFormatter(Formatter):
    """Formats records clean, with what they carry as ``extra``; what is not there is left out."""

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
