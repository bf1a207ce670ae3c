"""Accounts that each process remembers, until one of them changes.

Whether one did, in whatever process, is asked of the cache's server for each request: together
with the answer itself, where the view is a cached one. What changes past this application, as by
hand in the database, is seen after a minute.
"""

from collections.abc import Hashable
from typing import Any

from flask import session
from flask_principal import Identity
from flask_principal import Need
from sqlalchemy import event

from .accounts import Accounts
from .accounts import Login
from .accounts import LOGIN_KEY
from .accounts import User
from .carafe.ext.cache import Cache

_NAMESPACE = "accounts"
_CHANGED = "accounts changed"


class RememberedAccounts(Accounts):
    """The same, by a query only if *cache* does not know that nothing changed."""

    def __init__(self, session: Any, cache: Cache) -> None:
        super().__init__(session)
        self._cache = cache
        event.listen(session, "after_flush", _on_flush)
        event.listen(session, "do_orm_execute", _on_execute)
        event.listen(session, "after_commit", self._on_commit)
        event.listen(session, "after_rollback", _on_rollback)

    def identify(self, identity: Identity) -> Identity | None:
        """Give *identity* what the user's roles provide."""
        # A transaction that is open may still see what was true before a change.
        if self.session().in_transaction():
            return super().identify(identity)
        key: Hashable = (identity.id, session.get(LOGIN_KEY))
        needs = self._cache.remember(_NAMESPACE, key, lambda: self._needs(identity))
        if needs is None:
            return None
        identity.provides |= needs
        return identity

    def _needs(self, identity: Identity) -> frozenset[Need] | None:
        found = super().identify(identity)
        return None if found is None else frozenset(found.provides)

    def _on_commit(self, session: Any) -> None:
        if session.info.pop(_CHANGED, False):
            self._cache.invalidate(_NAMESPACE)


def _on_flush(session: Any, context: Any) -> None:
    changed = [*filter(session.is_modified, session.dirty), *session.deleted]
    if any(isinstance(each, User | Login) for each in changed):
        session.info[_CHANGED] = True


def _on_execute(execution: Any) -> None:
    """Rows that are changed together, or by text, are not looked at: they may be accounts."""
    if not (execution.is_select or execution.is_insert):
        execution.session.info[_CHANGED] = True


def _on_rollback(session: Any) -> None:
    session.info.pop(_CHANGED, None)
