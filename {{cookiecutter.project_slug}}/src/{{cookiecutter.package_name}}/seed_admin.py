# feature: auth
"""Somebody who may change everything, in development."""

import hmac
import json

from flask import current_app

from .credentials import add_user
from .credentials import find_user
from .database import db
from .database import writes

EMAIL = "admin@example.com"


@writes
def fill() -> None:
    """Add the administrator, if there is none."""
    if find_user(EMAIL) is None:
        add_user(EMAIL, _password(), ["admin", "editor"])
        db.session.commit()


def welcome(address: str) -> str:
    """How to log in at *address*, and what to do then."""
    credentials = json.dumps({"email": EMAIL, "password": _password()})
    author = json.dumps({"name": "Octavia E. Butler"})
    return f"""Log in as {EMAIL} with the password {_password()}

  curl -c cookies -H 'Content-Type: application/json' -d '{credentials}' {address}/login
  curl -b cookies -H 'Content-Type: application/json' -d '{author}' {address}/authors
"""


def _password() -> str:
    """The same at each start of one project, and kept nowhere."""
    key = str(current_app.secret_key).encode()
    return hmac.digest(key, EMAIL.encode(), "sha256").hex()[:16]
