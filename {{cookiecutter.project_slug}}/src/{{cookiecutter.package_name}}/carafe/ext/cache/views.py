"""Views answered from the cache.

An entry holds the token its namespace had when the view started; it is an answer only while
that token is the current one. So a hit is one ``get_many([entry, token])``, and a write
revokes the token: whatever was made before, or is being made, is no answer any more.
"""

from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from flask import current_app
from flask import has_request_context
from flask import Response

from ...log import logger
from ...request import current_request
from .call import Call
from .call import Options
from .forgiving import Forgiving
from .guard import Away
from .keys import namespaces_of
from .keys import token_key
from .known import Known
from .lookup import Lookup
from .maker import Maker
from .memo import Memo
from .question import goes_around
from .question import Question
from .replies import Replies
from .status import HIT
from .status import note
from .status import note_bypass
from .status import note_miss
from .store import Store

KEY = "carafe.cache"


class CachedViews:
    """The cached views of one app.

    *prefix* is the app's own among those of its backend, *seconds* how long an answer is kept
    if its view does not say; the query arguments *ignored* make no difference.
    """

    def __init__(
        self,
        backend: Any,
        response_class: type[Response],
        before_miss: Callable[[], object],
        *,
        prefix: str,
        seconds: int,
        ignored: frozenset[str],
    ) -> None:
        known = Known()
        self._store = Store(backend)
        self._memo = Memo()
        self._replies = Replies(response_class)
        self._maker = Maker(self._store, known, self._replies, before_miss, seconds)
        self._lookup = Lookup(self._store, known, prefix, ignored)
        self._ignored = ignored
        self._hits = self._misses = 0
        self.forgiving = Forgiving(backend, self._store.guard)

    def answer(self, call: Call, options: Options) -> Any:
        """The kept answer, or what the view says; it runs once at most."""
        request = current_request()
        reason = goes_around(request, options)
        if reason or (options.unless and options.unless()):
            note_bypass(request, reason or "unless is true")
            return call()
        question = Question.of(request, call, options, self._ignored)
        try:
            key, token, entry = self._lookup.find(question)
        except Away:
            note_bypass(request, "the backend is unavailable")
            return call()
        if entry is None:
            self._misses += 1
            note_miss(request, "the view raised an error")  # unless it goes on and says otherwise
            return self._maker.make(question, key, token)
        self._hits += 1
        note(request, HIT)
        return self._replies.reply(entry, request.environ)

    def remember(self, namespace: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """What *make* says, again once *namespace* is invalid."""
        if not self._store.is_shared:
            return make()
        try:
            token = self._lookup.token(namespace)
        except Away:
            return make()
        return self._memo.get((namespace, key), token, make)

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Revoke the tokens of these namespaces."""
        if keys := [token_key(namespace) for namespace in namespaces]:
            self._store.invalidate(keys)

    def sweep(self, prefixes: Sequence[str] | None) -> bool:
        """Remove keys by prefix; False if the backend is away."""
        return self._store.sweep(prefixes)

    def is_up(self) -> bool:
        return self._store.is_up()

    def stats(self) -> dict[str, Any]:
        return {
            "state": self._store.guard.state,
            "hits": self._hits,
            "misses": self._misses,
            "owed": self._store.owed,
        }

    def on_write(self, sender: Any, **extra: Any) -> None:
        """Receive a signal, if it is this app that sent it."""
        if not current_app:
            logger.warning(
                "%r wrote outside an application context; nothing was invalidated.", sender
            )
        elif current_app.extensions.get(KEY) is self:
            self.invalidate(namespaces_of(sender))


class UncachedViews:
    """A cache that is off. *forgiving* is its backend, which keeps nothing."""

    def __init__(self, forgiving: Any = None) -> None:
        self.forgiving = forgiving

    def answer(self, call: Call, options: Options) -> Any:
        if has_request_context():
            note_bypass(current_request(), "the cache is off")
        return call()

    def remember(self, namespace: str, key: Hashable, make: Callable[[], Any]) -> Any:
        return make()

    def invalidate(self, namespaces: Iterable[str]) -> None:
        """Nothing is kept."""

    def sweep(self, prefixes: Sequence[str] | None) -> bool:
        return True

    def is_up(self) -> bool:
        return True

    def stats(self) -> dict[str, Any]:
        return {"state": "off"}


def current_views() -> CachedViews | UncachedViews:
    """Those of the current app. Raises RuntimeError if it has none."""
    app: Any = current_app
    found: CachedViews | UncachedViews | None = app._get_current_object().extensions.get(KEY)
    if found is None:
        raise RuntimeError("This app has no cache. Call cache.init_app(app) when you make it.")
    return found
