"""Login throttling: ten wrong passwords in three minutes, by IP address and by account.

Then it is a 429, and the password is not even checked. An account that is attacked from many
addresses stays open to those from which its user logged in during the last 30 days.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_network
from typing import Any
from typing import NoReturn
from typing import TypeVar  # feature: cache

from flask import current_app
from flask import Flask
from flask import request
from limits import RateLimitItem  # feature: cache
from limits import RateLimitItemPerDay
from limits import RateLimitItemPerMinute
from limits import WindowStats  # feature: cache
from limits.storage import MemoryStorage
from limits.storage import RedisStorage  # feature: cache
from limits.storage import Storage  # feature: cache
from limits.strategies import MovingWindowRateLimiter
from limits.strategies import RateLimiter  # feature: cache
from werkzeug.exceptions import TooManyRequests

from ..carafe import logger  # feature: cache
from ..extensions import cache  # feature: cache
from . import audit

_KEY = "throttling"

FAILURES = RateLimitItemPerMinute(10, 3, namespace=__package__)
SUCCESSES = RateLimitItemPerDay(1, 30, namespace=__package__)


def init_app(app: Flask) -> None:
    """Count the attempts of *app* in Redis, or else in the memory of the process."""
    limiter: Any = MovingWindowRateLimiter(MemoryStorage())
    limiter = SharedLimiter(limiter)  # feature: cache
    app.extensions[_KEY] = limiter


class Attempt:
    """An attempt to log in to *account*, which need not exist."""

    def __init__(self, account: str) -> None:
        self._limiter = current_app.extensions[_KEY]
        self._address = ("address", _network(request.remote_addr))
        # Others may read the store, so it has no e-mail addresses.
        self._account = ("account", sha256(account.encode(errors="replace")).hexdigest())

    def check(self) -> None:
        """Abort with 429 after too many failures."""
        self._enforce(self._limiter.test)

    def fail(self) -> None:
        """Count a failure. Aborts with 429 if too many others failed at the same time."""
        self._enforce(self._limiter.hit)

    def succeed(self) -> None:
        """Remember that the user logs in from this IP address."""
        self._limiter.hit(SUCCESSES, *self._account, *self._address)

    def _enforce(self, is_within: Callable[..., bool]) -> None:
        address_is_open = is_within(FAILURES, *self._address)
        account_is_open = is_within(FAILURES, *self._account)
        if not address_is_open:
            self._refuse(*self._address)
        if not account_is_open and not self._is_known_address():
            self._refuse(*self._account)

    def _is_known_address(self) -> bool:
        return not self._limiter.test(SUCCESSES, *self._account, *self._address)

    def _refuse(self, *key: str) -> NoReturn:
        audit.record("limited", by=key[0])
        seconds = self._limiter.get_window_stats(FAILURES, *key).reset_time - time.time()
        raise TooManyRequests(
            "Too many attempts failed. Try again later.", retry_after=max(1, round(seconds))
        )


def _network(address: str | None) -> str:
    """The address, or the /64 network of an IPv6 client, which owns all of it."""
    if address is None or ":" not in address:
        return str(address)
    return str(ip_network((address, 64), strict=False))


PAUSE = 5.0  # feature: cache
"""Seconds for which a Redis that did not answer is not used."""  # feature: cache

Reply = TypeVar("Reply")  # feature: cache


class SharedLimiter:  # feature: cache
    """A limiter in the Redis of the cache, for all processes together.

    Without Redis, and while it is unavailable, *own* counts for this process.
    """

    def __init__(self, own: RateLimiter) -> None:
        self._own = own
        self._shared: RateLimiter | None = None
        self._unavailable_until = 0.0

    def hit(self, limit: RateLimitItem, *key: str) -> bool:
        """Count one; return whether it is within the limit."""
        return self._run(lambda limiter: limiter.hit(limit, *key))

    def test(self, limit: RateLimitItem, *key: str) -> bool:
        """Return whether one more is within the limit."""
        return self._run(lambda limiter: limiter.test(limit, *key))

    def get_window_stats(self, limit: RateLimitItem, *key: str) -> WindowStats:
        """Return when the window ends, in seconds since 1970, and how many are left."""
        return self._run(lambda limiter: limiter.get_window_stats(limit, *key))

    def _run(self, operation: Callable[[RateLimiter], Reply]) -> Reply:
        client = cache.server
        if client is None or time.monotonic() < self._unavailable_until:
            return operation(self._own)
        try:
            if self._shared is None:
                self._shared = MovingWindowRateLimiter(ClientStorage(client))
            return operation(self._shared)
        except cache.client.failures as error:
            self._unavailable_until = time.monotonic() + PAUSE
            logger.warning("Attempts are counted here, without Redis: %s", type(error).__name__)
            return operation(self._own)


class ClientStorage(RedisStorage):  # feature: cache
    """Counts with an existing client: of a server, a Sentinel's primary, or a cluster."""

    def __init__(self, client: Any) -> None:
        Storage.__init__(self)
        self.key_prefix = self.PREFIX
        self.target_server = "redis"
        self.dependency = self.dependencies["redis"].module
        self.storage = client
        self.initialize_storage("")
