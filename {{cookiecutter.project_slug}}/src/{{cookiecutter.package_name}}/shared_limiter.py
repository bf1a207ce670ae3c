# feature: auth, cache
"""Limits that count in the Redis of the cache, for all processes together."""

import time
from collections.abc import Callable
from typing import Any
from typing import TypeVar

from limits import RateLimitItem
from limits import WindowStats
from limits.storage import RedisStorage
from limits.storage import Storage
from limits.strategies import MovingWindowRateLimiter
from limits.strategies import RateLimiter
from werkzeug.utils import import_string

from .carafe import logger
from .extensions import cache

Answer = TypeVar("Answer")

PAUSE = 5.0
"""Seconds for which a Redis that did not answer is left alone."""


class SharedLimiter:
    """A limiter in Redis; without one, and while it is away, *own* counts for this process."""

    def __init__(self, own: RateLimiter) -> None:
        self._own = own
        self._shared: RateLimiter | None = None
        self._away_until = 0.0

    def hit(self, limit: RateLimitItem, *key: str) -> bool:
        """Count one; whether it is within the limit."""
        return self._ask(lambda limiter: limiter.hit(limit, *key))

    def test(self, limit: RateLimitItem, *key: str) -> bool:
        """Whether one more is within the limit."""
        return self._ask(lambda limiter: limiter.test(limit, *key))

    def get_window_stats(self, limit: RateLimitItem, *key: str) -> WindowStats:
        """When the limit is new again, in seconds since 1970, and how many are left."""
        return self._ask(lambda limiter: limiter.get_window_stats(limit, *key))

    def _ask(self, question: Callable[[RateLimiter], Answer]) -> Answer:
        client = cache.server
        if client is None or time.monotonic() < self._away_until:
            return question(self._own)
        try:
            if self._shared is None:
                self._shared = MovingWindowRateLimiter(ClientStorage(client))
            return question(self._shared)
        except _failures() as error:
            self._away_until = time.monotonic() + PAUSE
            logger.warning("Attempts are counted here, without Redis: %s", type(error).__name__)
            return question(self._own)


class ClientStorage(RedisStorage):
    """Counts through a client that there is: of a server, a Sentinel's primary, or a cluster."""

    def __init__(self, client: Any) -> None:
        Storage.__init__(self)
        self.key_prefix = self.PREFIX
        self.target_server = "redis"
        self.dependency = self.dependencies["redis"].module
        self.storage = client
        self.initialize_storage("")


def _failures() -> tuple[type[Exception], ...]:
    """Redis is not imported where none is used."""
    names = ("redis.RedisError", "redis.exceptions.RedisClusterException")
    return (OSError, *map(import_string, names))
