"""Users and their passwords, as argon2id hashes with OWASP's minimum parameters.

Hashing is slow on purpose. No transaction is open meanwhile, because on SQLite nobody else could
write. So the user is read again before anything changes.
"""

import re
from typing import Annotated
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError
from argon2.exceptions import VerificationError
from pydantic import AfterValidator
from pydantic import Field
from pydantic import SecretStr
from sqlalchemy import select
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from ..carafe.schema import NO_NUL
from ..database import db
from . import audit
from .models import User
from .provider import end_logins
from .provider import end_tokens

MIN_LENGTH = 8
MAX_LENGTH = 128
MAX_EMAIL_LENGTH = 200

_NOT_IN_EMAIL = r'\s@"(),:;<>\[\\\]'
_EMAIL = re.compile(rf"[^{_NOT_IN_EMAIL}]+@[^.{_NOT_IN_EMAIL}]+(\.[^.{_NOT_IN_EMAIL}]+)*")
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Invisible characters that ``str.isprintable`` accepts, such as fillers."""

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_DUMMY_HASH = _hasher.hash("nobody has this password")


def checked_password(password: str) -> str:
    """Return *password* if it is acceptable as a new one. Raises ValueError with the reason."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if password.lower() in _COMMON or len(set(password)) < 4:
        raise ValueError("This password is too common.")
    return password


def _checked_secret(password: SecretStr) -> SecretStr:
    checked_password(password.get_secret_value())
    return password


Password = Annotated[SecretStr, Field(max_length=MAX_LENGTH, json_schema_extra={"pattern": NO_NUL})]
"""The type of a password in the body of a request, which ``repr`` does not show."""

NewPassword = Annotated[
    SecretStr,
    AfterValidator(_checked_secret),
    Field(json_schema_extra={"minLength": MIN_LENGTH, "maxLength": MAX_LENGTH, "pattern": NO_NUL}),
]
"""The type of a new password in the body of a request."""


def hashed(password: str) -> str:
    """Return the hash of *password* to store."""
    return _hasher.hash(_typed(password))


def is_right(password_hash: str | None, password: str) -> bool:
    """Return whether *password* has this hash; without a valid one, False after the same time."""
    try:
        _hasher.verify(password_hash or _DUMMY_HASH, _typed(password))
    except InvalidHashError:
        return is_right(None, password)
    except VerificationError:
        return False
    return password_hash is not None


def _typed(password: str) -> bytes:
    """*password* as bytes, in the form NFKC: keyboards compose accents differently."""
    return normalize("NFKC", password).encode(errors="replace")


def normal(email: str) -> str:
    """Return an e-mail address as it is stored: one text for all spellings of one address.

    Case does not matter, nor how accents are composed, nor whether a domain is in its IDNA form.
    """
    email = email.encode(errors="replace").decode()  # without lone surrogates
    local, at, domain = normalize("NFC", email.strip().lower()).partition("@")
    return f"{local}{at}{_in_idna(domain)}"


def _in_idna(domain: str) -> str:
    domain = normalize("NFKC", normalize("NFKC", domain).lower())
    labels = domain.replace("\u3002", ".").removesuffix(".").split(".")
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )


def checked_email(email: str) -> str:
    """Return the normal form of a new user's e-mail address. Raises ValueError if it is invalid."""
    found = normal(email)
    is_visible = email.strip().isprintable() and not _INVISIBLE.search(email)
    if not is_visible or not _EMAIL.fullmatch(found) or len(found) > MAX_EMAIL_LENGTH:
        raise ValueError(
            "This is not a valid e-mail address. Expected one such as ada@example.com, of at most "
            f"{MAX_EMAIL_LENGTH} characters, without white space or invisible characters."
        )
    return found


def find_user(email: str) -> User | None:
    """Return the user with this e-mail address, or None."""
    return db.session.scalar(select(User).where(User.email == normal(email)))


def add_user(email: str, password: str, roles: list[str]) -> User:
    """Add a user and return it; the caller commits. Raises ValueError for an invalid address."""
    user = User(email=checked_email(email), roles=roles)
    user.password_hash = hashed(password)
    db.session.add(user)
    return user


def authenticate(email: str, password: str) -> User | None:
    """Return the active user with this e-mail address and password, or None.

    The user is locked until the caller commits. An unknown e-mail address takes equally long.
    """
    query = select(User.id, User.password_hash).where(User.email == normal(email))
    found = db.session.execute(query).one_or_none()
    db.session.rollback()
    user_id, old_hash = found or (None, None)
    user = _verified(user_id, old_hash, password)
    if user is None:
        audit.record("login failed", user_id=user_id)
    return user


def change_password(user_id: int, old: str, new: str) -> User | None:
    """Set a new password, end all logins and tokens, and return the user; None if *old* is wrong.

    The caller commits.
    """
    old_hash = db.session.scalar(select(User.password_hash).where(User.id == user_id))
    db.session.rollback()
    new_hash = hashed(new)
    user = _verified(user_id, old_hash, old)
    if user is not None:
        set_password(user, new_hash)
    return user


def set_password(user: User, password_hash: str) -> None:
    """Set the hash of a new password, and end all logins and tokens; the caller commits."""
    user.password_hash = password_hash
    end_logins(user)
    end_tokens(user)


def _verified(user_id: int | None, old_hash: str | None, password: str) -> User | None:
    """The user, locked, if *password* is theirs and was not changed meanwhile."""
    if not is_right(old_hash, password) or old_hash is None:
        return None
    new_hash = hashed(password) if _hasher.check_needs_rehash(old_hash) else old_hash
    user = db.session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None or not user.active or user.password_hash != old_hash:
        return None
    user.password_hash = new_hash
    return user
