"""Views answered from the cache.

An entry holds the token its namespace had when the view started; it is an answer only while
that token is the current one. So a hit is one ``get_many([entry, token])``, and a write
replaces the token: whatever was made before, or is being made, is no answer any more.
"""

from collections.abc import Callable
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import current_app
from flask import request
from flask.globals import request_ctx
from werkzeug.wrappers import Response

from ...log import logger
from .call import Call
from .call import Options
from .entry import new_token
from .entry import pack
from .entry import TOKEN_TIMEOUT
from .entry import unpack
from .keys import namespaces_of
from .keys import token_key
from .keys import view_key

KEY = "carafe.cache"
LARGEST = 1024 * 1024
"""Bytes of a body that is worth keeping."""


class CachedViews:
    """The cached views of one app."""

    def __init__(
        self,
        backend: Any,
        *,
        ignored: frozenset[str],
        failures: tuple[type[Exception], ...],
        before_miss: Callable[[], object] | None,
    ) -> None:
        self._backend = backend
        self._ignored = ignored
        self._failures = failures
        self._before_miss = before_miss

    def answer(self, call: Call, options: Options) -> Any:
        """The kept answer, or what the view says; it runs once at most."""
        if _goes_around(call, options):
            return call()
        namespace = options.namespace or call.namespace
        key = view_key(namespace, request, lambda name: self._counts(options, name))
        found = self._read(key, token_key(namespace))
        if found is None:
            return call()
        entry, token = found
        if token is not None:
            answer = unpack(entry, [token])
            if answer is not None:
                return answer
        elif (token := self._renew(namespace)) is None:
            return call()
        return self._fill(key, token, call, options)

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Replace the tokens of these namespaces."""
        keys = [token_key(namespace) for namespace in namespaces]
        try:
            self._backend.set_many({key: new_token() for key in keys}, TOKEN_TIMEOUT)
        except self._failures as error:
            self._forget(keys, error)

    def is_up(self) -> bool:
        return self._read("up") is not None

    def on_write(self, sender: Any, **extra: Any) -> None:
        """Receive a signal, if it is this app that sent it."""
        if not current_app:
            logger.warning(
                "%r wrote outside an application context; nothing was invalidated.", sender
            )
        elif current_app.extensions.get(KEY) is self:
            self.invalidate(namespaces_of(sender))

    def _counts(self, options: Options, argument: str) -> bool:
        return argument not in self._ignored and options.counts(argument)

    def _read(self, *keys: str) -> list[Any] | None:
        try:
            return list(self._backend.get_many(*keys))
        except self._failures as error:
            logger.warning("The cache cannot be read: %s", type(error).__name__)
            return None

    def _renew(self, namespace: str) -> str | None:
        token = new_token()
        return token if self._write(token_key(namespace), token, TOKEN_TIMEOUT) else None

    def _fill(self, key: str, token: str, call: Call, options: Options) -> Response:
        if self._before_miss is not None:
            self._before_miss()
        response, is_personal = _watched(call)
        is_shared = options.public or not is_personal
        if request.method == "GET" and is_shared and _is_storable(response, options):
            self._write(key, pack([token], response), options.timeout)
        return response

    def _write(self, key: str, value: str | bytes, timeout: int | timedelta | None) -> bool:
        try:
            return bool(self._backend.set(key, value, timeout))
        except self._failures as error:
            logger.warning("The cache cannot be written: %s", type(error).__name__)
            return False

    def _forget(self, keys: list[str], error: Exception) -> None:
        """A full Redis refuses to write and still deletes, which is as good."""
        try:
            self._backend.delete_many(*keys)
        except self._failures:
            logger.warning("The cache cannot be invalidated: %s", type(error).__name__)


class UncachedViews:
    """A cache that is off."""

    def answer(self, call: Call, options: Options) -> Any:
        return call()

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Nothing is kept."""

    def is_up(self) -> bool:
        return True


def _goes_around(call: Call, options: Options) -> bool:
    if request.method not in {"GET", "HEAD"}:
        return True
    if "Authorization" in request.headers and not options.public:
        return True
    return bool(options.unless and options.unless())


def _watched(call: Call) -> tuple[Response, bool]:
    """Run the view, and tell whether it asked for the session, and so for who asks."""
    session = request_ctx._session  # Its public name marks it as accessed.
    assert session is not None
    before, session.accessed = session.accessed, False
    try:
        response = current_app.make_response(call())
        return response, session.accessed
    finally:
        session.accessed = session.accessed or before


def _is_storable(response: Response, options: Options) -> bool:
    control = response.cache_control
    return (
        response.status_code in options.statuses
        and not (response.is_streamed or response.direct_passthrough)
        and not (control.private or control.no_store or control.no_cache)
        and not any(name in response.headers for name in ("Set-Cookie", "Vary", "Content-Range"))
        and len(response.get_data()) <= LARGEST
    )
