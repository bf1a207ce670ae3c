"""The identity of a request, loaded when it is first used."""

from collections.abc import Mapping
from typing import Any

from blinker import Namespace
from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import session
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_loaded
from flask_principal import RoleNeed
from flask_principal import TypeNeed
from flask_principal import UserNeed
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import ServiceUnavailable

from ...app import logger
from ...errors import TokenRequired
from ...reads import current_request
from ...reads import deciding
from ...reads import environ_of
from ...reads import IDENTITY
from ...reads import record
from ...reads import WHO
from ...request import bearer_of
from .provider import KEY_TYPES
from .provider import KeyType
from .provider import Provider
from .provider import role_names

LOGGED_IN = TypeNeed("login")
_ENVIRON = "carafe.auth.identity"

permission_denied = Namespace().signal("permission-denied")
"""Sent by the app when it refuses a request, with the *identity* and the status *code*."""

RETRY_AFTER = 5
"""Seconds after which a client may retry, when the provider fails."""


class Identities:
    """Loads the identities of one app's requests, by its provider."""

    def __init__(self, provider: Provider, config: Mapping[str, Any]) -> None:
        self.provider: Provider | None = provider
        self._identify = provider.identify
        self._identify_token = getattr(provider, "identify_token", lambda token: None)
        self._session_key = config["CARAFE_AUTH_SESSION_ID_KEY"]
        self._id_key = config["CARAFE_AUTH_IDENTITY_ID_KEY"]
        self._roles_key = config["CARAFE_AUTH_IDENTITY_ROLES_KEY"]

    def current(self) -> Identity:
        """Return the identity of the current request, or an anonymous one outside of requests."""
        if not has_request_context():
            return AnonymousIdentity()
        record(IDENTITY)
        return self._loaded()

    def decide(self) -> Identity:
        """Return the identity for a guard.

        A guard decides anew for each request, so it makes no response personal, unless it runs
        inside of a cached view.
        """
        if not has_request_context():
            return AnonymousIdentity()
        if getattr(current_request(), "is_making", False):
            record(IDENTITY)
        return self._loaded()

    def _loaded(self) -> Identity:
        environ = environ_of(current_request())
        if environ.get(_ENVIRON) is None:
            environ.setdefault(WHO, (None, None))  # Also if the provider fails.
            token = bearer_of(environ)
            with deciding():
                self._load_from_session() if token is None else self._load_from_token(token)
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

    def _load_from_session(self) -> None:
        user_id = session.get(self._session_key)
        if user_id is None:
            use(AnonymousIdentity())
        elif is_id(user_id, self.key_type) and (identity := self._identified(Identity(user_id))):
            self._become(identity)
        else:
            session.clear()
            self._become(AnonymousIdentity())

    def _load_from_token(self, token: str) -> None:
        """Raise for a bad token, but only once: code that goes on finds an anonymous identity."""
        found = self._identified(Identity(None), token) if token else None
        self._become(found or AnonymousIdentity())
        if found is None:
            announce_refusal(AnonymousIdentity(), 401)
            raise unauthorized()

    def _identified(self, identity: Identity, token: str | None = None) -> Identity | None:
        found = self._call_provider(identity, token)
        if found is None or found.id is None:
            return None
        try:
            found.provides |= {LOGGED_IN, UserNeed(found.id)}
        except (AttributeError, TypeError) as error:
            logger.error(
                "The identity of the auth provider takes no needs. "
                "Let its provides be a set, in an attribute that can be assigned."
            )
            raise ServiceUnavailable(retry_after=RETRY_AFTER) from error
        return found

    def _call_provider(self, identity: Identity, token: str | None) -> Identity | None:
        try:
            found: Any
            found = self._identify(identity) if token is None else self._identify_token(token)
            if isinstance(found, Mapping):
                found = self._from_mapping(identity, found)
        except HTTPException:
            raise
        except Exception as error:  # A failure must never let anybody in.
            if current_app._find_error_handler(error, []):  # such as for an unavailable database
                raise
            logger.exception("The auth provider failed.")
            raise ServiceUnavailable(retry_after=RETRY_AFTER) from error
        if found is None or isinstance(found, Identity):
            return found
        logger.error(
            "The auth provider returned a %s. Return an Identity, a mapping with %r, or None.",
            type(found).__name__,
            self._id_key,
        )
        raise ServiceUnavailable(retry_after=RETRY_AFTER)

    def _from_mapping(self, identity: Identity, found: Mapping[str, Any]) -> Any:
        """Return *identity* with what was *found*, or None if that is empty or has no user."""
        user_id = found.get(self._id_key, "") if found else None
        if not is_id(user_id, KEY_TYPES):
            return None if user_id is None else found
        identity.id = user_id
        identity.provides |= {RoleNeed(role) for role in role_names(found.get(self._roles_key))}
        return identity

    def _become(self, identity: Identity) -> None:
        if has_request_context():
            use(identity)
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
    """Return whether *value* can be a user's id: not a bool, which is an int, and not empty."""
    return isinstance(value, key_type) and not isinstance(value, bool) and value != ""


def use(identity: Identity | None) -> None:
    """Use *identity* for the rest of the request; or, if it is None, load it when it is needed."""
    environ = environ_of(current_request())
    environ[_ENVIRON] = identity
    environ.setdefault(WHO, (None, None))  # After a logout it is still who sent the request.
    if identity is not None and identity.id is not None:
        environ[WHO] = identity.id, "session" if bearer_of(environ) is None else "token"


def auth_method() -> str | None:
    """Return how the user of this request came in: by a "session" or a "token"; else None."""
    who = environ_of(current_request()).get(WHO) if has_request_context() else None
    return who[1] if who else None


def announce_refusal(identity: Identity, code: int) -> None:
    """Send ``permission_denied``."""
    app: Any = current_app
    permission_denied.send(app._get_current_object(), identity=identity, code=code)


def unauthorized() -> TokenRequired:
    """Return the refusal of a request without credentials, or whose token is bad."""
    if not has_request_context() or bearer_of(environ_of(current_request())) is None:
        return TokenRequired("Log in first, or send a token.")
    return TokenRequired("The token is not valid.", "invalid_token")
