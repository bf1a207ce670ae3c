"""The identity of a request, loaded when it is first asked for."""

from typing import Any

from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import request
from flask import session
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_loaded
from flask_principal import TypeNeed
from flask_principal import UserNeed

from .provider import Provider

LOGGED_IN = TypeNeed("login")
_ENVIRON = "carafe.auth.identity"


class Identities:
    """Loads the identities of one app's requests, by its provider."""

    def __init__(self, provider: Provider, session_key: str) -> None:
        self.provider: Provider | None = provider
        self._identify = provider.identify
        self._session_key = session_key

    def current(self) -> Identity:
        """Who asks; a stranger outside a request."""
        if not has_request_context():
            return AnonymousIdentity()
        # The answer depends on the session whether or not it was loaded before: a response
        # made with it is for this user alone.
        session.accessed = True
        if _ENVIRON not in request.environ:
            self._load()
        return request.environ[_ENVIRON]

    def remember(self, user_id: Any) -> None:
        """Write the user's id into the session."""
        session[self._session_key] = user_id

    def on_changed(self, app: Flask, identity: Identity) -> None:
        """Become *identity*, for the rest of the request."""
        if identity.id is None:
            self._become(identity)
        else:
            self._become(self._identified(identity) or AnonymousIdentity())

    def _load(self) -> None:
        user_id = session.get(self._session_key)
        if user_id is None:
            request.environ[_ENVIRON] = AnonymousIdentity()
        elif identity := self._identified(Identity(user_id)):
            self._become(identity)
        else:
            session.clear()
            self._become(AnonymousIdentity())

    def _identified(self, identity: Identity) -> Identity | None:
        found = self._identify(identity)
        if found is None or found.id is None:
            return None
        found.provides |= {LOGGED_IN, UserNeed(found.id)}
        return found

    def _become(self, identity: Identity) -> None:
        if has_request_context():
            request.environ[_ENVIRON] = identity
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        identity_loaded.send(app, identity=identity)


class Strangers:
    """Auth that is off: nobody is known."""

    provider: Provider | None = None

    def current(self) -> Identity:
        return AnonymousIdentity()

    def remember(self, user_id: Any) -> None:
        """Nothing to remember."""


class Current:
    """``g.identity``."""

    def __init__(self, identities: Identities | Strangers) -> None:
        self._identities = identities

    def __get__(self, instance: Any, owner: type) -> Identity:
        return self._identities.current()

    def __set__(self, instance: Any, identity: Identity) -> None:
        request.environ[_ENVIRON] = identity
