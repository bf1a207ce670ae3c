"""Who is logged in: an active user with an open login. How a login is opened and ended."""

from typing import Any

from flask import request
from flask import session
from sqlalchemy import ColumnElement
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from ..carafe import logger
from ..carafe.ext.auth import Auth
from ..carafe.ext.auth import SQLAlchemyAuthProvider
from ..database import db
from .models import Login
from .models import LOGIN_KEY
from .models import User


class Accounts(SQLAlchemyAuthProvider):
    """Identifies a user by their id and an open login, in one query."""

    __model__ = User
    session_keys = (LOGIN_KEY,)

    def get_user(self, _id: Any) -> User | None:
        """Return the user, if the login of this session is theirs and still open."""
        is_theirs = (Login.user_id == User.id) & (Login.token == session.get(LOGIN_KEY))
        found: User | None = self.session.scalar(
            select(User).join(Login, is_theirs).where(User.id == _id, Login.is_open())
        )
        return found


auth = Auth(Accounts(db.session), roles=["admin", "editor"])
"""The auth of the application, with the roles that users may have."""


def open_login(user: User) -> str:
    """Open a login instead of the current one, commit, and return its token."""
    _end(Login.token == _current())
    _end(Login.user_id == user.id, ~Login.is_open())
    login = Login(
        user_id=user.id,
        address=request.remote_addr or "",
        user_agent=request.user_agent.string.replace("\0", "")[:200],
    )
    db.session.add(login)
    db.session.commit()
    return login.token


def end_login() -> int | None:
    """End the login of this session, and return the user's id, or None.

    If the database is unavailable, only the cookie is removed.
    """
    try:
        user_ids = _end(Login.token == _current())
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        logger.error("A login could not be ended: %s", type(error).__name__)
        return None
    return next(iter(user_ids), None)


def end_logins(user: User) -> None:
    """End all logins of a user; the caller commits."""
    _end(Login.user_id == user.id)


def _end(*conditions: ColumnElement[bool]) -> list[int]:
    """End these logins, and return the ids of their users."""
    found = db.session.scalars(select(Login).where(*conditions).with_for_update()).all()
    for login in found:
        db.session.delete(login)
    return [login.user_id for login in found]


def _current() -> str:
    """The token of this session's login, or an empty text, which no login has."""
    return str(session.get(LOGIN_KEY, ""))
