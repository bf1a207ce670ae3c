# feature: auth
"""``flask users``: make, list and change users."""

import click
from flask.cli import AppGroup
from sqlalchemy import select

from . import audit
from . import passwords
from .accounts import User
from .credentials import add_user
from .credentials import find_user
from .database import db
from .database import writes
from .extensions import auth
from .logins import end_logins

users = AppGroup("users", help="Make, list and change users.")

roles_option = click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(sorted(auth.roles)) if auth.roles else str,
    help="A role; may be given again.",
)
password_option = click.password_option(help="Asked for, if it is not given.")


@users.command()
@click.argument("email")
@roles_option
@password_option
@writes
def create(email: str, roles: tuple[str, ...], password: str) -> None:
    """Make a user who logs in with EMAIL."""
    if "@" not in email or len(email) > 200:
        raise click.BadParameter("that is no e-mail address.", param_hint="EMAIL")
    if find_user(email):
        raise click.ClickException(f"There is a user {email} already.")
    _done("made", add_user(email, _checked(password), list(roles)))


@users.command("list")
def index() -> None:
    """List the users and their roles."""
    for user in db.session.scalars(select(User).order_by(User.email)):
        state = "" if user.active else " (disabled)"
        click.echo(f"{user.email}: {', '.join(user.roles) or 'no roles'}{state}")


@users.command("roles")
@click.argument("email")
@roles_option
@writes
def change_roles(email: str, roles: tuple[str, ...]) -> None:
    """Give the user EMAIL these roles, and no others."""
    user = _existing(email)
    user.roles = list(roles)
    _done("changed the roles of", user)


@users.command("password")
@click.argument("email")
@password_option
@writes
def change_password(email: str, password: str) -> None:
    """Give the user EMAIL a new password, and end all their logins."""
    user = _existing(email)
    user.password_hash = passwords.hashed(_checked(password))
    end_logins(user)
    _done("changed the password of", user)


@users.command()
@click.argument("email")
@writes
def disable(email: str) -> None:
    """End all logins of the user EMAIL, and allow no more."""
    user = _existing(email)
    user.active = False
    end_logins(user)
    _done("disabled", user)


@users.command()
@click.argument("email")
@writes
def enable(email: str) -> None:
    """Let the user EMAIL log in again."""
    user = _existing(email)
    user.active = True
    _done("enabled", user)


def _checked(password: str) -> str:
    try:
        return passwords.checked(password)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _existing(email: str) -> User:
    user = find_user(email)
    if user is None:
        raise click.ClickException(f"There is no user {email}.")
    return user


def _done(what: str, user: User) -> None:
    db.session.commit()
    audit.record(f"{what} user", user_id=user.id)
    click.echo(f"{what.capitalize()} user {user.email}.")
