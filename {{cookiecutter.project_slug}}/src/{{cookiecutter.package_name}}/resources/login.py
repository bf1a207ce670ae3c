# feature: auth
"""The login of this session: made, shown, and ended."""

from flask import abort
from flask import Blueprint
from flask.views import MethodView
from pydantic import Field
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from .. import audit
from .. import credentials
from .. import passwords
from ..accounts import LOGIN_KEY
from ..accounts import User
from ..attempts import Attempt
from ..carafe.operation import operation
from ..carafe.schema import Body
from ..carafe.schema import Representation
from ..carafe.schema import Text
from ..database import db
from ..extensions import auth
from ..logins import end_login
from ..logins import open_login

bp = Blueprint("login", __name__, url_prefix="/login")


class Credentials(Body):
    """Who logs in."""

    email: Text = Field(max_length=200, examples=["admin@example.com"])
    password: Text = Field(max_length=passwords.LONGEST)


class PasswordChange(Body):
    """A new password, and the one before."""

    current_password: Text = Field(max_length=passwords.LONGEST)
    new_password: passwords.NewPassword


class UserOut(Representation):
    """A user."""

    id: int
    email: str
    roles: list[str]


class LoginView(MethodView):
    @operation(problems=[401, 429])
    def post(self, body: Credentials) -> UserOut:
        """Log in."""
        attempt = Attempt(credentials.normal(body.email))
        attempt.check()
        user = credentials.authenticate(body.email, body.password)
        if user is None:
            attempt.fail()
            raise _wrong_credentials()
        auth.login(user.id, **{LOGIN_KEY: open_login(user)})
        attempt.succeed()
        audit.record("logged in", user_id=user.id)
        return UserOut.model_validate(user)

    @auth.require.login()
    @operation()
    def get(self) -> UserOut:
        """Show who is logged in."""
        return UserOut.model_validate(_user())

    @operation(204)
    def delete(self) -> None:
        """Log out. A copy of the cookie is worth nothing afterwards."""
        if (user_id := end_login()) is not None:
            audit.record("logged out", user_id=user_id)
        auth.logout()


class PasswordView(MethodView):
    @auth.require.login()
    @operation(204, problems=[429])
    def put(self, body: PasswordChange) -> None:
        """Change your password, and end your other logins."""
        attempt = Attempt(_user().email)
        attempt.check()
        if not credentials.change_password(auth.user_id, body.current_password, body.new_password):
            attempt.fail()
            audit.record("password change failed", user_id=auth.user_id)
            abort(403, "The current password is another one.")
        audit.record("changed the password", user_id=auth.user_id)


def _user() -> User:
    return db.get_or_404(User, auth.user_id)


def _wrong_credentials() -> Unauthorized:
    return Unauthorized(
        "No user has this e-mail address and password.",
        www_authenticate=WWWAuthenticate("session"),
    )


bp.add_url_rule("", view_func=LoginView.as_view("login"))
bp.add_url_rule("/password", view_func=PasswordView.as_view("password"))
