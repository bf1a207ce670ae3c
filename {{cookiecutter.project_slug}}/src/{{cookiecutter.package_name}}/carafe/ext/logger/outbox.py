"""A bounded queue of mail and the thread that sends it, both of one process."""

import queue
import threading
from collections.abc import Callable
from email.message import EmailMessage

from .stderr import Complaints
from .stderr import write_line


class Outbox:
    """Takes mail without ever waiting. Threads do not survive a fork: ask *is_usable* first.

    *send* delivers one message; *idle* is called after each one, and every *interval* seconds.
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
        self._drops = Complaints()
        self._failures = Complaints()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="carafe.logger mail", daemon=True)
        self._thread.start()

    @property
    def is_usable(self) -> bool:
        return not self._is_closed and self._thread.is_alive()

    def put(self, message: EmailMessage) -> None:
        """Queue *message*, or drop it if too many wait."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._drops.add("carafe.logger: a mail was dropped, because too many wait")

    def flush(self, timeout: float) -> None:
        """Wait for the queue to be sent, *timeout* seconds at most."""
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, timeout)
            unsent = self._queue.unfinished_tasks
        if unsent:
            write_line(f"carafe.logger: {unsent} mails are still not sent")

    def close(self) -> None:
        """End the thread once the queue is sent."""
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
        # Whatever ails one mail, the thread lives to send the next.
        except Exception as error:
            self._failures.add(f"carafe.logger: a mail was not sent: {error!r}")
        finally:
            self._idle()
            self._queue.task_done()
