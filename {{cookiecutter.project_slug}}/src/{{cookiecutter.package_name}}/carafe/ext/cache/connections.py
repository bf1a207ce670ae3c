"""A connection to Redis for each thread, held from one command to the next.

A pool hands a connection out and takes it back for every command, which costs more than the
network. Here a thread keeps its own: it is closed when anything goes wrong while it is in use,
so that a reply never meets the wrong question, and replaced after a fork.
"""

import os
import threading
from typing import Any
from weakref import WeakSet

from redis.exceptions import ResponseError


class Connections:
    """The connections that *pool* would make, one for each thread that asks."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._local = threading.local()
        self._all: WeakSet[Any] = WeakSet()

    def ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """The replies to *commands*, in one round trip. Raises the first error among them."""
        connection = self._own()
        try:
            if not connection.is_connected:
                connection.connect()  # Sending would not ask Sentinel where to.
            connection.send_packed_command(connection.pack_commands(commands))
            replies = [_reply(connection) for _ in commands]
        except BaseException:  # A worker that is told to stop, too, leaves a reply half read.
            connection.disconnect()
            raise
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies

    def close(self) -> None:
        """Close those of all threads; one that asks again connects again."""
        for connection in list(self._all):
            connection.disconnect()

    def _own(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.pid != os.getpid():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._local.connection = connection
            self._all.add(connection)
        return connection


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error
