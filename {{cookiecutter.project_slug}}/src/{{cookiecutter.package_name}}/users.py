"""``flask users``: make, list and disable users."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from . import passwords
from .accounts import add_user
from .accounts import end_logins
from .accounts import find_user
from .accounts import User
from .database import db

users = AppGroup("users", help="Make, list and disable users.")


@users.command()
@click.argument("email")
@click.option("--role", "roles", multiple=True, help="A role; may be given again.")
@click.password_option(help="Asked for, if it is not given.")
def create(email: str, roles: tuple[str, ...], password: str) -> None:
    """Make a user who logs in with EMAIL."""
    if "@" not in email:
        raise click.BadParameter("that is no e-mail address.", param_hint="EMAIL")
    if find_user(email):
        raise click.ClickException(f"There is a user {email} already.")
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise click.ClickException(
            f"A password has {passwords.SHORTEST} to {passwords.LONGEST} characters."
        )
    user = add_user(email, password, list(roles))
    db.session.commit()
    click.echo(f"Made user {user.email}.")


@users.command("list")
def index() -> None:
    """List the users and their roles."""
    for user in db.session.scalars(select(User).order_by(User.email)):
        state = "" if user.active else " (disabled)"
        click.echo(f"{user.email}: {', '.join(user.roles) or 'no roles'}{state}")


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """End all logins of the user EMAIL, and allow no more."""
    user = find_user(email)
    if user is None:
        raise click.ClickException(f"There is no user {email}.")
    user.active = False
    end_logins(user)
    db.session.commit()
    click.echo(f"Disabled user {user.email}.")
