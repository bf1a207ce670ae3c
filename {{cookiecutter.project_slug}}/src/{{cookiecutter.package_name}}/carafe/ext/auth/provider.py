"""Providers: where auth looks users up."""

from abc import ABC
from abc import abstractmethod
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import TypeAlias
from uuid import UUID

from flask import current_app
from flask_principal import Identity
from flask_principal import RoleNeed
from sqlalchemy import inspect
from sqlalchemy import select
from sqlalchemy.exc import DataError

from ...app import logger

KeyType = type[Any] | tuple[type[Any], ...]

KEY_TYPES = (int, str, UUID)
"""The types of an id, if the provider has no ``key_type``."""


Identified: TypeAlias = Identity | Mapping[str, Any] | None


class Provider(Protocol):
    """Anything that can identify a user."""

    def identify(self, identity: Identity) -> Identified: ...


class AuthProvider(ABC):
    """Identifies users by ids of its *key_type*."""

    @property
    def key_type(self) -> KeyType:
        """The type, or types, of an id."""
        return KEY_TYPES

    @abstractmethod
    def identify(self, identity: Identity) -> Identified:
        """Return *identity* with its needs, another one, or None if its user no longer exists.

        Or return a mapping with the user's id and roles, such as ``{"id": 1, "roles": ["editor"]}``
        with the configured keys. ``identity.id`` is what ``login`` was given. None, and an empty
        mapping, log the user out.
        """

    def identify_token(self, token: str) -> Identified:
        """Return the identity of the user of *token*, as ``identify`` does; None if it is bad."""
        return None


class _Configured:
    """The name of a user's attribute: what the current app configures, or else *default*."""

    def __init__(self, default: str) -> None:
        self._default = default
        self._key = f"CARAFE_AUTH_IDENTITY_{default.upper()}_KEY"

    def __get__(self, provider: Any, owner: type) -> str:
        return str((current_app and current_app.config.get(self._key)) or self._default)


class SQLAlchemyAuthProvider(AuthProvider):
    """Finds users with a SQLAlchemy *session*, which may be a scoped one.

    Subclass it, and set the model. The two keys name attributes of the model, by default the
    configured ones.
    """

    __model__: type[Any]
    __id_key__: str = _Configured("id")  # type: ignore[assignment]
    __roles_key__: str = _Configured("roles")  # type: ignore[assignment]

    def __init__(self, session: Any) -> None:
        self.session = session

    @property
    def key_type(self) -> KeyType:
        """The Python type of the column that holds the ids."""
        column = inspect(self.__model__).columns[self.__id_key__]
        found: type[Any] = column.type.python_type
        return found

    def identify(self, identity: Identity) -> Identity | None:
        """Return *identity* with its user and the user's roles."""
        try:
            user = self.get_user(identity.id)
        except (DataError, OverflowError, UnicodeEncodeError):
            self.session.rollback()  # The database cannot store such an id.
            return None
        if user is None or not self.is_active(user):
            return None
        identity.user = user
        identity.provides |= {RoleNeed(role) for role in role_names(self.get_roles(user))}
        return identity

    def get_user(self, _id: Any) -> Any:
        """Return the user with this id, or None."""
        key = self.__id_key__
        if _id is None:
            return None
        if [column.key for column in inspect(self.__model__).primary_key] == [key]:
            return self.session.get(self.__model__, _id)
        is_them = getattr(self.__model__, key) == _id
        return self.session.scalars(select(self.__model__).where(is_them)).one_or_none()

    def get_roles(self, user: Any) -> Any:
        """Return the user's roles, in any shape that ``role_names`` accepts."""
        return getattr(user, self.__roles_key__, [])

    def is_active(self, user: Any) -> bool:
        """Whether *user* may be logged in: not if ``active`` or ``is_active`` is false."""
        return bool(getattr(user, "active", True) and getattr(user, "is_active", True))


def role_names(roles: Any) -> set[str]:
    """Return the names in *roles*: None, a string, or a collection of strings or named objects.

    Any other shape grants no role, and logs a warning.
    """
    if roles is None:
        return set()
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        roles = [roles]
    is_no_list = isinstance(roles, Mapping | bytes | bytearray)
    names = {None} if is_no_list else {name_of(role) for role in roles}
    if None in names:
        logger.warning("Roles of type %s are not understood; none is granted.", type(roles))
        return set()
    return {name for name in names if name}


def name_of(role: Any) -> str | None:
    """Return the name of a role: a string, or an object with a ``name``; else None."""
    name = role if isinstance(role, str) else getattr(role, "name", None)
    return str.__str__(name) if isinstance(name, str) else None  # also of an enum of strings
