"""The worker of gunicorn, which waits for slow clients in its loop and not in its threads.

A request gets one of the threads once its head has come. After ``seconds_for_head``, the loop
closes a connection on which there is none, and that of a client who does not hang up when told to.
After ``seconds_for_body``, a thread reads no more of a body: it has ended there, which is a 400, as
for any client that goes away.

It is for HTTP/1 without TLS, and ``gunicorn.conf.py`` puts it in the place of ``gthread``.
"""

import errno
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from socket import SHUT_WR
from socket import socket
from typing import Any

from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

BUFFERED = 65536  # Bytes. A thread reads the rest of a longer head, in the time for a body.
HEAD_ENDS = re.compile(rb"\n\r?\n")  # Without the \r, gunicorn refuses it.


class Worker(ThreadWorker):  # type: ignore[misc]
    """A ``gthread`` worker whose threads wait for nobody."""

    seconds_for_head = 10
    seconds_for_body = 20  # as graceful_timeout, after which it would be cut off anyway

    def enqueue_req(self, conn: Any) -> None:
        """Give the connection a thread as soon as there is a request on it."""
        if conn.parser is None:
            conn.parser = RequestParser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = Unreader(conn.sock)
            conn.initialized = True
        conn.sock.setblocking(False)
        if conn.parser.unreader.has_head():
            super().enqueue_req(conn)
        else:
            self._wait(conn, self.on_pending_socket_readable)

    def on_pending_socket_readable(self, conn: Any, client: socket) -> None:
        """Go on waiting, in time, for a head of which there is but a part."""
        if conn.parser.unreader.has_head():
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: Any) -> Any:
        """Answer the request, in a thread; the time for its body begins."""
        conn.parser.unreader.deadline = time.monotonic() + self.seconds_for_body
        return super().handle(conn)

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Keep the connection, or tell the client to hang up, and do not wait for it here."""
        if fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            conn.unread = BUFFERED
            self._wait(conn, self._discard)

    def _wait(self, conn: Any, readable: Callable[[Any, socket], None]) -> None:
        conn.timeout = time.monotonic() + self.seconds_for_head
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(readable, conn))

    def _discard(self, conn: Any, client: socket) -> None:
        """Take what still comes: a client that is cut off while it sends may miss the answer."""
        try:
            received = client.recv(conn.unread)
        except OSError:
            received = b""
        conn.unread -= len(received)
        if not received or not conn.unread:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()


class Unreader(SocketUnreader):  # type: ignore[misc]
    """What has come on a connection and is not read yet."""

    deadline = 0.0

    def has_head(self) -> bool:
        """Whether a thread can read a head, or see that there is none, and need not wait."""
        while not HEAD_ENDS.search(head := self.buf.getvalue()) and len(head) < BUFFERED:
            try:
                received = self.sock.recv(BUFFERED)
            except BlockingIOError:
                return False
            except OSError:
                return True
            if not received:
                return True
            self.buf.seek(0, os.SEEK_END)
            self.buf.write(received)
        return True

    def chunk(self, size_hint: int | None = None) -> bytes:
        """What comes next, until the deadline; then a client that goes on is one that is gone."""
        timeout = self.sock.gettimeout()
        left = max(self.deadline - time.monotonic(), 0)
        self.sock.settimeout(left if timeout is None else min(left, timeout))
        try:
            received: bytes = super().chunk(size_hint)
        except (BlockingIOError, TimeoutError) as error:
            raise ConnectionResetError(errno.ECONNRESET, "It took too long.") from error
        finally:
            self.sock.settimeout(timeout)
        return received
