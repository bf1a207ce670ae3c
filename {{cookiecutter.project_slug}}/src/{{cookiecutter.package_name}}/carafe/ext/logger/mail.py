"""Records by mail, throttled.

Of records with the same logger, level, place and type of exception, one is mailed each minute, and
a summary says how many others there were.
"""

import codecs
import logging
import os
import re
import smtplib
import ssl
import time
from collections import Counter
from collections.abc import Hashable
from email import policy
from email.message import EmailMessage
from email.utils import formatdate
from email.utils import make_msgid
from email.utils import parseaddr
from functools import partial
from queue import Empty
from queue import Queue
from threading import Lock
from typing import Any

from .handlers import BaseHandler
from .handlers import Listener
from .handlers import QueuedRecord
from .settings import MailOptions

WINDOW_SECONDS = 60.0
MAX_KINDS = 20
MAX_SUBJECT = 120
SERVER_SECONDS = 10.0
_QUERY = re.compile(r"\?\S*")

# What is loaded when first used, like this codec of host names and `policy`, is loaded here: a fork
# while a thread loads it would leave the child without.
codecs.lookup("idna")


class ThrottledListener(Listener):
    """The thread that sends, and what it has admitted since the last summary."""

    def __init__(self, queue: Queue[Any], handler: BaseHandler) -> None:
        super().__init__(queue, handler)
        self._lock = Lock()
        self._titles: dict[Hashable, str] = {}
        self._suppressed: Counter[str] = Counter()
        self._ends = time.monotonic() + WINDOW_SECONDS

    def admits(self, kind: Hashable, title: str) -> bool:
        """Return whether this is the first of its *kind*; *title* describes it in the summary."""
        with self._lock:
            if kind not in self._titles and len(self._titles) < MAX_KINDS:
                self._titles[kind] = title
                return True
            title = self._titles.get(kind, "other records")
        self.suppress(title)
        return False

    def suppress(self, title: str) -> None:
        """Count a record that is not mailed, for the summary."""
        with self._lock:
            self._suppressed[title] += 1

    def summarize(self) -> None:
        """Add a record about those that were not admitted, and admit all kinds again."""
        with self._lock:
            suppressed, self._suppressed = self._suppressed, Counter()
            self._titles.clear()
        if suppressed:
            kinds = "; ".join(f"{count} x {title}" for title, count in suppressed.items())
            count = suppressed.total()
            self.handlers[0].add_warning(f"{count} more records were not mailed: {kinds}")

    def dequeue(self, block: bool) -> Any:
        while True:
            try:
                return self.queue.get(timeout=max(0, self._ends - time.monotonic()))
            except Empty:
                self._ends = time.monotonic() + WINDOW_SECONDS
                self.summarize()


class MailHandler(BaseHandler):
    """Mails records, each kind once in ``WINDOW_SECONDS``."""

    listener_class = ThrottledListener
    _listener: ThrottledListener
    _is_failing = False

    def enqueue(self, queued: Any) -> None:
        self.start()
        record = queued.record
        exception = record.__dict__["exception_type"]
        kind = (record.name, record.levelno, record.pathname, record.lineno, exception)
        if self._listener.admits(kind, _title(record)):
            super().enqueue(queued)

    def write(self, queued: QueuedRecord) -> None:
        send(_compose(queued, self.options), self.options)
        self._is_failing = False

    def flush(self) -> None:
        if self._process == os.getpid():
            self._listener.summarize()
        super().flush()

    def handleError(self, record: logging.LogRecord) -> None:
        """Complain, but only once until a mail is sent again. The summary has the others."""
        self._listener.suppress(_title(record))
        if not self._is_failing:
            super().handleError(record)
        self._is_failing = True


def _title(record: logging.LogRecord) -> str:
    title = f"{record.levelname} in {record.name}: {record.getMessage()}"
    return _QUERY.sub("?", title)[:MAX_SUBJECT]


def _compose(queued: QueuedRecord, options: MailOptions) -> EmailMessage:
    record, message = queued.record, EmailMessage(policy.default)
    message["Subject"] = _title(record)
    message["From"] = options.fromaddr
    message["To"] = ", ".join(options.toaddrs)
    message["Date"] = formatdate(record.created)
    # Without a domain, make_msgid would query the DNS.
    message["Message-ID"] = make_msgid(domain=parseaddr(options.fromaddr)[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    headers = getattr(record, "request_headers", "-")
    lines = headers.items() if isinstance(headers, dict) else ()
    described = "\n".join(f"{name}: {value}" for name, value in lines)
    message.set_content(f"{queued.text}\n\n{described}")
    return message


def send(message: EmailMessage, options: MailOptions) -> None:
    """Send *message* to the mail server. Raises OSError or SMTPException."""
    context = None if options.tls == "none" else ssl.create_default_context()
    with_tls = partial(smtplib.SMTP_SSL, context=context)
    connect = with_tls if options.tls == "implicit" else smtplib.SMTP
    with connect(options.server, options.port, timeout=SERVER_SECONDS) as server:
        if options.tls == "starttls":
            server.starttls(context=context)
        if options.username is not None and options.password is not None:
            server.login(options.username, options.password)
        if refused := server.send_message(message):
            raise smtplib.SMTPRecipientsRefused(refused)
