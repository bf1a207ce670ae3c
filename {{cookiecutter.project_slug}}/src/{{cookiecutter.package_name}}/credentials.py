# feature: auth
"""What users prove themselves by: an e-mail address and a password.

A hash takes long, by intention. No transaction is open meanwhile, because on SQLite nobody else
could write; so what was read before is looked at again before anything is changed.
"""

from sqlalchemy import select

from . import audit
from . import passwords
from .accounts import User
from .database import db
from .logins import end_logins


def normal(email: str) -> str:
    """An address as it is kept: its case tells nothing."""
    return email.strip().lower()


def find_user(email: str) -> User | None:
    """The user with that address."""
    return db.session.scalar(select(User).where(User.email == normal(email)))


def add_user(email: str, password: str, roles: list[str]) -> User:
    """Add a user; the caller commits."""
    user = User(email=normal(email), roles=roles)
    user.password_hash = passwords.hashed(password)
    db.session.add(user)
    return user


def authenticate(email: str, password: str) -> User | None:
    """The active user with that address and password, locked until the caller commits.

    Takes one hash of work whether or not there is such a user.
    """
    known = select(User.id, User.password_hash).where(User.email == normal(email))
    found = db.session.execute(known).one_or_none()
    db.session.rollback()
    user_id, old_hash = found or (None, None)
    user = _proved(user_id, old_hash, password)
    if user is None:
        audit.record("login failed", user_id=user_id)
    return user


def change_password(user_id: int, old: str, new: str) -> bool:
    """Set a new password, commit, and end the other logins; False if *old* is not the old one."""
    old_hash = db.session.scalar(select(User.password_hash).where(User.id == user_id))
    db.session.rollback()
    new_hash = passwords.hashed(new)
    user = _proved(user_id, old_hash, old)
    if user is None:
        return False
    user.password_hash = new_hash
    end_logins(user)
    db.session.commit()
    return True


def _proved(user_id: int | None, old_hash: str | None, password: str) -> User | None:
    """The user, locked, if this is their password, and was it all the time."""
    if not passwords.is_right(old_hash, password) or old_hash is None:
        return None
    is_outdated = passwords.is_outdated(old_hash)
    new_hash = passwords.hashed(password) if is_outdated else old_hash
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None or not user.active or user.password_hash != old_hash:
        return None
    user.password_hash = new_hash
    return user
