"""How often a password may be wrong: ten times in three minutes, by address and by account.

Then it is a 429, without a look at the password. An account that is attacked from many addresses
stays open to those from which its user has logged in during the last 30 days.
"""

import time
from hashlib import sha256
from ipaddress import ip_network
from typing import NoReturn

from flask import current_app
from flask import Flask
from flask import request
from limits import RateLimitItem
from limits import RateLimitItemPerDay
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from . import audit
from .shared_limiter import SharedLimiter  # feature: cache

_KEY = "attempts"

FAILURES = RateLimitItemPerMinute(10, 3, namespace=__package__)
SUCCESSES = RateLimitItemPerDay(1, 30, namespace=__package__)


def init_app(app: Flask) -> None:
    """Count the attempts of *app*: in its own memory, if there is nothing better."""
    limiter = MovingWindowRateLimiter(MemoryStorage())
    app.extensions[_KEY] = limiter
    app.extensions[_KEY] = SharedLimiter(limiter)  # feature: cache


class Attempt:
    """An attempt to prove that one is the user of *account*, which nobody may have."""

    def __init__(self, account: str) -> None:
        self._limiter = current_app.extensions[_KEY]
        self._address = ("address", _network(request.remote_addr))
        # No e-mail address in a store that others may read.
        self._account = ("account", sha256(account.encode(errors="replace")).hexdigest())

    def check(self) -> None:
        """Abort with 429 if there were too many that failed."""
        if not self._limiter.test(FAILURES, *self._address):
            self._refuse(FAILURES, *self._address)
        if not self._limiter.test(FAILURES, *self._account) and not self._is_at_home():
            self._refuse(FAILURES, *self._account)

    def fail(self) -> None:
        """Count it as one that failed."""
        self._limiter.hit(FAILURES, *self._address)
        self._limiter.hit(FAILURES, *self._account)

    def succeed(self) -> None:
        """Keep in mind that the user logs in from this address."""
        self._limiter.hit(SUCCESSES, *self._account, *self._address)

    def _is_at_home(self) -> bool:
        return not self._limiter.test(SUCCESSES, *self._account, *self._address)

    def _refuse(self, limit: RateLimitItem, *key: str) -> NoReturn:
        audit.record("limited", by=key[0])
        seconds = self._limiter.get_window_stats(limit, *key).reset_time - time.time()
        raise TooManyRequests(
            "Too many attempts failed. Try again later.", retry_after=max(1, round(seconds))
        )


def _network(address: str | None) -> str:
    """An IPv6 client owns a whole /64."""
    if address is None or ":" not in address:
        return str(address)
    return str(ip_network((address.partition("%")[0], 64), strict=False))
