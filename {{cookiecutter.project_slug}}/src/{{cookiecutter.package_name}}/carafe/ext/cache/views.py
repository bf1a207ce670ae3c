"""Views answered from the cache.

An entry holds the token its namespace had when the view started; it is an answer only while
that token is the current one. So a hit is one ``get_many([entry, token])``, and a write
revokes the token: whatever was made before, or is being made, is no answer any more.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from flask import current_app
from flask import Request
from flask import Response

from ...log import logger
from ...request import current_request
from .call import Call
from .call import Options
from .entry import current
from .entry import Entry
from .entry import is_token
from .forgiving import Forgiving
from .guard import Away
from .keys import namespaces_of
from .keys import token_key
from .known import Known
from .maker import Maker
from .question import Question
from .replies import Replies
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
        self._store = Store(backend)
        self._known = Known()
        self._replies = Replies(response_class)
        self._maker = Maker(self._store, self._known, self._replies, before_miss, seconds)
        self._prefix = prefix
        self._ignored = ignored
        self._hits = self._misses = 0
        self.forgiving = Forgiving(backend, self._store.guard)

    def answer(self, call: Call, options: Options) -> Any:
        """The kept answer, or what the view says; it runs once at most."""
        request = current_request()
        if _goes_around(request, options):
            return call()
        question = Question.of(request, call, options, self._ignored)
        try:
            key, token, entry = self._find(question)
        except Away:
            return call()
        if entry is None:
            self._misses += 1
            return self._maker.make(question, key, token)
        self._hits += 1
        return self._replies.reply(entry, request.environ)

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

    def _find(self, question: Question) -> tuple[str, str, Entry | None]:
        """The key and the token of the answer, and its entry if there is one."""
        key, token, entry = self._read(question)
        if entry is not None and entry.head.varies:
            self._known.learn_varies(question.key, entry.head.varies)
            key, token, entry = self._read(question)
        return key, token, None if entry is None or entry.head.varies else entry

    def _read(self, question: Question) -> tuple[str, str, Entry | None]:
        key, place = question.variant(self._known.varies(question.key)), question.token_key
        found, token = self._store.read(key, place)
        if not is_token(token):
            token, found = self._store.token(place), None
        # Another app's prefix may end where a namespace here begins.
        token = f"{token}@{self._prefix}"
        return key, token, current(found, token)


class UncachedViews:
    """A cache that is off. *forgiving* is its backend, which keeps nothing."""

    def __init__(self, forgiving: Any = None) -> None:
        self.forgiving = forgiving

    def answer(self, call: Call, options: Options) -> Any:
        return call()

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


def _goes_around(request: Request, options: Options) -> bool:
    environ = request.environ
    return bool(
        environ["REQUEST_METHOD"] not in {"GET", "HEAD"}
        or ("HTTP_AUTHORIZATION" in environ and not options.public)
        or environ.get("CONTENT_LENGTH", "0") not in {"", "0"}
        or "HTTP_TRANSFER_ENCODING" in environ
        or options.seconds == 0
        or (options.unless and options.unless())
    )
