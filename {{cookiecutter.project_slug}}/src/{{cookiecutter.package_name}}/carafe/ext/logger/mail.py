"""Records by mail: throttled, queued, and sent by a thread that is made when first needed.

Of records with the same logger, level, place and type of exception, one is mailed a minute; a
summary tells how many more there were. At exit, what waits is given two seconds.
"""

import logging
import re
from collections.abc import Hashable
from email.message import EmailMessage
from email.utils import formatdate
from email.utils import make_msgid
from email.utils import parseaddr
from functools import partial

from .options import MailOptions
from .outbox import Outbox
from .sink import Sink
from .smtp import send
from .throttle import Throttle

_WINDOW = 60.0
_KINDS = 20
_FLUSH_TIMEOUT = 2.0
_MAX_SUBJECT = 120
_QUERY = re.compile(r"\?\S*")


class MailHandler(Sink):
    """Mails records to the addresses of *options*, the same one once in *window* seconds."""

    def __init__(self, options: MailOptions, window: float = _WINDOW) -> None:
        super().__init__()
        self.options = options
        self._window = window
        self._throttle = Throttle(window, _KINDS)
        self._outbox: Outbox | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            outbox, title = self._usable_outbox(), _title(record)
            if self._throttle.admits(_fingerprint(record), title):
                body = f"{self.format(record)}\n\n{_describe_request(record)}"
                outbox.put(self._compose(title, body))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        if self._outbox is not None and self._outbox.is_usable:
            self._summarize(is_final=True)
            self._outbox.flush(_FLUSH_TIMEOUT)

    def close(self) -> None:
        if self._outbox is not None and self._outbox.is_usable:
            self._outbox.close()
        super().close()

    def _usable_outbox(self) -> Outbox:
        # The handler's lock is held here, and logging makes a new one in each fork.
        if self._outbox is None or not self._outbox.is_usable:
            self._throttle = Throttle(self._window, _KINDS)
            self._outbox = Outbox(
                partial(send, options=self.options), self._summarize, self._window
            )
        return self._outbox

    def _summarize(self, is_final: bool = False) -> None:
        counts = self._throttle.take_summary(is_final)
        if counts and self._outbox is not None:
            title = f"{sum(count for count, _ in counts)} more records were not mailed"
            self._outbox.put(self._compose(title, "\n".join(f"{n} x {t}" for n, t in counts)))

    def _compose(self, title: str, body: str) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = title
        message["From"] = self.options.from_address
        message["To"] = ", ".join(self.options.to_addresses)
        message["Date"] = formatdate()
        # Without a domain it would be looked up in the DNS, on the request's time.
        domain = parseaddr(self.options.from_address)[1].rpartition("@")[2]
        message["Message-ID"] = make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        return message


def _title(record: logging.LogRecord) -> str:
    title = f"{record.levelname} in {record.name}: {record.getMessage()}"
    return _QUERY.sub("?", title)[:_MAX_SUBJECT]


def _fingerprint(record: logging.LogRecord) -> Hashable:
    exception = getattr(record, "exception_type", None)
    return record.name, record.levelno, record.pathname, record.lineno, exception


def _describe_request(record: logging.LogRecord) -> str:
    headers = getattr(record, "request_headers", "-")
    lines = headers.items() if isinstance(headers, dict) else ()
    return "\n".join(f"{name}: {value}" for name, value in lines)
