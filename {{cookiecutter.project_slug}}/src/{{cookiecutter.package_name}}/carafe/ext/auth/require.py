"""Guards: which identities may pass, and how others are refused."""

from collections.abc import Callable
from collections.abc import Iterable
from functools import wraps
from typing import Any
from typing import NoReturn
from typing import overload
from typing import TypeVar

from flask import abort
from flask import Blueprint
from flask import Flask
from flask.views import View as ViewClass
from flask_principal import Identity
from flask_principal import Permission
from flask_principal import RoleNeed
from flask_principal import UserNeed

from ...app import as_sync
from ...reads import IDENTITY
from ...reads import record
from .identity import announce_refusal
from .identity import Anonymous
from .identity import auth_method
from .identity import Identities
from .identity import LOGGED_IN
from .identity import unauthorized
from .provider import name_of

View = TypeVar("View", bound=Callable[..., Any])


class Guard:
    """Lets some identities pass: a decorator, a context manager, ``can()`` and ``check()``.

    It has the attributes of Flask-Principal's ``IdentityContext``.

    It decorates a view, a method or a view class; ``auth.require.login()(bp)`` guards a blueprint,
    or an app.
    Called with a status instead, or with nothing, it returns a guard that refuses with that status.

    All *permissions* must allow the identity. A permission without needs allows nobody, and so
    does a guard without permissions. *code* is the status of a refusal: by default 401 if nobody is
    logged in, and 403 for a user without the role.
    """

    ways: tuple[str, ...] = ("session", "token")
    """How a client may authenticate: security schemes of the OpenAPI document."""

    def __init__(
        self,
        identities: Callable[[], Identities | Anonymous],
        permissions: Iterable[Permission],
        code: int | None = None,
    ) -> None:
        self._identities = identities
        self._permissions = tuple(permissions)
        self.http_exception = code
        self.__problems__ = {401, code or 403}  # A bad token is a 401 whatever the code is.
        self.__security__ = {self.ways}

    @property
    def permission(self) -> Permission | None:
        """The only permission, or None if there are several."""
        return self._permissions[0] if len(self._permissions) == 1 else None

    @property
    def identity(self) -> Identity:
        """The identity of this request."""
        return self._identities().current()

    def allows(self, identity: Identity) -> bool:
        """Whether *identity* may pass."""
        return bool(self._permissions) and all(
            permission.needs and permission.allows(identity) for permission in self._permissions
        )

    def can(self) -> bool:
        """Whether the identity of this request may pass."""
        return self.allows(self.identity)

    __bool__ = can

    def check(self) -> None:
        """Abort unless the identity of this request may pass."""
        identity = self._identities().decide()
        if not self.allows(identity):
            self._refuse(identity)

    def _refuse(self, identity: Identity) -> NoReturn:
        record(IDENTITY)  # Code that catches the refusal learns who is logged in.
        code = self.http_exception or (401 if identity.id is None else 403)
        announce_refusal(identity, code)
        if code == 401:
            raise unauthorized()
        abort(code)

    @overload
    def __call__(self, view: int | None = None) -> "Guard": ...

    @overload
    def __call__(self, view: View) -> View: ...

    def __call__(self, view: Any = None) -> Any:
        if view is None or isinstance(view, int):
            return type(self)(self._identities, self._permissions, view)
        if isinstance(view, Blueprint | Flask):
            view.before_request(self.check)
            return view
        if isinstance(view, type) and issubclass(view, ViewClass):
            view.decorators = [*view.decorators, self]
            return view
        if isinstance(view, type) or not callable(view):
            raise TypeError("A guard takes a status such as 403, a view, a blueprint or an app.")
        return self._guarded(view)

    def _guarded(self, view: Callable[..., Any]) -> Callable[..., Any]:
        run = as_sync(view)

        @wraps(view)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.check()
            return run(*args, **kwargs)

        for name in ("__problems__", "__security__"):
            setattr(call, name, getattr(self, name) | getattr(view, name, set()))
        return call

    def __enter__(self) -> None:
        self.check()

    def __exit__(self, *error: object) -> None:
        """Let errors of the block pass."""


class SessionGuard(Guard):
    """A guard that refuses tokens."""

    ways = ("session",)

    def allows(self, identity: Identity) -> bool:
        """Whether *identity* may pass."""
        return super().allows(identity) and auth_method() == "session"


class Require:
    """Makes guards: ``require.login``, the same as ``require.auth``, and ``require.<role>``.

    A role with the name of a method of this class is written ``any_of("owner")``.
    """

    def __init__(
        self, identities: Callable[[], Identities | Anonymous], roles: frozenset[str] | None = None
    ) -> None:
        self._identities = identities
        self._roles = roles

    @property
    def auth(self) -> Guard:
        """Allow everybody who is logged in."""
        return Guard(self._identities, [Permission(LOGGED_IN)])

    login = auth

    @property
    def session(self) -> Guard:
        """Allow everybody who is logged in by a session; a token is a 403."""
        return SessionGuard(self._identities, [Permission(LOGGED_IN)])

    def any_of(self, *needs: Any) -> Guard:
        """Allow users with at least one of these roles or needs."""
        return Guard(self._identities, [Permission(*map(self._need, needs))])

    def all_of(self, *needs: Any) -> Guard:
        """Allow users with all of these roles or needs; nobody if there are none."""
        return Guard(self._identities, [Permission(self._need(need)) for need in needs])

    def owner(self, user_id: Any, *needs: Any) -> Guard:
        """Allow the user with this id, and users with one of these roles or needs."""
        return self.any_of(UserNeed(user_id), *needs)

    def __getattr__(self, role: str) -> Guard:
        if role.startswith("_"):
            raise AttributeError(role)
        return self.any_of(role)

    def _need(self, need: Any) -> Any:
        role = name_of(need)
        if role is None:
            return need
        if role.split() != [role]:
            raise AttributeError(f"A role is called {role!r}. Give it a name without white space.")
        if self._roles is not None and role not in self._roles:
            raise AttributeError(f"No role is called {role!r}. Add it to the roles of Auth.")
        return RoleNeed(role)
