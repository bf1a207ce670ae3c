"""Who the user is and what they may do: Flask-Principal, used only when something needs it.

.. code-block:: python

    auth = Auth(MyProvider(db.session))
    auth.init_app(app)

    @app.get("/reports")
    @auth.require.editor()
    def reports(): ...

The identity is loaded from the session when a view, a guard or a template first needs it; a
request that does not need it costs no query. ``g.identity`` and Principal's signals
(``identity_changed``, ``identity_loaded``) work as they do there.

================================== ============= ===========================================
``CARAFE_AUTH_ENABLED``            ``True``      off: nobody is logged in; guards refuse
``CARAFE_AUTH_SESSION_ID_KEY``     ``"user_id"`` the key of the user's id in the session
``CARAFE_AUTH_IDENTITY_ID_KEY``    ``"id"``      the user's attribute that holds the id
``CARAFE_AUTH_IDENTITY_ROLES_KEY`` ``"roles"``   the user's attribute that holds the roles
================================== ============= ===========================================

The last two are also the keys of a mapping that a provider may return.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import session
from flask.ctx import _AppCtxGlobals
from flask_principal import AnonymousIdentity
from flask_principal import Identity
from flask_principal import identity_changed
from werkzeug.exceptions import Forbidden

from ...config import declare
from ...document import add_security_scheme
from ...reads import current_request
from ...reads import environ_of
from ...request import bearer_of
from ...request import withhold_sessions
from .identity import Anonymous
from .identity import auth_method
from .identity import Identities
from .identity import is_id
from .identity import permission_denied as permission_denied
from .identity import unauthorized
from .identity import use
from .provider import AuthProvider as AuthProvider
from .provider import KeyType
from .provider import Provider
from .provider import SQLAlchemyAuthProvider as SQLAlchemyAuthProvider
from .require import Require

_KEY = "carafe.auth"


class Auth:
    """Logins and guards. If the existing *roles* are given, a typo in a guard fails at start-up.

    ``auth.roles`` has them; it is empty if none were given. ``Auth(provider)`` serves the
    apps that ``init_app`` is called with, ``Auth(app, provider)`` serves *app* at once.
    """

    def __init__(
        self,
        app: Flask | Provider | None = None,
        provider: Provider | None = None,
        *,
        roles: Iterable[str] | None = None,
    ) -> None:
        self._provider = provider
        self.roles = frozenset(roles or ())
        self.require = Require(_identities, self.roles or None)
        if isinstance(app, Flask):
            self.init_app(app)
        elif app is not None:
            self._provider = app

    def init_app(self, app: Flask, provider: Provider | None = None) -> None:
        """Serve *app*, with a provider of its own if one is given here."""
        if _KEY in app.extensions:
            raise RuntimeError("This app has its auth already. Call init_app once.")
        declare(
            app,
            "CARAFE_AUTH_",
            ENABLED=True,
            SESSION_ID_KEY="user_id",
            IDENTITY_ID_KEY="id",
            IDENTITY_ROLES_KEY="roles",
        )
        identities: Identities | Anonymous = Anonymous()
        if app.config["CARAFE_AUTH_ENABLED"]:
            identities = Identities(_checked(provider or self._provider), app.config)
            identity_changed.connect(identities.on_changed, app)
        withhold_sessions(app)
        app.extensions[_KEY] = identities
        app.app_ctx_globals_class = _globals_with(identities, app.app_ctx_globals_class)
        add_security_scheme(app, "session", _session_scheme)
        add_security_scheme(app, "token", lambda app: {"type": "http", "scheme": "bearer"})

    @property
    def provider(self) -> Provider | None:
        """The current app's provider."""
        return _identities().provider

    @property
    def user_id(self) -> Any:
        """The id of the user who is logged in, or None."""
        return _identities().current().id

    @property
    def method(self) -> str | None:
        """How the user came in: ``"session"``, ``"token"``, or None if nobody is logged in."""
        return None if self.user_id is None else auth_method()

    session_id_key = property(lambda self: _setting("SESSION_ID_KEY"))
    identity_id_key = property(lambda self: _setting("IDENTITY_ID_KEY"))
    identity_roles_key = property(lambda self: _setting("IDENTITY_ROLES_KEY"))

    def login(self, user_id: int | str | UUID, propagate: object = True, **values: Any) -> None:
        """Log a user in: a new session, with their id and *values* in it.

        Without *propagate*, ``identity_changed`` is not sent, and the provider is not called until
        the identity is used. Raises TypeError for anything that is not an id of the provider's key
        type. The session is unchanged then, and also if the provider, or a receiver of the signal,
        fails. Raises NeedsSession in a request with a token.
        """
        self.refuse_token()
        identities = _identities()
        _check_user_id(user_id, identities.key_type)
        before = dict(session)
        try:
            session.clear()
            identities.remember(user_id)
            session.update(values)
            _announce(Identity(user_id), propagate)
        except Exception:  # Whatever failed, nobody may be logged in by it.
            session.clear()
            session.update(before)
            raise

    def logout(self, propagate: object = True) -> None:
        """Log the user out, and forget everything in the session.

        Raises NeedsSession in a request with a token.
        """
        self.refuse_token()
        session.clear()
        _announce(AnonymousIdentity(), propagate)

    def refuse_token(self) -> None:
        """Raise NeedsSession in a request with a token, or Unauthorized if the token is bad."""
        is_token = has_request_context() and bearer_of(environ_of(current_request())) is not None
        if is_token and self.provider:
            # A bad token was refused once already if code has gone on after that.
            raise NeedsSession if self.method else unauthorized()


class NeedsSession(Forbidden, RuntimeError):
    """403: a request with a token can neither log in nor log out."""

    description = "This needs a login, not a token."


def _identities() -> Identities | Anonymous:
    if _KEY not in current_app.extensions:
        raise RuntimeError("This app has no auth. Call auth.init_app(app) when you make it.")
    found: Identities | Anonymous = current_app.extensions[_KEY]
    return found


def _session_scheme(app: Flask) -> dict[str, Any]:
    return {
        "type": "apiKey",
        "in": "cookie",
        "name": app.session_interface.get_cookie_name(app),
        "description": "Log in by POST /login; the browser then sends the cookie.",
    }


def _setting(name: str) -> str:
    return str(current_app.config[f"CARAFE_AUTH_{name}"])


def _globals_with(
    identities: Identities | Anonymous, base: type[_AppCtxGlobals]
) -> type[_AppCtxGlobals]:
    class Globals(base):  # type: ignore[valid-type, misc]
        identity = property(lambda self: identities.current(), lambda self, value: use(value))

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "identity":  # Flask's own method ignores descriptors.
                object.__setattr__(self, name, value)
            else:
                super().__setattr__(name, value)

    return Globals


def _checked(provider: Provider | None) -> Provider:
    if provider is None:
        raise RuntimeError("Auth has no provider. Pass one to Auth(...) or to init_app.")
    if not callable(getattr(provider, "identify", None)):
        raise TypeError("The auth provider cannot identify anybody. Give it identify(identity).")
    return provider


def _check_user_id(user_id: Any, key_type: KeyType) -> None:
    if not is_id(user_id, key_type):
        types = key_type if isinstance(key_type, tuple) else (key_type,)
        names = " or ".join(each.__name__ for each in types)
        raise TypeError(
            f"A user id of type {type(user_id).__name__} is not valid. "
            f"Pass one of type {names} that is not empty."
        )


def _announce(identity: Identity, propagate: object) -> None:
    if not propagate:
        return use(None)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    identity_changed.send(app, identity=identity)
