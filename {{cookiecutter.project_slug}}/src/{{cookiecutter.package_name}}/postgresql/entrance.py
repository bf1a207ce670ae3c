"""Where connections are made, and where not all may wait."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from math import ceil
from threading import Lock
from threading import Thread
from typing import Any

from psycopg import OperationalError
from psycopg.errors import ConnectionTimeout

from ..patience import left
from .connection import PatientConnection

_GLANCE = 0.1
"""Seconds to see whether another finds the server back."""


class Entrance:
    """Makes connections; while the server is silent, for one request at a time.

    The others are refused, or they would take all the threads for their waiting.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_silent = False
        self._turn = Lock()

    def connect(self, dialect: Any, record: Any, args: Any, named: Any) -> PatientConnection:
        """A new connection. Raises OperationalError if there is none in time."""
        named = {"connect_timeout": ceil(self._seconds), **named}
        make = partial(PatientConnection.connect, *args, **named)
        if not self._is_silent:
            return self._made(make)
        if not self._turn.acquire(timeout=_GLANCE):
            raise OperationalError("Another request waits for the server.")
        try:
            return self._made(make)
        finally:
            self._turn.release()

    def _made(self, make: Callable[[], PatientConnection]) -> PatientConnection:
        """What a thread makes, because the look-up of a name cannot be hurried."""
        made: Future[PatientConnection] = Future()
        Thread(target=_settle, args=(made, make), daemon=True).start()
        try:
            connection = made.result(min(self._seconds, left()))
        except (TimeoutError, ConnectionTimeout):  # ours, or the driver's
            self._is_silent = True
            made.add_done_callback(_close)
            raise OperationalError("The server did not let us in.") from None
        self._is_silent = False
        return connection


def _settle(made: Future[PatientConnection], make: Callable[[], PatientConnection]) -> None:
    try:
        made.set_result(make())
    except Exception as error:  # The thread that waits for it raises it.
        made.set_exception(error)


def _close(made: Future[PatientConnection]) -> None:
    if made.exception() is None:
        made.result().close()
