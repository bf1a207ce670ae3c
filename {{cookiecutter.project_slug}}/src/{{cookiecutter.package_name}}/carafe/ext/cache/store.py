"""What cached views keep in a backend: entries, tokens and leases."""

import threading
from collections.abc import Collection
from collections.abc import Sequence
from typing import Any

from werkzeug.utils import import_string

from .breaker import Breaker
from .entry import is_token
from .entry import new_token
from .entry import TOKEN_TIMEOUT
from .guard import Away
from .guard import Guard
from .sweep import sweep


class Store:
    """The entries and tokens of one app. What reads or writes may raise ``Away``."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._revoke = getattr(backend, "revoke", self._replace)
        self._lease = getattr(backend, "lease", self._lease_to_all)
        self._release = getattr(backend, "release", self._keep)
        self._failures, self._refusals = _errors_of(backend)
        self._breaker = Breaker(self._settle)
        self.guard = Guard(self._breaker, self._failures, self._refusals)

    @property
    def owed(self) -> int:
        """How many tokens are to be revoked as soon as the backend is back."""
        return self._breaker.owed

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one keeps, and can be waited for."""
        return hasattr(self._backend, "lease")

    def is_up(self) -> bool:
        """Whether the backend takes a write."""
        try:
            self.write({"up": True}, 60)
        except Away:
            return False
        return True

    def read(self, *keys: str) -> list[Any]:
        """The values, in one round trip."""
        values: list[Any] = self.guard.ask_twice(self._backend.get_many, *keys)
        return values

    def write(self, entries: dict[str, Any], timeout: int) -> None:
        """Keep *entries* for *timeout* seconds."""
        self.guard.write(self._backend.set_many, entries, timeout)

    def token(self, key: str) -> str:
        """The token at *key*, made now if there is none: the same for all who ask."""
        agree = getattr(self._backend, "agree", self._agree)
        found = self.guard.write(agree, key, new_token(), TOKEN_TIMEOUT)
        if not is_token(found):
            found = new_token()
            self.guard.write(self._backend.set_many, {key: found}, TOKEN_TIMEOUT)
        return str(found)

    def invalidate(self, keys: Collection[str]) -> None:
        """Revoke the tokens at *keys*: now, or before anybody here reads again."""
        try:
            self.guard.ask_twice(self._revoke, keys)
        except Away:
            self._breaker.owe(keys)

    def lease(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        """Take *lease* for *seconds* unless it is taken, and read *keys* after that."""
        is_mine, values = self.guard.write(self._lease, lease, seconds, *keys)
        return is_mine, values

    def release(self, lease: str, entries: dict[str, Any], timeout: int) -> None:
        """Keep *entries* for *timeout* seconds, and give *lease* back."""
        self.guard.write(self._release, lease, entries, timeout)

    def sweep(self, prefixes: Sequence[str] | None) -> bool:
        """Remove keys by prefix; False if the backend is away."""
        try:
            self.guard.ask(sweep, self._backend, prefixes)
        except Away:
            return False
        return True

    def _agree(self, key: str, token: str, timeout: int) -> Any:
        with self._lock:
            found = self._backend.get(key)
            if found is None:
                self._backend.set(key, token, timeout)
        return token if found is None else found

    def _lease_to_all(self, lease: str, seconds: int, *keys: str) -> tuple[bool, list[Any]]:
        """No other process sees what is kept here, so none has to wait."""
        return True, self._backend.get_many(*keys)

    def _keep(self, lease: str, entries: dict[str, Any], timeout: int) -> None:
        self._backend.set_many(entries, timeout)

    def _replace(self, keys: Collection[str]) -> None:
        tokens = {key: new_token() for key in keys}
        if len(self._backend.set_many(tokens, TOKEN_TIMEOUT)) < len(tokens):
            raise OSError("The backend lost a token.")

    def _settle(self, keys: frozenset[str]) -> bool:
        """Try the backend, and revoke the tokens at *keys*."""
        try:
            self._backend.get_many("up")
            if keys:
                self._revoke(keys)
                self.guard.accept()
        except (*self._failures, *self._refusals):
            return False
        return True


def _errors_of(backend: Any) -> tuple[tuple[type[Exception], ...], tuple[type[Exception], ...]]:
    """How a backend fails, and how it refuses. Redis is not imported for another one."""
    if hasattr(backend, "failures"):
        return backend.failures, backend.refusals
    if hasattr(backend, "_write_client"):
        return (OSError, import_string("redis.RedisError")), ()
    return (OSError,), ()
