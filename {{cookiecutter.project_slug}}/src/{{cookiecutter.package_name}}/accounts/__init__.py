"""Users, their logins and tokens: all of the application's part of auth."""

from flask import Flask

from . import audit
from . import login
from . import throttling
from . import tokens
from .commands import tokens as token_commands
from .commands import users
from .provider import auth as auth


def init_app(app: Flask) -> None:
    """Start auth, and serve its resources and commands."""
    auth.init_app(app)
    audit.init_app(app)
    throttling.init_app(app)
    app.register_blueprint(login.bp)
    app.register_blueprint(login.logins)
    app.register_blueprint(tokens.bp)
    app.cli.add_command(users)
    app.cli.add_command(token_commands)
