"""Users, their logins, and everything about them: all of the application's part of auth."""

from flask import Flask

from . import audit
from . import login
from . import throttling
from .commands import users
from .provider import auth as auth


def init_app(app: Flask) -> None:
    """Start auth, and serve its resources and commands."""
    auth.init_app(app)
    audit.init_app(app)
    throttling.init_app(app)
    app.register_blueprint(login.bp)
    app.register_blueprint(login.logins)
    app.cli.add_command(users)
