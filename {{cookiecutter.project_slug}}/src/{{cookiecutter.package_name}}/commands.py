"""Commands: ``flask dev``, the one of the first minute, ``flask check-deploy``, and others."""

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext
from flask_migrate import upgrade
from werkzeug.serving import is_running_from_reloader
from werkzeug.serving import run_simple

from . import seed
from . import seed_admin  # feature: auth
from .carafe.openapi import document
from .checks import check_deploy
from .database import db
from .users import users  # feature: auth


def init_app(app: Flask) -> None:
    """Add the commands to ``flask``."""
    app.cli.add_command(check_deploy)
    app.cli.add_command(dev)
    app.cli.add_command(openapi)
    app.cli.add_command(users)  # feature: auth


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, envvar="PORT", show_default=True)
@with_appcontext
def dev(host: str, port: int) -> None:
    """Prepare the database, fill an empty one, and serve with reload."""
    if current_app.config["ENVIRONMENT"] != "development":
        raise click.ClickException("Set FLASK_ENVIRONMENT=development, or serve with gunicorn.")
    if not is_running_from_reloader():
        _prepare(f"http://{host}:{port}")
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    run_simple(host, port, app, use_reloader=True, threaded=True)


def _prepare(address: str) -> None:
    upgrade()
    seed.fill()
    seed_admin.fill()  # feature: auth
    click.echo(seed.welcome(address))
    click.echo(seed_admin.welcome(address))  # feature: auth
    db.session.remove()  # What was only read still holds SQLite, against every request that writes.


@click.command()
@with_appcontext
def openapi() -> None:
    """Print the OpenAPI document."""
    click.echo(current_app.json.dumps(document(current_app), indent=2))
