"""The logins of users, on all their devices: opened, listed and ended."""

from datetime import datetime
from typing import Any

from flask import abort
from flask import Blueprint
from flask import request
from flask import session
from flask.views import MethodView
from sqlalchemy import ColumnElement
from sqlalchemy import Select
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from ..carafe import logger
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.schema import Representation
from ..database import db
from ..paging import Page
from ..paging import page
from ..paging import PageQuery
from . import audit
from .models import Login
from .models import LOGIN_KEY
from .models import User
from .provider import auth

bp = Blueprint("logins", __name__, url_prefix="/logins")


class LoginOut(Representation):
    """A login."""

    id: int
    opened_at: datetime
    address: str
    user_agent: str
    current: bool


class LoginListView(MethodView):
    @auth.require.login()
    @operation()
    def get(self, query: PageQuery) -> tuple[Page[LoginOut], Headers]:
        """List your logins, oldest first."""
        return page(LoginOut, _own(), Login.id, query)


class LoginItemView(MethodView):
    @auth.require.login()
    @operation(204, problems=[404])
    def delete(self, id: int) -> None:
        """End one of your logins."""
        login = db.session.scalar(_own().where(Login.id == id)) or abort(404)
        db.session.delete(login)
        db.session.commit()
        audit.record("ended a login", user_id=auth.user_id, login=id)


def _own() -> Select[Any]:
    return select(Login).where(Login.user_id == auth.user_id, Login.is_open())


bp.add_url_rule("", view_func=LoginListView.as_view("list"))
bp.add_url_rule("/<int(max=2147483647):id>", view_func=LoginItemView.as_view("item"))


def open_login(user: User) -> str:
    """Open a login instead of the current one, commit, and return its token."""
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
    """End all logins of a user except the current one; the caller commits."""
    _end(Login.user_id == user.id, Login.token != _current())


def _end(*conditions: ColumnElement[bool]) -> list[int]:
    """End these logins, and return the ids of their users."""
    found = db.session.scalars(select(Login).where(*conditions).with_for_update()).all()
    for login in found:
        db.session.delete(login)
    return [login.user_id for login in found]


def _current() -> str:
    """The token of this session's login, or an empty text, which no login has."""
    return str(session.get(LOGIN_KEY, "")) if request else ""
