"""``flask users``, ``flask tokens``, and the administrator that ``flask dev`` adds."""

import hmac
import json
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import UTC

import click
from flask import current_app
from flask.cli import AppGroup
from pydantic import TypeAdapter
from pydantic import ValidationError
from sqlalchemy import select

from ..carafe.schema import Line
from ..carafe.schema import MAX_ID
from ..database import db
from ..database import writes
from . import audit
from .models import Token
from .models import User
from .passwords import add_user
from .passwords import checked_email
from .passwords import checked_password
from .passwords import find_user
from .passwords import hashed
from .passwords import is_right
from .passwords import set_password
from .provider import auth
from .provider import end_logins
from .tokens import LIFETIME
from .tokens import make_token
from .tokens import MAX_LIFETIME
from .tokens import TooManyTokens

ADMIN = "admin@example.com"
"""The e-mail address of the administrator."""

users = AppGroup("users", help="Add, list and change users.")

roles_option = click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(sorted(auth.roles)) if auth.roles else str,
    help="Role to grant (repeatable).",
)
password_option = click.password_option(help="Prompted for if omitted.")


@users.command()
@click.argument("email")
@roles_option
@password_option
@writes
def create(email: str, roles: tuple[str, ...], password: str) -> None:
    """Add a user who logs in with EMAIL."""
    email = _checked(checked_email, email)
    if find_user(email):
        raise click.ClickException(f"User {email} already exists.")
    _done("added", add_user(email, _checked(checked_password, password), list(roles)))


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
    """Replace the roles of EMAIL."""
    user = _existing(email)
    user.roles = list(roles)
    _done("changed the roles of", user)


@users.command("password")
@click.argument("email")
@password_option
@writes
def change_password(email: str, password: str) -> None:
    """Set a new password for EMAIL, log EMAIL out everywhere, and end all tokens of EMAIL."""
    user = _existing(email)
    set_password(user, hashed(_checked(checked_password, password)))
    _done("changed the password of", user)


@users.command()
@click.argument("email")
@writes
def disable(email: str) -> None:
    """Log EMAIL out everywhere, and block new logins and all tokens."""
    user = _existing(email)
    user.active = False
    end_logins(user)
    _done("disabled", user)


@users.command()
@click.argument("email")
@writes
def enable(email: str) -> None:
    """Let EMAIL log in and use tokens again."""
    user = _existing(email)
    user.active = True
    _done("enabled", user)


tokens = AppGroup("tokens", help="Make, list and revoke tokens for machines.")


@tokens.command("create")
@click.argument("email")
@click.option("--name", required=True, help="What the token is for.")
@roles_option
@click.option(
    "--days",
    type=click.IntRange(1, MAX_LIFETIME.days),
    default=LIFETIME.days,
    show_default=True,
    help="Days until it expires.",
)
@writes
def create_token(email: str, name: str, roles: tuple[str, ...], days: int) -> None:
    """Make a token for EMAIL and print it; without --role it has all roles of EMAIL."""
    user = _existing(email)
    db.session.refresh(user, with_for_update=True)  # No other request makes a token meanwhile.
    if not user.active:
        raise click.ClickException(f"User {user.email} is disabled.")
    if lacking := sorted({*roles} - {*user.roles}):
        raise click.ClickException(f"User {user.email} lacks {', '.join(lacking)}.")
    expires_at = datetime.now(UTC) + timedelta(days=days)
    try:
        _, text = make_token(user, _checked(_name, name), list(roles) or None, expires_at)
    except TooManyTokens as error:
        raise click.ClickException(f"User {user.email}: {error}") from None
    click.echo(text)


@tokens.command("list")
def list_tokens() -> None:
    """List the tokens: id, user, name, last four characters, and when they expire."""
    rows = select(Token, User.email).join(User, User.id == Token.user_id).order_by(Token.id)
    for token, email in db.session.execute(rows):
        click.echo(
            f"{token.id}: {email}, {token.name}, ...{token.last_four}, {token.expires_at:%Y-%m-%d}"
        )


@tokens.command()
@click.argument("id", type=click.IntRange(1, MAX_ID))
@writes
def revoke(id: int) -> None:
    """End the token with this ID."""
    token = db.session.get(Token, id)
    if token is None:
        raise click.ClickException(f"No token {id} exists.")
    db.session.delete(token)
    db.session.commit()
    audit.record("ended a token", user_id=token.user_id, id=id)
    click.echo(f"Revoked token {id}.")


def _name(text: str) -> str:
    try:
        return TypeAdapter(Line).validate_python(text)
    except ValidationError:
        raise ValueError("The name is not one line of 1 to 200 characters.") from None


def _checked(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _existing(email: str) -> User:
    user = find_user(email)
    if user is None:
        raise click.ClickException(f"No user {email} exists.")
    return user


def _done(what: str, user: User) -> None:
    db.session.commit()
    audit.record(f"{what} user", user_id=user.id)
    click.echo(f"{what.capitalize()} user {user.email}.")


@writes
def add_admin() -> None:
    """Add the administrator of a development database."""
    if find_user(ADMIN) is None:
        add_user(ADMIN, _admin_password(), ["admin", "editor"])
        db.session.commit()


def welcome(url: str) -> str:
    """Return how to log in at *url*."""
    user = find_user(ADMIN)
    if user is None or not is_right(user.password_hash, _admin_password()):
        return ""  # It was changed, or SECRET_KEY was.
    credentials = json.dumps({"email": ADMIN, "password": _admin_password()})
    author = json.dumps({"name": "Octavia E. Butler"})
    return f"""Log in as {ADMIN} with the password {_admin_password()}

  curl -c cookies -H 'Content-Type: application/json' -d '{credentials}' {url}/login
  curl -b cookies -H 'Content-Type: application/json' -d '{author}' {url}/authors
"""


def _admin_password() -> str:
    """The administrator's password, made from ``SECRET_KEY``; only its hash is stored."""
    key = str(current_app.secret_key).encode()
    return hmac.digest(key, ADMIN.encode(), "sha256").hex()[:16]
