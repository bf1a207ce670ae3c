# feature: auth
"""How often a password may be wrong: ten times in three minutes, by address and by account.

Then it is a 429, without a look at the password. An account that is attacked from many addresses
stays open to those from which its user has logged in during the last 30 days.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_network
from typing import NoReturn

from flask import current_app
from flask import Flask
from flask import request
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
        self._enforce(self._limiter.test)

    def fail(self) -> None:
        """Count it as one that failed; a 429 if too many others did at the same time."""
        self._enforce(self._limiter.hit)

    def succeed(self) -> None:
        """Keep in mind that the user logs in from this address."""
        self._limiter.hit(SUCCESSES, *self._account, *self._address)

    def _enforce(self, is_within: Callable[..., bool]) -> None:
        address_is_open = is_within(FAILURES, *self._address)
        account_is_open = is_within(FAILURES, *self._account)
        if not address_is_open:
            self._refuse(*self._address)
        if not account_is_open and not self._is_at_home():
            self._refuse(*self._account)

    def _is_at_home(self) -> bool:
        return not self._limiter.test(SUCCESSES, *self._account, *self._address)

    def _refuse(self, *key: str) -> NoReturn:
        audit.record("limited", by=key[0])
        seconds = self._limiter.get_window_stats(FAILURES, *key).reset_time - time.time()
        raise TooManyRequests(
            "Too many attempts failed. Try again later.", retry_after=max(1, round(seconds))
        )


def _network(address: str | None) -> str:
    """An IPv6 client owns a whole /64."""
    if address is None or ":" not in address:
        return str(address)
    return str(ip_network((address.partition("%")[0], 64), strict=False))
