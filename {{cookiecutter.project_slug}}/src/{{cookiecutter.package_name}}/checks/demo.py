# feature: auth
"""Who is known to everybody."""

from collections.abc import Iterator

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from ..credentials import find_user
from ..database import db
from ..seed_admin import EMAIL


def faults(app: Flask) -> Iterator[str]:
    """What is wrong in the database of *app*."""
    try:
        user = find_user(EMAIL)
    except SQLAlchemyError:  # The check of the database says so.
        db.session.rollback()
        return
    if user is not None and user.active:
        yield "DATABASE_URL: the user of flask dev is in it; flask users disable that one"
