# feature: auth
"""Passwords: which are good enough, and their argon2id hashes with OWASP's least parameters."""

from typing import Annotated
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError
from argon2.exceptions import VerificationError
from pydantic import AfterValidator
from pydantic import Field
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from .carafe.schema import Text

SHORTEST = 8
LONGEST = 128

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS = _hasher.hash("nobody has this password")


def checked(password: str) -> str:
    """*password*, if it can be a new one. Raises ValueError that says what is wrong with it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"A password has {SHORTEST} to {LONGEST} characters.")
    if password.lower() in _COMMON or len(set(password)) < 4:
        raise ValueError("This password is too common.")
    return password


NewPassword = Annotated[
    Text, Field(min_length=SHORTEST, max_length=LONGEST), AfterValidator(checked)
]
"""The field of a body that holds one."""


def hashed(password: str) -> str:
    """The hash to keep."""
    return _hasher.hash(_typed(password))


def is_right(password_hash: str | None, password: str) -> bool:
    """Whether *password* has this hash; of no hash, no, and as slowly."""
    try:
        _hasher.verify(password_hash or _NOBODYS, _typed(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def _typed(password: str) -> bytes:
    """Keyboards differ in how they compose an accent; a lone surrogate is no character."""
    return normalize("NFKC", password).encode(errors="replace")
