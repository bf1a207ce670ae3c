# feature: auth
"""The logins of the current user, on all devices: listed, and ended."""

from datetime import datetime
from typing import Any

from flask import abort
from flask import Blueprint
from flask.views import MethodView
from sqlalchemy import Select
from sqlalchemy import select

from .. import audit
from ..accounts import Login
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.schema import Representation
from ..database import db
from ..extensions import auth
from ..paging import Page
from ..paging import page
from ..paging import PageQuery

bp = Blueprint("logins", __name__, url_prefix="/logins")


class LoginOut(Representation):
    """A login: since when, and from where."""

    id: int
    opened_at: datetime
    address: str
    user_agent: str
    current: bool


class LoginListView(MethodView):
    @auth.require.login()
    @operation()
    def get(self, query: PageQuery) -> tuple[Page[LoginOut], Headers]:
        """List your logins, the oldest first."""
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
