"""Users, the logins they have open, and who it is that asks.

A login is a row: the session names it, and ending it ends that session everywhere, whoever
holds a copy of the cookie. A user who is not active has no identity.
"""

import secrets
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from typing import Any

from flask import session
from sqlalchemy import ColumnElement
from sqlalchemy import ForeignKey
from sqlalchemy import JSON
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from .carafe.ext.auth import SQLAlchemyAuthProvider
from .database import Base

LOGIN_KEY = "login"
"""Where the session keeps the token of its login."""

LONGEST_LOGIN = timedelta(days=90)


class User(Base):
    """Somebody who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(200), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True)


class Login(Base):
    """One login of a user."""

    __tablename__ = "logins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(43), unique=True, default=secrets.token_urlsafe)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    opened_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    address: Mapped[str] = mapped_column(String(50))
    user_agent: Mapped[str] = mapped_column(String(200))

    @property
    def current(self) -> bool:
        """Whether it is this session's."""
        return bool(self.token == session.get(LOGIN_KEY))

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """For a query: not older than a login gets."""
        return cls.opened_at > datetime.now(UTC) - LONGEST_LOGIN


class Accounts(SQLAlchemyAuthProvider):
    """Identifies a user by their id and an open login, in one query."""

    __model__ = User
    session_keys = (LOGIN_KEY,)

    def get_user(self, _id: Any) -> User | None:
        """The user, if this session's login is still theirs and open."""
        is_theirs = (Login.user_id == User.id) & (Login.token == session.get(LOGIN_KEY))
        found: User | None = self.session.scalar(
            select(User).join(Login, is_theirs).where(User.id == _id, Login.is_open())
        )
        return found
