"""``flask dev`` and ``flask openapi``; ``flask check-deploy`` is in ``checks``."""

import os
import socket
import subprocess
import sys

import click
from flask import current_app
from flask import Flask
from flask.cli import with_appcontext
from flask_migrate import upgrade

from . import seed
from .accounts.commands import add_admin  # feature: auth
from .accounts.commands import welcome  # feature: auth
from .carafe.openapi import document
from .checks import check_deploy

PORT = click.IntRange(1, 65535)


def init_app(app: Flask) -> None:
    """Add the commands of *app* to ``flask``."""
    app.cli.add_command(check_deploy)
    app.cli.add_command(dev)
    app.cli.add_command(openapi)


@click.command()
@click.option("--host", default="localhost", show_default=True)
@click.option("--port", type=PORT, default=5000, envvar="PORT", show_default=True)
@with_appcontext
def dev(host: str, port: int) -> None:
    """Migrate the database, fill an empty one, and serve with reload."""
    if current_app.config["ENVIRONMENT"] != "development":
        raise click.ClickException("Set FLASK_ENVIRONMENT=development, or serve with gunicorn.")
    _check_port(host, port)
    upgrade()
    seed.fill()
    add_admin()  # feature: auth
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    click.echo(seed.welcome(url))
    click.echo(welcome(url))  # feature: auth
    # Flask's own server survives a mistake in the code, because it reloads the application.
    run = [sys.executable, "-m", "flask", "--app", current_app.import_name, "run", "--reload"]
    _become([*run, f"--host={host}", f"--port={port}"])


def _check_port(host: str, port: int) -> None:
    """Fail at once if the port is in use on any IP address of *host*."""
    try:
        for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            with socket.socket(family, kind) as probe:
                probe.settimeout(1)
                if probe.connect_ex(address) == 0:
                    raise OSError("another program is listening there")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(
            f"Cannot serve at {host}:{port}: {reason}. Try another: flask dev --port {port + 1}"
        ) from None


def _become(command: list[str]) -> None:
    """Replace this process with *command*."""
    if os.name == "nt":  # On Windows, execv returns to the shell while the command still runs.
        raise SystemExit(subprocess.call(command))
    sys.stdout.flush()
    os.execv(command[0], command)


@click.command()
@with_appcontext
def openapi() -> None:
    """Print the OpenAPI document."""
    click.echo(current_app.json.dumps(document(current_app), indent=2))
