"""What the handlers have in common, and how they are attached to loggers.

Loggers belong to the process and are found by name, so that several apps may share one. A handler
is known by its destination: an app finds the handler that is there already, a record is written
once to each destination, and what is logged for one app stays out of another's.
"""

import logging
import sys
from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from typing import Protocol
from typing import TypeVar

from flask import current_app
from flask import Flask

from .known import secrets_of_process
from .record import CleanRecord
from .record import Formatter
from .record import SEEN
from .redaction import redact_text
from .stderr import write_line
from .text import escape

KEY = "carafe.logger"


class Options(Protocol):
    @property
    def destination(self) -> str: ...

    @property
    def level(self) -> int: ...

    @property
    def logger_names(self) -> tuple[str, ...]: ...


class Sink(logging.Handler):
    """A handler that gets clean records, each once, and never raises."""

    options: Any
    secrets: tuple[str, ...] = ()

    def handle(self, record: logging.LogRecord) -> bool:
        if not self._is_for_current_app() or not self._is_new(record):
            return False
        try:
            cleaned = CleanRecord(record, self.secrets)
        # Whatever the values on a record do, logging them must not raise.
        except Exception as error:
            where = f"{record.pathname}:{record.lineno}"
            write_line(f"carafe.logger: {type(error).__name__} in the record of {where}")
            return False
        return super().handle(cleaned)

    def handleError(self, record: logging.LogRecord) -> None:
        """Write to stderr what could not be written where it belongs."""
        reason = escape(redact_text(repr(sys.exc_info()[1])))
        try:
            line = self.format(record)
        # The format itself may be what failed.
        except Exception:
            line = f"{record.pathname}:{record.lineno}"
        write_line(f"carafe.logger: {self.options.destination}: {reason}: {line}")

    def _is_for_current_app(self) -> bool:
        state = current_app.extensions.get(KEY) if current_app else None
        return state is None or self.options.destination in state.destinations

    def _is_new(self, record: logging.LogRecord) -> bool:
        seen = record.__dict__.setdefault(SEEN, set())
        is_new = self.options.destination not in seen
        seen.add(self.options.destination)
        return is_new


@dataclass(frozen=True)
class State:
    """The handlers of one app."""

    handlers: tuple[Sink, ...] = ()

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(handler.options.destination for handler in self.handlers)


DISABLED = State()

_Options = TypeVar("_Options", bound=Options)


def attach(app: Flask, options: _Options, make: Callable[[_Options], Sink]) -> Sink:
    """Attach to the loggers of *options* the one handler of its destination."""
    loggers = [app.logger, *map(logging.getLogger, options.logger_names)]
    found = [sink for sink in _sinks(loggers) if sink.options == options]
    handler = found[0] if found else _make(options, make)
    handler.secrets = secrets_of_process(app.config)
    for sink in _sinks(loggers):
        if sink is not handler and sink.options.destination == options.destination:
            _detach(sink, loggers)
    for logger in loggers:
        logger.addHandler(handler)
        if logger.level == logging.NOTSET and logger.getEffectiveLevel() > options.level:
            logger.setLevel(options.level)
    return handler


def _sinks(loggers: Iterable[logging.Logger]) -> list[Sink]:
    return [sink for logger in loggers for sink in logger.handlers if isinstance(sink, Sink)]


def _make(options: _Options, make: Callable[[_Options], Sink]) -> Sink:
    handler = make(options)
    handler.setLevel(options.level)
    handler.setFormatter(handler.formatter or Formatter())
    return handler


def _detach(handler: Sink, loggers: Iterable[logging.Logger]) -> None:
    for logger in loggers:
        logger.removeHandler(handler)
    handler.close()
