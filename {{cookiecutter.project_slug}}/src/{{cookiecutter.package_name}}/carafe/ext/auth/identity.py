"""The identity of a request, loaded when it is first used."""

from typing import Any

from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import session
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_loaded
from flask_principal import TypeNeed
from flask_principal import UserNeed
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import ServiceUnavailable

from ...app import logger
from ...reads import current_request
from ...reads import deciding
from ...reads import environ_of
from ...reads import IDENTITY
from ...reads import record
from .provider import KEY_TYPES
from .provider import KeyType
from .provider import Provider

LOGGED_IN = TypeNeed("login")
_ENVIRON = "carafe.auth.identity"

RETRY_AFTER = 5
"""Seconds after which a client may retry, when the provider fails."""


class Identities:
    """Loads the identities of one app's requests, by its provider."""

    def __init__(self, provider: Provider, session_key: str) -> None:
        self.provider: Provider | None = provider
        self._identify = provider.identify
        self._session_key = session_key

    def current(self) -> Identity:
        """Return the identity of the current request; an anonymous one outside of requests."""
        if not has_request_context():
            return AnonymousIdentity()
        record(IDENTITY)
        return self._loaded()

    def decide(self) -> Identity:
        """Return the identity for a guard, which decides anew for each request.

        So its decision does not make a response personal, unless the response is being cached.
        """
        if not has_request_context():
            return AnonymousIdentity()
        if getattr(current_request(), "is_making", False):
            record(IDENTITY)
        return self._loaded()

    def _loaded(self) -> Identity:
        environ = environ_of(current_request())
        if _ENVIRON not in environ:
            with deciding():
                self._load()
        return environ[_ENVIRON]

    @property
    def key_type(self) -> KeyType:
        """The type or types of a user's id."""
        found: KeyType = getattr(self.provider, "key_type", KEY_TYPES)
        return found

    def remember(self, user_id: Any) -> None:
        """Store the user's id in the session."""
        session[self._session_key] = user_id

    def on_changed(self, app: Flask, identity: Identity) -> None:
        """Use *identity* for the rest of the request."""
        if identity.id is None:
            self._become(identity)
        else:
            self._become(self._identified(identity) or AnonymousIdentity())

    def _load(self) -> None:
        user_id = session.get(self._session_key)
        if user_id is None:
            environ_of(current_request())[_ENVIRON] = AnonymousIdentity()
        elif is_id(user_id, self.key_type) and (identity := self._identified(Identity(user_id))):
            self._become(identity)
        else:
            session.clear()
            self._become(AnonymousIdentity())

    def _identified(self, identity: Identity) -> Identity | None:
        found = self._ask_provider(identity)
        if found is None or found.id is None:
            return None
        found.provides |= {LOGGED_IN, UserNeed(found.id)}
        return found

    def _ask_provider(self, identity: Identity) -> Identity | None:
        try:
            found = self._identify(identity)
        except HTTPException:
            raise
        except Exception as error:  # A failure must never let anybody in.
            logger.exception("The auth provider failed.")
            raise ServiceUnavailable(retry_after=RETRY_AFTER) from error
        if found is not None and not isinstance(found, Identity):
            logger.error("The auth provider returned a %s.", type(found).__name__)
            raise ServiceUnavailable(retry_after=RETRY_AFTER)
        return found

    def _become(self, identity: Identity) -> None:
        if has_request_context():
            environ_of(current_request())[_ENVIRON] = identity
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        identity_loaded.send(app, identity=identity)


class Anonymous:
    """Auth that is off: nobody is ever logged in."""

    provider: Provider | None = None
    key_type: KeyType = KEY_TYPES

    def current(self) -> Identity:
        return AnonymousIdentity()

    decide = current

    def remember(self, user_id: Any) -> None:
        """Nothing is stored."""


def is_id(value: Any, key_type: KeyType) -> bool:
    """Whether *value* can be the id of a user: not a bool, which is an int, and not empty."""
    return isinstance(value, key_type) and not isinstance(value, bool) and value != ""


class Current:
    """``g.identity``."""

    def __init__(self, identities: Identities | Anonymous) -> None:
        self._identities = identities

    def __get__(self, instance: Any, owner: type) -> Identity:
        return self._identities.current()

    def __set__(self, instance: Any, identity: Identity) -> None:
        environ_of(current_request())[_ENVIRON] = identity
