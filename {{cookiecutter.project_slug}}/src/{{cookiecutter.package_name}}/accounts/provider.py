"""Identifies users by an open login or a token, and ends these."""

from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from functools import partial
from typing import Any

from flask import after_this_request
from flask import current_app
from flask import Flask
from flask import has_request_context
from flask import request
from flask import Response
from flask import session
from flask_principal import Identity
from flask_principal import RoleNeed
from sqlalchemy import ColumnElement
from sqlalchemy import delete
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from ..carafe import logger
from ..carafe.ext.auth import Auth
from ..carafe.ext.auth import SQLAlchemyAuthProvider
from ..carafe.ext.auth.identity import unauthorized
from ..carafe.ext.auth.provider import role_names
from ..carafe.reads import current_request
from ..carafe.reads import environ_of
from ..carafe.reads import WHO
from ..carafe.request import TOKEN
from ..database import db
from ..database import deadline
from . import audit
from .models import digest_of
from .models import Login
from .models import LOGIN_KEY
from .models import Token
from .models import User

USE_INTERVAL = timedelta(hours=1)
"""The time after which another use of a token is recorded."""


class Accounts(SQLAlchemyAuthProvider):
    """Identifies a user by their id and an open login, in one query."""

    __model__ = User

    def get_user(self, _id: Any) -> User | None:
        """Return the user, if the login of this session is theirs and still open."""
        is_theirs = (Login.user_id == User.id) & (Login.token == session.get(LOGIN_KEY))
        found: User | None = self.session.scalar(
            select(User).join(Login, is_theirs).where(User.id == _id, Login.is_open())
        )
        return found

    def identify_token(self, token: str) -> Identity | None:
        """Return the identity of the user with this token, in one query.

        It has those of the token's roles that the user still has.
        """
        if not TOKEN.fullmatch(token):
            return None
        owned = select(User, Token).join(Token, Token.user_id == User.id)
        is_live = Token.expires_at > datetime.now(UTC)
        row = self.session.execute(
            owned.where(Token.digest == digest_of(token), is_live)
        ).one_or_none()
        if row is None or not self.is_active(row.User):
            return None
        user, stored = row
        identity = Identity(user.id)
        identity.user = user
        roles = role_names(self.get_roles(user))
        granted = roles if stored.roles is None else roles & set(stored.roles)
        identity.provides |= {RoleNeed(role) for role in granted}
        last = stored.last_used_at
        if has_request_context() and (last is None or last < datetime.now(UTC) - USE_INTERVAL):
            _note_use_later(stored.id)
        return identity


def _note_use_later(token_id: int) -> None:
    """Record that a token was used, when the response has been sent."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    @after_this_request
    def call(response: Response) -> Response:
        response.call_on_close(partial(_note_use, app, token_id))
        return response


def _note_use(app: Flask, token_id: int) -> None:
    """Record that a token was used, unless that was done in the last hour, or fails."""
    now = datetime.now(UTC)
    is_due = Token.last_used_at.is_(None) | (Token.last_used_at < now - USE_INTERVAL)
    with app.app_context(), deadline(app.config["DATABASE_TIMEOUT"]):
        try:
            db.session.execute(
                update(Token).where(Token.id == token_id, is_due).values(last_used_at=now)
            )
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()


class LoginAuth(Auth):
    """Auth whose sessions each belong to an open login."""

    def login(self, user_id: Any, propagate: object = True, **values: Any) -> None:
        """Open a login of the user instead of the current one, commit, and log them in."""
        self.refuse_token()
        if isinstance(user_id, int) and db.session.get(User, user_id) is not None:
            values[LOGIN_KEY] = _open_login(user_id)
        super().login(user_id, propagate, **values)

    def logout(self, propagate: object = True) -> None:
        """End the login of this session, commit, and log the user out, also in copies of it."""
        self.refuse_token()
        if (user_id := _end_login()) is not None:
            environ_of(current_request())[WHO] = user_id, "session"
            audit.record("logged out", user_id=user_id)
        super().logout(propagate)


_accounts = Accounts(db.session)
auth = LoginAuth(_accounts, roles=["admin", "editor"])
"""The auth of the application, with the roles that users may have."""


def _open_login(user_id: int) -> str:
    """Open a login instead of the current one, commit, and return its token."""
    _end(Login.token == _current())
    _end(Login.user_id == user_id, ~Login.is_open())
    login = Login(
        user_id=user_id,
        address=request.remote_addr or "",
        user_agent=request.user_agent.string.replace("\0", "")[:200],
    )
    db.session.add(login)
    db.session.commit()
    return login.token


def locked_user() -> User:
    """Return the user of this session, locked until the caller commits.

    Raises Unauthorized if the login has ended since the guard let the request pass.
    """
    user = db.session.get(User, auth.user_id, with_for_update=True, populate_existing=True)
    if user is None or _accounts.identify(Identity(user.id)) is None:
        raise unauthorized()
    return user


def _end_login() -> int | None:
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


def end_tokens(user: User) -> None:
    """End all tokens of a user; the caller commits."""
    db.session.execute(delete(Token).where(Token.user_id == user.id))


def _end(*conditions: ColumnElement[bool]) -> Sequence[int]:
    """End these logins, and return the ids of their users."""
    return db.session.scalars(delete(Login).where(*conditions).returning(Login.user_id)).all()


def _current() -> str:
    """The token of this session's login, or an empty string, which no login has."""
    return str(session.get(LOGIN_KEY, ""))
