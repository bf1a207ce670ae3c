"""The tables of users, of their logins and of their tokens.

A login is a row that the session refers to: deleting it ends that session everywhere, also for
copies of the cookie. A token is a row too, with only a digest of its text.
"""

import secrets
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from hashlib import sha256

from flask import session
from sqlalchemy import ColumnElement
from sqlalchemy import ForeignKey
from sqlalchemy import JSON
from sqlalchemy import String
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

from ..database import Base

LOGIN_KEY = "login"
"""The key of the session that holds the token of its login."""

MAX_LOGIN_AGE = timedelta(days=90)


class User(Base):
    """A user, who can log in while *active*."""

    __tablename__ = "users"
    __table_args__ = {"sqlite_autoincrement": True}  # No id comes back for somebody else.

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
        """Whether it is the login of the current session."""
        return bool(self.token == session.get(LOGIN_KEY))

    @classmethod
    def is_open(cls) -> ColumnElement[bool]:
        """Return a condition of a query: whether a login has not expired."""
        return cls.opened_at > datetime.now(UTC) - MAX_LOGIN_AGE


class Token(Base):
    """A token of a user, for a machine. Without *roles* it has all of the user's."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    last_four: Mapped[str] = mapped_column(String(4))
    roles: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


def digest_of(text: str) -> str:
    """Return the digest of a token's text, which is stored instead of it."""
    return sha256(text.encode()).hexdigest()
