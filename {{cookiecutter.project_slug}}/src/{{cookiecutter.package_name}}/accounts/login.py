"""The login of this session, the user's logins on all devices, and the password."""

from datetime import datetime
from typing import Any

from flask import abort
from flask import Blueprint
from flask import request
from flask.views import MethodView
from pydantic import Field
from sqlalchemy import Select
from sqlalchemy import select

from ..carafe.errors import TokenRequired
from ..carafe.operation import Headers
from ..carafe.operation import operation
from ..carafe.request import SAFE_METHODS
from ..carafe.schema import Body
from ..carafe.schema import Representation
from ..carafe.schema import Text
from ..database import db
from ..lists import Page
from ..lists import page
from ..lists import PageQuery
from . import audit
from . import passwords
from .models import Login
from .models import User
from .provider import auth
from .throttling import Attempt

bp = Blueprint("login", __name__, url_prefix="/login")
logins = Blueprint("logins", __name__, url_prefix="/logins")


class Credentials(Body):
    """An e-mail address and a password."""

    email: Text = Field(max_length=passwords.MAX_EMAIL_LENGTH, examples=["admin@example.com"])
    password: passwords.Password


class PasswordChange(Body):
    """A new password, and the current one."""

    current_password: passwords.Password
    new_password: passwords.NewPassword


class UserOut(Representation):
    """A user."""

    id: int
    email: str
    roles: list[str]


class LoginOut(Representation):
    """A login."""

    id: int
    opened_at: datetime
    address: str
    user_agent: str
    current: bool


@bp.before_request
def refuse_token() -> None:
    """Refuse to log in or out with a token, before the body is read."""
    if request.method not in SAFE_METHODS:
        auth.refuse_token()


class LoginView(MethodView):
    @operation(problems=[401, 403, 429], operation_id="log_in")
    def post(self, body: Credentials) -> UserOut:
        """Log in."""
        with Attempt(passwords.normal(body.email)).in_turn() as attempt:
            user = passwords.authenticate(body.email, body.password.get_secret_value())
            if user is None:
                attempt.fail()
                raise TokenRequired("Wrong e-mail address or password.")
            auth.login(user.id)
            attempt.succeed()
        audit.record("logged in", user_id=user.id)
        return UserOut.model_validate(user)

    @auth.require.login()
    @operation()
    def get(self) -> UserOut:
        """Show who is logged in."""
        return UserOut.model_validate(_user())

    @operation(204, problems=[401, 403], operation_id="log_out")
    def delete(self) -> None:
        """Log out. A copy of the cookie is useless afterwards."""
        auth.logout()


class PasswordView(MethodView):
    @auth.require.session()
    @operation(204, problems=[429], operation_id="change_password")
    def put(self, body: PasswordChange) -> None:
        """Change your password, log out other devices, and end your tokens."""
        email, old, new = _user().email, body.current_password, body.new_password
        db.session.rollback()  # The attempt may have to wait, while others need the database.
        with Attempt(email).in_turn() as attempt:
            user = passwords.change_password(
                auth.user_id, old.get_secret_value(), new.get_secret_value()
            )
            if user is None:
                attempt.fail()
                audit.record("password change failed", user_id=auth.user_id)
                abort(403, "The current password is wrong.")
        auth.login(user.id)
        audit.record("changed the password", user_id=user.id)


class LoginListView(MethodView):
    @auth.require.session()
    @operation()
    def get(self, query: PageQuery) -> tuple[Page[LoginOut], Headers]:
        """List your logins, oldest first."""
        return page(LoginOut, _own(), query)


class LoginItemView(MethodView):
    @auth.require.session()
    @operation(204, problems=[404])
    def delete(self, id: int) -> None:
        """End one of your logins."""
        login = db.session.scalar(_own().where(Login.id == id)) or abort(404)
        db.session.delete(login)
        db.session.commit()
        audit.record("ended a login", user_id=auth.user_id, login=id)


def _user() -> User:
    return db.get_or_404(User, auth.user_id)


def _own() -> Select[Any]:
    return select(Login).where(Login.user_id == auth.user_id, Login.is_open())


bp.add_url_rule("", view_func=LoginView.as_view("login"))
bp.add_url_rule("/password", view_func=PasswordView.as_view("password"))
logins.add_url_rule("", view_func=LoginListView.as_view("list"))
logins.add_url_rule("/<int(max=2147483647):id>", view_func=LoginItemView.as_view("item"))
