"""Finding the answer to a question, in one round trip."""

from typing import Any

from flask import has_request_context

from ...request import current_request
from .entry import current
from .entry import Entry
from .entry import is_token
from .keys import token_key
from .known import Known
from .question import Question
from .store import Store

_EARLY = "carafe.cache.early"
_NOTHING: tuple[tuple[str, ...], list[Any]] = ((), [])


class Lookup:
    """Looks for the answers of one app, whose keys have *prefix*. What reads may raise ``Away``."""

    def __init__(self, store: Store, known: Known, prefix: str, ignored: frozenset[str]) -> None:
        self._store = store
        self._known = known
        self._prefix = prefix
        self._ignored = ignored

    def find(self, question: Question) -> tuple[str, str, Entry | None]:
        """The key and the token of the answer, and its entry if there is one."""
        key, token, entry = self._read(question)
        if entry is not None and entry.head.varies:
            self._known.learn_varies(question.key, entry.head.varies)
            key, token, entry = self._read(question)
        return key, token, None if entry is None or entry.head.varies else entry

    def token(self, namespace: str) -> str:
        """The token of *namespace*; what the request's view will look for is read with it."""
        place, wanted = token_key(namespace), self._wanted()
        token, *found = self._store.read(place, *wanted)
        if wanted:
            current_request().environ[_EARLY] = wanted, found
        return token if is_token(token) else self._store.token(place)

    def _wanted(self) -> tuple[str, ...]:
        if not has_request_context():
            return ()
        question = Question.expected(current_request(), self._ignored)
        return () if question is None else self._keys(question)

    def _read(self, question: Question) -> tuple[str, str, Entry | None]:
        keys = self._keys(question)
        wanted, values = question.request.environ.pop(_EARLY, _NOTHING)
        found, token = values if wanted == keys else self._store.read(*keys)
        if not is_token(token):
            token, found = self._store.token(question.token_key), None
        # Another app's prefix may end where a namespace here begins.
        token = f"{token}@{self._prefix}"
        return keys[0], token, current(found, token)

    def _keys(self, question: Question) -> tuple[str, str]:
        names = self._known.varies(question.key)
        return question.variant(names) if names else question.key, question.token_key
