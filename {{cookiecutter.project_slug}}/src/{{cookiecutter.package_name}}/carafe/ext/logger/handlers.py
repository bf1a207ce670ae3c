"""Handlers for standard output and rotating files, and how handlers are attached to loggers.

Loggers belong to the process and are found by name, so that several apps may share one. A handler
is identified by its destination: an app uses the handler that exists already, a record is written
once to each destination, and what is logged for one app stays out of another's.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any
from typing import Protocol
from typing import TextIO
from typing import TypeVar

from click import get_current_context
from concurrent_log_handler import ConcurrentRotatingFileHandler
from flask import current_app
from flask import Flask
from portalocker import AlreadyLocked
from portalocker import lock
from portalocker import LOCK_EX
from portalocker import LOCK_NB

from .record import CleanRecord
from .record import Formatter
from .record import JSONFormatter
from .record import SEEN
from .redaction import escape
from .redaction import redact_text
from .redaction import secrets_of_process
from .settings import FileOptions
from .settings import StreamOptions

WARNING_SECONDS = 60.0


def write_line(text: str) -> None:
    """Write *text* to standard error, which may be closed."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


class Warnings:
    """Warnings of one kind on standard error: the first at once, then one a minute with a count."""

    def __init__(self, interval: float = WARNING_SECONDS) -> None:
        self._interval = interval
        self._lock = threading.Lock()
        self._count = 0
        self._next = 0.0

    def add(self, text: str) -> None:
        with self._lock:
            self._count += 1
            if (now := time.monotonic()) < self._next:
                return
            count, self._count, self._next = self._count, 0, now + self._interval
        times = f" ({count} times)" if count > 1 else ""
        write_line(f"{escape(redact_text(text))}{times}")


if sys.platform != "win32":
    import fcntl

STREAM_LOCK_SECONDS = 1.0
"""How long a line waits for those of other processes."""


@contextmanager
def locked(stream: TextIO) -> Iterator[None]:
    """Lock *stream* against other processes, whose long lines would mix with ours on a pipe.

    The lock is not waited for long: a line in two parts is better than a request that hangs.
    """
    is_locked = _lock_in_time(stream)
    try:
        yield
    finally:
        if sys.platform != "win32" and is_locked:
            fcntl.lockf(stream.fileno(), fcntl.LOCK_UN)


def _lock_in_time(stream: TextIO) -> bool:
    end = time.monotonic() + STREAM_LOCK_SECONDS
    while time.monotonic() < end:
        try:
            if sys.platform != "win32":
                fcntl.lockf(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.001)
        except (AttributeError, OSError):
            return False  # It is no file of the system, and no other process has it open.
    return False


KEY = "carafe.logger"


class Options(Protocol):
    @property
    def destination(self) -> str: ...

    @property
    def level(self) -> int: ...

    @property
    def logger_names(self) -> tuple[str, ...]: ...


class BaseHandler(logging.Handler):
    """A handler that writes each record once, without secrets, and never raises."""

    options: Any
    secrets: tuple[str, ...] = ()

    def handle(self, record: logging.LogRecord) -> bool:
        if not self._is_for_current_app() or not self._is_new(record):
            return False
        try:
            cleaned = CleanRecord(record, self.secrets)
        # Values on a record may raise anything; logging them must not.
        except Exception as error:
            where = f"{record.pathname}:{record.lineno}"
            write_line(f"carafe.logger: {type(error).__name__} in the record of {where}")
            return False
        return super().handle(cleaned)

    def handleError(self, record: logging.LogRecord) -> None:
        """Write to standard error what could not be written to the destination."""
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

    handlers: tuple[BaseHandler, ...] = ()

    @property
    def destinations(self) -> tuple[str, ...]:
        return tuple(handler.options.destination for handler in self.handlers)


DISABLED = State()

_Options = TypeVar("_Options", bound=Options)


def attach(app: Flask, options: _Options, make: Callable[[_Options], BaseHandler]) -> BaseHandler:
    """Attach the handler for the destination of *options* to its loggers, and return it."""
    loggers = [app.logger, *map(logging.getLogger, options.logger_names)]
    found = [each for each in _handlers_of(loggers) if each.options == options]
    handler = found[0] if found else _make(options, make)
    handler.secrets = secrets_of_process(app.config)
    for other in _handlers_of(loggers):
        if other is not handler and other.options.destination == options.destination:
            _detach(other, loggers)
    for logger in loggers:
        logger.addHandler(handler)
        if logger.level == logging.NOTSET and logger.getEffectiveLevel() > options.level:
            logger.setLevel(options.level)
    return handler


def _handlers_of(loggers: Iterable[logging.Logger]) -> list[BaseHandler]:
    every = [handler for logger in loggers for handler in logger.handlers]
    return [handler for handler in every if isinstance(handler, BaseHandler)]


def _make(options: _Options, make: Callable[[_Options], BaseHandler]) -> BaseHandler:
    handler = make(options)
    handler.setLevel(options.level)
    handler.setFormatter(handler.formatter or Formatter())
    return handler


def _detach(handler: BaseHandler, loggers: Iterable[logging.Logger]) -> None:
    for logger in loggers:
        logger.removeHandler(handler)
    handler.close()


_FORMATTERS: dict[str, type[Formatter]] = {"json": JSONFormatter, "text": Formatter}


class StreamHandler(BaseHandler):
    """Writes to standard output, or to standard error in a command, which has its own output."""

    def __init__(self, options: StreamOptions) -> None:
        super().__init__()
        self.options = options
        self.setFormatter(_FORMATTERS[options.format]())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = sys.stderr if get_current_context(silent=True) else sys.stdout
            encoding = getattr(stream, "encoding", None) or "utf-8"
            line = self.format(record).encode(encoding, "backslashreplace").decode(encoding)
            with locked(stream):
                stream.write(f"{line}\n")
                stream.flush()
        # The stream may be closed, full or gone, which must not fail a request.
        except Exception:
            self.handleError(record)

    def _is_for_current_app(self) -> bool:
        """Standard output belongs to the process, whichever app logs."""
        return True


FILE_LOCK_SECONDS = 2.0
"""How long a record waits for the records of other processes."""


class FileHandler(BaseHandler, ConcurrentRotatingFileHandler):
    """Writes to a rotating file that many processes may write to; owner and group may read it."""

    def __init__(self, options: FileOptions) -> None:
        super().__init__(
            options.filename,
            options.mode,
            # Without backups the library would empty the file instead of rotating it.
            maxBytes=options.max_bytes if options.backup_count else 0,
            backupCount=options.backup_count,
            encoding=options.encoding,
            chmod=0o640,
        )
        self.options = options
        self._patience = FILE_LOCK_SECONDS
        if not options.is_delayed:
            self._make_file()

    def _make_file(self) -> None:
        try:
            self.do_open().close()
        except OSError as error:
            raise ValueError(
                f"CARAFE_LOGGER_RF_FILENAME cannot be written ({error.strerror}). "
                "Give the path of a file that this process may write."
            ) from None

    def do_open(self, mode: str | None = None) -> TextIOWrapper:
        """Open the file; only the first time may empty it."""
        stream = super().do_open(mode)
        stream.reconfigure(errors="backslashreplace")
        self.mode = "a"
        return stream

    def _lock_stream_lock(self, stream_lock: TextIOWrapper) -> None:
        """Wait for the other processes, but only once for one that was stopped meanwhile."""
        end = time.monotonic() + self._patience
        self._patience = 0
        while True:
            try:
                lock(stream_lock, LOCK_EX | LOCK_NB)
                break
            except AlreadyLocked:
                if time.monotonic() >= end:
                    raise
            time.sleep(0.001)
        self._patience = FILE_LOCK_SECONDS
