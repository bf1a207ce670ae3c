"""Whether a secret key is one that nobody guesses."""

from itertools import pairwise

SHORTEST = 32
"""Bytes."""

FEWEST = 8
"""Different characters; 32 random hexadecimal digits have twelve or more."""

# In words so long that a random key practically never holds one.
_PLACEHOLDERS = (
    *("change", "default", "develop", "example", "insecure", "passwor", "placeholder"),
    *("replace", "sample", "secret", "supersec", "testing"),
)


def is_weak(key: str) -> bool:
    """Whether *key* is too short, made of a pattern, or one that everybody knows."""
    return (
        len(key.encode(errors="replace")) < SHORTEST
        or len(set(key)) < FEWEST
        or is_known(key)
        or _is_repeated(key)
        or _is_a_row(key)
    )


def is_known(key: str) -> bool:
    """Whether *key* was in an example."""
    return any(word in key.lower() for word in _PLACEHOLDERS)


def _is_repeated(key: str) -> bool:
    """As in ``abcabcab``."""
    return any(key[length:] == key[:-length] for length in range(1, len(key) // 2 + 1))


def _is_a_row(key: str) -> bool:
    """As in ``abcdefgh`` or ``87654321``: most characters are neighbours."""
    steps = [abs(ord(one) - ord(other)) for one, other in pairwise(key)]
    return sum(step <= 1 for step in steps) > len(steps) * 3 / 4
