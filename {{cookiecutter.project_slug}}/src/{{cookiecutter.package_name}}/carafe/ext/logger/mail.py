"""Records by mail: throttled, queued, and sent by a thread that starts when it is first needed.

Of records with the same logger, level, place and type of exception, one is mailed each minute; a
summary says how many more there were. At exit, waiting mail has two seconds.
"""

import codecs
import logging
import queue
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from collections.abc import Hashable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from email.utils import make_msgid
from email.utils import parseaddr
from functools import partial

from .handlers import BaseHandler
from .handlers import Warnings
from .handlers import write_line
from .settings import MailOptions
from .settings import TLS

_OTHERS = "other records"


@dataclass
class _Kind:
    title: str
    ends: float
    suppressed: int = 0


class Throttle:
    """Admits one of each kind in *window* seconds, of *limit* kinds, and counts the others."""

    def __init__(self, window: float, limit: int) -> None:
        self.window = window
        self._limit = limit
        self._kinds: dict[Hashable, _Kind] = {}
        self._ended: list[_Kind] = []
        self._lock = threading.Lock()

    def admits(self, fingerprint: Hashable, title: str) -> bool:
        """Whether this one is admitted; *title* describes it in a summary."""
        with self._lock:
            self._end_windows()
            kind = self._kinds.get(fingerprint)
            if kind is None and len(self._kinds) < self._limit:
                self._kinds[fingerprint] = _Kind(title, time.monotonic() + self.window)
                return True
            if kind is None:
                others = _Kind(_OTHERS, time.monotonic() + self.window)
                kind = self._kinds.setdefault(_OTHERS, others)
            kind.suppressed += 1
            return False

    def take_summary(self, is_final: bool = False) -> list[tuple[int, str]]:
        """Return the counts of each kind whose window has ended; finally, those of all."""
        with self._lock:
            self._end_windows(is_final)
            ended, self._ended = self._ended, []
            return [(kind.suppressed, kind.title) for kind in ended]

    def _end_windows(self, is_final: bool = False) -> None:
        now = time.monotonic()
        for fingerprint, kind in list(self._kinds.items()):
            if is_final or kind.ends <= now:
                del self._kinds[fingerprint]
                if kind.suppressed:
                    self._ended.append(kind)


SERVER_SECONDS = 10.0

# Host names need this codec. A fork while a thread loads it would leave the child without.
codecs.lookup("idna")


def send(message: EmailMessage, options: MailOptions) -> None:
    """Send *message* to the mail server. Raises OSError or SMTPException."""
    with _connect(options) as server:
        if options.tls is TLS.STARTTLS:
            server.starttls(context=ssl.create_default_context())
        if options.username is not None and options.password is not None:
            server.login(options.username, options.password)
        server.send_message(message)


def _connect(options: MailOptions) -> smtplib.SMTP:
    if options.tls is TLS.IMPLICIT:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(
            options.server, options.port, timeout=SERVER_SECONDS, context=context
        )
    return smtplib.SMTP(options.server, options.port, timeout=SERVER_SECONDS)


class MailQueue:
    """A bounded queue of mail, and the thread that sends it, which does not survive a fork.

    *send* sends one message; *idle* is called after each one, and every *interval* seconds.
    """

    def __init__(
        self,
        send: Callable[[EmailMessage], None],
        idle: Callable[[], None],
        interval: float,
        size: int = 100,
    ) -> None:
        self._send = send
        self._idle = idle
        self._interval = interval
        self._queue: queue.Queue[EmailMessage | None] = queue.Queue(size)
        self._drops = Warnings()
        self._failures = Warnings()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="carafe.logger mail", daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        return not self._is_closed and self._thread.is_alive()

    def put(self, message: EmailMessage) -> None:
        """Queue *message*, or drop it if the queue is full."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._drops.add("carafe.logger: a mail was dropped, because too many wait")

    def flush(self, timeout: float) -> None:
        """Wait at most *timeout* seconds until all mail is sent."""
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout)
            unsent = self._queue.unfinished_tasks
        if unsent:
            write_line(f"carafe.logger: {unsent} mails are still not sent")

    def close(self) -> None:
        """End the thread when all mail is sent."""
        self._is_closed = True
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._drops.add("carafe.logger: a full queue of mail was closed")

    def _run(self) -> None:
        while True:
            try:
                message = self._queue.get(timeout=self._interval)
            except queue.Empty:
                if self._is_closed:
                    return
                self._idle()
                continue
            if message is None:
                return
            self._deliver(message)

    def _deliver(self, message: EmailMessage) -> None:
        try:
            self._send(message)
        # A mail may fail for any reason; the thread goes on with the next.
        except Exception as error:
            self._failures.add(f"carafe.logger: a mail was not sent: {error!r}")
        finally:
            self._idle()
            self._queue.task_done()


WINDOW_SECONDS = 60.0
MAX_KINDS = 20
FLUSH_SECONDS = 2.0
MAX_SUBJECT = 120
_QUERY = re.compile(r"\?\S*")


class MailHandler(BaseHandler):
    """Mails records to the addresses of *options*, each kind once in *window* seconds."""

    def __init__(self, options: MailOptions, window: float = WINDOW_SECONDS) -> None:
        super().__init__()
        self.options = options
        self._window = window
        self._throttle = Throttle(window, MAX_KINDS)
        self._queue: MailQueue | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            queue, title = self._usable_queue(), _title(record)
            if self._throttle.admits(_fingerprint(record), title):
                body = f"{self.format(record)}\n\n{_describe_request(record)}"
                queue.put(self._compose(title, body))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        if self._queue is not None and self._queue.is_usable:
            self._summarize(is_final=True)
            self._queue.flush(FLUSH_SECONDS)

    def close(self) -> None:
        if self._queue is not None and self._queue.is_usable:
            self._queue.close()
        super().close()

    def _usable_queue(self) -> MailQueue:
        # The handler's lock is held here, and logging makes a new one in each fork.
        if self._queue is None or not self._queue.is_usable:
            self._throttle = Throttle(self._window, MAX_KINDS)
            self._queue = MailQueue(
                partial(send, options=self.options), self._summarize, self._window
            )
        return self._queue

    def _summarize(self, is_final: bool = False) -> None:
        counts = self._throttle.take_summary(is_final)
        if counts and self._queue is not None:
            title = f"{sum(count for count, _ in counts)} more records were not mailed"
            self._queue.put(self._compose(title, "\n".join(f"{n} x {t}" for n, t in counts)))

    def _compose(self, title: str, body: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = title
        message["From"] = self.options.from_address
        message["To"] = ", ".join(self.options.to_addresses)
        message["Date"] = formatdate()
        # Without a domain, make_msgid would ask the DNS during the request.
        domain = parseaddr(self.options.from_address)[1].rpartition("@")[2]
        message["Message-ID"] = make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


def _title(record: logging.LogRecord) -> str:
    title = f"{record.levelname} in {record.name}: {record.getMessage()}"
    return _QUERY.sub("?", title)[:MAX_SUBJECT]


def _fingerprint(record: logging.LogRecord) -> Hashable:
    exception = getattr(record, "exception_type", None)
    return record.name, record.levelno, record.pathname, record.lineno, exception


def _describe_request(record: logging.LogRecord) -> str:
    headers = getattr(record, "request_headers", "-")
    lines = headers.items() if isinstance(headers, dict) else ()
    return "\n".join(f"{name}: {value}" for name, value in lines)
