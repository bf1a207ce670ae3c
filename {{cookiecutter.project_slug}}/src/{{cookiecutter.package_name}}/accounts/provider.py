"""Who is logged in: an active user with a login that is still open."""

from typing import Any

from flask import session
from sqlalchemy import select

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
