"""Handlers for standard output and rotating files, and how handlers are attached to loggers.

Loggers belong to the process and are found by name, so that several apps may share one. A handler
is identified by its destination: an app uses the handler that exists already, a record is written
once to each destination, and what is logged for one app stays out of another's.

Each handler has a queue and a thread that writes, so that no request waits for a reader or a disk.
If one stops, the queue fills, and later records are dropped; when it is empty again, their number
is logged. In debug and in tests, a caller waits for its record, in order with what is printed.
"""

import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from logging.handlers import QueueHandler
from logging.handlers import QueueListener
from multiprocessing import parent_process
from multiprocessing.util import Finalize
from queue import Queue
from typing import Any
from typing import NamedTuple

from click import get_current_context
from concurrent_log_handler import ConcurrentRotatingFileHandler
from flask import current_app
from flask import Flask
from flask.logging import default_handler

from .redaction import AccessRecord
from .redaction import CleanRecord
from .redaction import escape
from .redaction import Formatter
from .redaction import JSONFormatter
from .redaction import redact_text
from .redaction import secrets_of_process
from .redaction import SEEN
from .settings import FileOptions
from .settings import Options
from .settings import StreamOptions

KEY = "carafe.logger"
MAX_WAITING = 1000
"""The number of records that may wait while one is written."""
FLUSH_SECONDS = 2.0
"""How long the process at its exit, or a caller in debug and in tests, waits for a handler."""


def complain(text: str) -> None:
    """Write *text* to standard error, which may be closed."""
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.write(f"{KEY}: {text}\n")


class QueuedRecord(NamedTuple):
    """A record in a queue: what is written, without secrets, and for standard output where."""

    text: str
    record: logging.LogRecord
    stream: Any = None


class Listener(QueueListener):
    """The thread that writes what is in the queue of a handler."""

    queue: Queue[Any]
    handlers: tuple["BaseHandler"]

    def handle(self, queued: Any) -> None:
        try:
            self.handlers[0].write(queued)
        # Whatever is wrong with one record, the thread goes on with the next.
        except Exception:
            self.handlers[0].handleError(queued.record)


class BaseHandler(QueueHandler):
    """A handler that writes each record once, without secrets, and never raises."""

    listener_class: type[Listener] = Listener
    queue: Queue[Any]
    secrets: tuple[str, ...] = ()
    is_awaited = False

    def __init__(self, options: Options) -> None:
        super().__init__(Queue())
        self.options: Any = options
        self.destination = options.destination
        self.setLevel(options.level)
        self.setFormatter(Formatter())
        self._process = self._dropped = 0

    def write(self, queued: QueuedRecord) -> None:
        """Write the text of *queued*. Only the thread calls this."""
        raise NotImplementedError

    def handle(self, record: logging.LogRecord) -> bool:
        seen = record.__dict__.setdefault(SEEN, set())
        if self.destination in seen or not self._is_for_current_app():
            return False
        seen.add(self.destination)
        try:
            is_clean = isinstance(record, AccessRecord)
            clean = record if is_clean else CleanRecord(record, self.secrets)
        # Values on a record may raise anything; logging them must not.
        except Exception as error:
            complain(f"{type(error).__name__} in the record of {record.pathname}:{record.lineno}")
            return False
        return bool(super().handle(clean))

    def _is_for_current_app(self) -> bool:
        if self.destination == "stdout":  # It belongs to the process, whichever app logs.
            return True
        state = current_app.extensions.get(KEY) if current_app else None
        return state is None or self.destination in [each.destination for each in state.handlers]

    def prepare(self, record: logging.LogRecord) -> Any:
        return QueuedRecord(self.format(record), record)

    def enqueue(self, queued: Any) -> None:
        self.start()
        waiting = self.queue.unfinished_tasks
        if waiting > MAX_WAITING or (self._dropped and waiting):
            self._dropped += 1
            return
        if self._dropped:
            self.add_warning(f"{self._dropped} records were dropped; the queue was full")
            self._dropped = 0
        self.queue.put_nowait(queued)
        if self.is_awaited and not waiting:  # Otherwise the thread is stuck.
            self._wait()

    def start(self) -> None:
        """Start the thread, once in each process. After a fork, the queue is the parent's."""
        if self._process != os.getpid():
            self.queue = Queue()
            self._dropped = 0
            self._listener = self.listener_class(self.queue, self)
            self._listener.start()
            self._process = os.getpid()
            if parent_process() is not None:  # A child of multiprocessing exits at once.
                Finalize(None, self.flush, exitpriority=0)

    def add_warning(self, text: str) -> None:
        """Queue a record of the handler itself."""
        record = CleanRecord(logging.LogRecord(KEY, logging.WARNING, "", 0, text, None, None))
        # A custom format may raise anything.
        with suppress(Exception):
            self.queue.put_nowait(self.prepare(record))

    def _wait(self) -> int:
        """Wait for ``FLUSH_SECONDS`` at most, and return how many records are not written."""
        with (done := self.queue.all_tasks_done):
            done.wait_for(lambda: not self.queue.unfinished_tasks, FLUSH_SECONDS)
            return self.queue.unfinished_tasks

    def flush(self) -> None:
        if self._process == os.getpid() and (waiting := self._wait()):
            complain(f"{self.destination}: {waiting + self._dropped} records are not written")

    def close(self) -> None:
        """End the thread when all is written. The next record starts another one."""
        if self._process == os.getpid():
            self._listener.enqueue_sentinel()
        self._process = 0
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:
        """Write to standard error what could not be written to the destination."""
        reason = escape(redact_text(repr(sys.exc_info()[1])))
        complain(f"{self.destination}: {reason}: {Formatter().format(record)}")


class StreamHandler(BaseHandler):
    """Writes to standard output, or to standard error in a command, which has its own output."""

    def __init__(self, options: StreamOptions) -> None:
        super().__init__(options)
        self.setFormatter(JSONFormatter() if options.format == "json" else Formatter())

    def prepare(self, record: logging.LogRecord) -> Any:
        stream = sys.stderr if get_current_context(silent=True) else sys.stdout
        return QueuedRecord(self.format(record), record, stream)

    def write(self, queued: QueuedRecord) -> None:
        stream = queued.stream
        stream.flush()  # What was printed before comes first.
        encoding = getattr(stream, "encoding", None) or "utf-8"
        data = f"{queued.text}\n".encode(encoding, "backslashreplace")
        if not hasattr(stream, "buffer"):
            stream.write(data.decode(encoding))
            stream.flush()
            return
        # Not through the buffer: Python cannot exit while a thread is stuck in there.
        raw = getattr(stream.buffer, "raw", stream.buffer)
        while data:
            written = raw.write(data)
            if written is None:  # Another process made it non-blocking.
                time.sleep(0.01)
            data = data[written or 0 :]


class FileHandler(BaseHandler):
    """Writes to a rotating file that many processes may write to; owner and group may read it."""

    def __init__(self, options: FileOptions) -> None:
        # At exit, handlers are closed in reverse order: the file after this one.
        self._file = ConcurrentRotatingFileHandler(
            options.filename,
            # Without backups the library would empty the file instead of rotating it.
            maxBytes=options.maxbytes if options.backupcount else 0,
            backupCount=options.backupcount,
            encoding=options.encoding,
            chmod=0o640,
        )
        self._file.handleError = _raise  # type: ignore[method-assign]
        super().__init__(options)
        try:
            if options.mode == "w" or not options.delay:
                self._file.do_open(options.mode).close()
        except OSError as error:
            raise ValueError(
                f"{options.prefix}FILENAME cannot be written ({error.strerror}). "
                "Give the path of a file that this process may write."
            ) from None

    def write(self, queued: QueuedRecord) -> None:
        encoding = self.options.encoding
        line = queued.text.encode(encoding, "backslashreplace").decode(encoding)
        self._file.emit(logging.makeLogRecord({"msg": line}))

    def close(self) -> None:
        super().close()
        self._file.close()


def _raise(record: logging.LogRecord) -> None:
    """Raise the error that is being handled again, so that the thread handles it."""
    raise


@dataclass(frozen=True)
class State:
    """The handlers of one app."""

    handlers: tuple[BaseHandler, ...]


def attach(app: Flask, options: Options, make: type[BaseHandler]) -> BaseHandler:
    """Attach the handler for the destination of *options* to its loggers, and return it."""
    loggers = [app.logger, *map(logging.getLogger, options.add_loggers)]
    every = {handler for logger in loggers for handler in logger.handlers}
    ours = {handler for handler in every if isinstance(handler, BaseHandler)}
    rivals = {handler for handler in ours if handler.destination == options.destination}
    found = [handler for handler in rivals if handler.options == options]
    handler = found[0] if found else make(options)
    known = {*secrets_of_process(app.config)}.union(*(each.secrets for each in ours))
    handler.secrets = tuple(sorted(known, key=len, reverse=True))  # also those of other apps
    handler.is_awaited = handler.is_awaited or app.debug or app.testing
    for logger in loggers:
        for other in rivals - {handler}:
            logger.removeHandler(other)
            other.close()
        logger.addHandler(handler)
        if logger.level == logging.NOTSET and logger.getEffectiveLevel() > options.level:
            logger.setLevel(options.level)
    app.logger.removeHandler(default_handler)  # It would write the secrets.
    if isinstance(handler, StreamHandler) and "root" in options.add_loggers:
        logging.captureWarnings(True)
    return handler
