# feature: auth
"""Logins, opened and ended."""

from flask import request
from flask import session
from sqlalchemy import ColumnElement
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from .accounts import Login
from .accounts import LOGIN_KEY
from .accounts import User
from .carafe import logger
from .database import db


def open_login(user: User) -> str:
    """Open a login in place of this session's, commit, and return its token."""
    _end(Login.token == _current())
    _end(Login.user_id == user.id, ~Login.is_open())
    login = Login(
        user_id=user.id,
        address=str(request.remote_addr)[:50],
        user_agent=request.user_agent.string.replace("\0", "")[:200],
    )
    db.session.add(login)
    db.session.commit()
    return login.token


def end_login() -> int | None:
    """End the login of this session, and tell whose it was.

    Without the database, only the cookie goes.
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
    """End all logins of a user but this session's; the caller commits."""
    _end(Login.user_id == user.id, Login.token != _current())


def _end(*conditions: ColumnElement[bool]) -> list[int]:
    """End these logins, and tell whose they were."""
    found = db.session.scalars(select(Login).where(*conditions).with_for_update()).all()
    for login in found:
        db.session.delete(login)
    return [login.user_id for login in found]


def _current() -> str:
    """The token of this session's login, or an empty text, which is none's."""
    return str(session.get(LOGIN_KEY, "")) if request else ""
