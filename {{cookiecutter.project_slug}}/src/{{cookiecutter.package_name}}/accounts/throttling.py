"""Login throttling: at most ten wrong passwords in three minutes, by IP address and by account.

After that the response is a 429, and the password is not even checked. Attempts from one IP
address, or for one account, are made one after the other, so that concurrency allows no extra
guesses. An account that is attacked from many IP addresses stays open to those from which its user
logged in during the last 30 days.
"""

import time
from collections.abc import Callable  # feature: cache
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from functools import partial  # feature: cache
from hashlib import sha256
from ipaddress import ip_network
from threading import Lock
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
from redis.exceptions import LockError  # feature: cache
from redis.lock import Lock as RedisLock  # feature: cache
from werkzeug.exceptions import TooManyRequests

from ..carafe import logger  # feature: cache
from ..extensions import cache  # feature: cache
from . import audit

_KEY = "throttling"

MAX_WAIT = 5.0
"""Seconds that an attempt waits for others."""

FAILURES = RateLimitItemPerMinute(10, 3, namespace=__package__)
SUCCESSES = RateLimitItemPerDay(1, 30, namespace=__package__)


def init_app(app: Flask) -> None:
    """Count the attempts of *app*."""
    limiter: Any = Limiter(MemoryStorage())
    limiter = SharedLimiter(limiter)  # feature: cache
    app.extensions[_KEY] = limiter


class Limiter(MovingWindowRateLimiter):
    """Counts in the memory of this process."""

    def __init__(self, storage: MemoryStorage) -> None:
        super().__init__(storage)
        self._locks = [Lock() for _ in range(256)]

    @contextmanager
    def turn(self, *keys: str) -> Iterator[None]:
        """Run the block while no other has one of these keys; abort with 429 after ``MAX_WAIT``."""
        with ExitStack() as stack:
            for index in sorted({hash(key) % len(self._locks) for key in keys}):
                if not self._locks[index].acquire(timeout=MAX_WAIT):
                    _give_up()
                stack.callback(self._locks[index].release)
            yield


class Attempt:
    """An attempt to log in to *account*, which need not exist."""

    def __init__(self, account: str) -> None:
        self._limiter = current_app.extensions[_KEY]
        self._address = ("address", _network(request.remote_addr))
        # Other programs may read Redis, so it holds no e-mail addresses.
        self._account = ("account", sha256(account.encode(errors="replace")).hexdigest())

    @contextmanager
    def in_turn(self) -> Iterator["Attempt"]:
        """Wait for others, and abort with 429 after too many failures."""
        self._check()  # A refusal needs no waiting.
        with self._limiter.turn(*("/".join(key) for key in (self._address, self._account))):
            self._check()
            yield self

    def fail(self) -> None:
        """Count a failure."""
        self._limiter.hit(FAILURES, *self._address)
        self._limiter.hit(FAILURES, *self._account)

    def succeed(self) -> None:
        """Remember that the user logs in from this IP address."""
        self._limiter.clear(SUCCESSES, *self._account, *self._address)  # It counts from now on.
        self._limiter.hit(SUCCESSES, *self._account, *self._address)

    def _check(self) -> None:
        if not self._limiter.test(FAILURES, *self._address):
            self._refuse(*self._address)
        is_limited = not self._limiter.test(FAILURES, *self._account)
        if is_limited and self._limiter.test(SUCCESSES, *self._account, *self._address):
            self._refuse(*self._account)  # Its user was not here before.

    def _refuse(self, *key: str) -> NoReturn:
        audit.record("limited", by=key[0])
        seconds = self._limiter.get_window_stats(FAILURES, *key).reset_time - time.time()
        raise TooManyRequests(
            "Too many attempts failed. Try again later.", retry_after=max(1, round(seconds))
        )


def _give_up() -> NoReturn:
    raise TooManyRequests("Too many attempts at the same time.", retry_after=1)


def _network(address: str | None) -> str:
    """The IP address, or the /64 network of an IPv6 client, which owns all of it."""
    if address is None or ":" not in address:
        return str(address)
    return str(ip_network((address, 64), strict=False))


MAX_TURN = 10.0  # feature: cache
"""Seconds after which the others no longer wait for a process."""  # feature: cache

PAUSE = 5.0  # feature: cache
"""Seconds for which a Redis that did not respond is not used."""  # feature: cache

Reply = TypeVar("Reply")  # feature: cache


class SharedLimiter:  # feature: cache
    """Counts in the Redis of the cache, for all processes together, and in this process too.

    So each process keeps the limit even without Redis, or if Redis evicts the counts.
    """

    def __init__(self, own: Limiter) -> None:
        self._own = own
        self._shared: RateLimiter | None = None
        self._unavailable_until = 0.0

    def hit(self, limit: RateLimitItem, *key: str) -> bool:
        """Count one; return whether it is within the limit."""
        own = self._own.hit(limit, *key)
        return self._run(lambda shared: shared.hit(limit, *key), True) and own

    def test(self, limit: RateLimitItem, *key: str) -> bool:
        """Return whether one more is within the limit."""
        own = self._own.test(limit, *key)
        return self._run(lambda shared: shared.test(limit, *key), True) and own

    def clear(self, limit: RateLimitItem, *key: str) -> None:
        """Forget what was counted."""
        self._own.clear(limit, *key)
        self._run(lambda shared: shared.clear(limit, *key), None)

    def get_window_stats(self, limit: RateLimitItem, *key: str) -> WindowStats:
        """Return when the window ends, in seconds since 1970, and how many are left."""
        own = self._own.get_window_stats(limit, *key)
        shared = self._run(lambda shared: shared.get_window_stats(limit, *key), own)
        return min(own, shared, key=lambda stats: (stats.remaining, -stats.reset_time))

    @contextmanager
    def turn(self, *keys: str) -> Iterator[None]:
        """Run the block while no other, in any process, has one of these keys."""
        with self._own.turn(*keys), ExitStack() as stack:
            for key in sorted(keys):
                if (lock := self._run(partial(_locked, key), None)) is not None:
                    stack.callback(self._run, lambda _, lock=lock: lock.release(), None)
            yield

    def _run(self, operation: Callable[[RateLimiter], Reply], otherwise: Reply) -> Reply:
        client = cache.server
        if client is None or time.monotonic() < self._unavailable_until:
            return otherwise
        try:
            if self._shared is None:
                self._shared = MovingWindowRateLimiter(ClientStorage(client))
            return operation(self._shared)
        except LockError:  # The lock has expired, because the block took too long.
            return otherwise
        except cache.client.failures as error:
            self._unavailable_until = time.monotonic() + PAUSE
            logger.warning("Attempts are counted without Redis: %s", type(error).__name__)
            return otherwise


def _locked(key: str, limiter: RateLimiter) -> RedisLock:  # feature: cache
    """The lock of *key* in Redis."""
    lock: RedisLock = cache.server.lock(f"{__package__}:turn:{key}", MAX_TURN, sleep=0.01)
    if not lock.acquire(blocking_timeout=MAX_WAIT):
        _give_up()
    return lock


class ClientStorage(RedisStorage):  # feature: cache
    """Counts with an existing client: of a server, a Sentinel's primary, or a cluster."""

    def __init__(self, client: Any) -> None:
        Storage.__init__(self)
        self.key_prefix = self.PREFIX
        self.target_server = "redis"
        self.dependency = self.dependencies["redis"].module
        self.storage = client
        self.initialize_storage("")
