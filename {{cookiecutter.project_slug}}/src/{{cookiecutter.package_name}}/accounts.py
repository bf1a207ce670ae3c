"""Users, and the logins they have open.

A login is a row: the session names it, and ending it ends that session everywhere, whoever
holds a copy of the cookie. A user who is not active has no identity.
"""

import secrets
from datetime import datetime
from datetime import UTC
from typing import Any

from flask import session
from sqlalchemy import DateTime
from sqlalchemy import delete
from sqlalchemy import false
from sqlalchemy import ForeignKey
from sqlalchemy import JSON
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from . import passwords
from .carafe.ext.auth import SQLAlchemyAuthProvider
from .database import Base
from .database import db

LOGIN_KEY = "login_id"
"""Where the session keeps the name of its login."""


class User(Base):
    """Somebody who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True)


class Login(Base):
    """One open login of a user."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(43), primary_key=True, default=secrets.token_urlsafe)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    opened_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=lambda: datetime.now(UTC)
    )


class Accounts(SQLAlchemyAuthProvider):
    """Identifies a user by their id and an open login, in one query."""

    __model__ = User

    def get_user(self, _id: Any) -> User | None:
        """The user, if this session's login is still theirs and open."""
        is_open = (Login.user_id == User.id) & (Login.id == session.get(LOGIN_KEY))
        found: User | None = self.session.scalar(
            select(User).join(Login, is_open).where(User.id == _id)
        )
        return found


def find_user(email: str) -> User | None:
    """The user with that address, whatever its case."""
    return db.session.scalar(select(User).where(User.email == email.strip().lower()))


def add_user(email: str, password: str, roles: list[str]) -> User:
    """Add a user; the caller commits."""
    user = User(email=email.strip().lower(), roles=roles)
    user.password_hash = passwords.hashed(password)
    db.session.add(user)
    return user


def authenticate(email: str, password: str) -> User | None:
    """The active user with that address and password.

    Takes one hash of work whether or not there is such a user.
    """
    user = find_user(email)
    if not passwords.is_right(user.password_hash if user else None, password):
        return None
    if user is None or not user.active:
        return None
    if passwords.is_outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    return user


def open_login(user: User) -> str:
    """Open a login, commit, and return its name."""
    login = Login(user_id=user.id)
    db.session.add(login)
    db.session.commit()
    return login.id


def end_login() -> None:
    """End the login of this session."""
    db.session.execute(delete(Login).where(Login.id == session.get(LOGIN_KEY)))
    db.session.commit()


def end_logins(user: User, but: str | None = None) -> None:
    """End all logins of a user, *but* perhaps one; the caller commits."""
    is_other = Login.id != but if but else ~false()
    db.session.execute(delete(Login).where(Login.user_id == user.id, is_other))


def change_password(user: User, password: str) -> None:
    """Set a new password, commit, and end the user's logins but this session's."""
    user.password_hash = passwords.hashed(password)
    end_logins(user, but=session.get(LOGIN_KEY))
    db.session.commit()
