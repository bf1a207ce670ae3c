"""The login of this session: made, shown, and ended."""

from flask import abort
from flask import Blueprint
from flask.views import MethodView
from pydantic import Field
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .. import accounts
from .. import passwords
from ..carafe.operation import operation
from ..carafe.schema import Body
from ..carafe.schema import Representation
from ..database import db
from ..extensions import auth

bp = Blueprint("login", __name__, url_prefix="/login")


class Credentials(Body):
    """Who logs in."""

    email: str = Field(max_length=200)
    password: str = Field(max_length=passwords.LONGEST)


class NewPassword(Body):
    """A new password, and the one before."""

    current_password: str = Field(max_length=passwords.LONGEST)
    new_password: str = Field(min_length=passwords.SHORTEST, max_length=passwords.LONGEST)


class UserOut(Representation):
    """A user."""

    id: int
    email: str
    roles: list[str]


class LoginView(MethodView):
    @operation(problems=[401])
    def post(self, body: Credentials) -> UserOut:
        """Log in."""
        user = accounts.authenticate(body.email, body.password)
        if user is None:
            raise _wrong_credentials()
        auth.login(user.id, **{accounts.LOGIN_KEY: accounts.open_login(user)})
        return UserOut.model_validate(user)

    @auth.require.login()
    @operation()
    def get(self) -> UserOut:
        """Show who is logged in."""
        return UserOut.model_validate(_user())

    @operation(204)
    def delete(self) -> None:
        """Log out. A copy of the cookie is worth nothing afterwards."""
        accounts.end_login()
        auth.logout()


class PasswordView(MethodView):
    @auth.require.login()
    @operation(204)
    def put(self, body: NewPassword) -> None:
        """Change one's password, and end one's other logins."""
        user = _user()
        if not passwords.is_right(user.password_hash, body.current_password):
            abort(403, "The current password is another one.")
        accounts.change_password(user, body.new_password)


def _user() -> accounts.User:
    return db.get_or_404(accounts.User, auth.user_id)


def _wrong_credentials() -> Unauthorized:
    return Unauthorized(
        "No user has this e-mail address and password.",
        www_authenticate=WWWAuthenticate("session"),
    )


bp.add_url_rule("", view_func=LoginView.as_view("login"))
bp.add_url_rule("/password", view_func=PasswordView.as_view("password"))
