"""Between the requests and a backend that may fail.

A backend that does not answer twice in a row is left alone until it does; one that refuses, as
a Redis that is full or read-only, still answers what it can. The log hears of it once a minute.
"""

import time
from collections.abc import Callable
from typing import Any
from typing import TypeVar

from ...log import logger
from .breaker import Breaker

Reply = TypeVar("Reply")

_QUIET = 60.0
"""Seconds from one warning to the next."""


class Away(Exception):
    """The backend did not answer, refused, or was not asked."""


class Guard:
    """Asks, and turns the *failures* and *refusals* of a backend into ``Away``."""

    def __init__(
        self,
        breaker: Breaker,
        failures: tuple[type[Exception], ...],
        refusals: tuple[type[Exception], ...],
    ) -> None:
        self._breaker = breaker
        self._failures = failures
        self._refusals = refusals
        self._is_refused = False
        self._warned_at = -_QUIET

    @property
    def state(self) -> str:
        """``up``, ``refusing`` since the last write was refused, or ``away``."""
        if self._breaker.is_open:
            return "away"
        return "refusing" if self._is_refused else "up"

    def ask(self, operation: Callable[..., Reply], *args: Any, **kwargs: Any) -> Reply:
        """The reply, or ``Away``."""
        if self._breaker.is_open:
            raise Away
        try:
            reply = operation(*args, **kwargs)
        except self._refusals as error:
            self._is_refused = True
            self._warn("refuses", error)
            raise Away from error
        except self._failures as error:
            self._breaker.fail()
            self._warn("does not answer", error)
            raise Away from error
        self._breaker.succeed()
        return reply

    def ask_twice(self, operation: Callable[..., Reply], *args: Any) -> Reply:
        """The same, for what may be said twice: a connection may have ended while it rested."""
        try:
            return self.ask(operation, *args)
        except Away as error:
            if isinstance(error.__cause__, self._refusals):
                raise
        return self.ask(operation, *args)

    def write(self, operation: Callable[..., Reply], *args: Any) -> Reply:
        """The same, for what a backend refuses that only reads."""
        reply = self.ask_twice(operation, *args)
        self.accept()
        return reply

    def accept(self) -> None:
        """Take note that the backend took a write."""
        self._is_refused = False

    def _warn(self, what: str, error: Exception) -> None:
        now = time.monotonic()
        if now - self._warned_at >= _QUIET:
            self._warned_at = now
            logger.warning("The cache %s, and views do without it: %s", what, type(error).__name__)
