"""The settings of sessions, checked before anything is signed."""

import warnings
from datetime import timedelta

from flask import Flask


def check_keys(app: Flask) -> None:
    """Raise ValueError for keys that cannot be meant."""
    if app.secret_key is not None and not isinstance(app.secret_key, str | bytes):
        raise ValueError("SECRET_KEY is neither text nor bytes. Set a random text.")
    fallbacks = app.config.get("SECRET_KEY_FALLBACKS")
    if fallbacks is None:
        return
    # Flask would take each character of a text for a key of its own.
    if not isinstance(fallbacks, list | tuple):
        raise ValueError("SECRET_KEY_FALLBACKS is not a list. Set a list of older keys.")
    if not all(isinstance(key, str | bytes) and key for key in fallbacks):
        raise ValueError("SECRET_KEY_FALLBACKS holds something that is no key. Take it out.")


def lifetime_of(app: Flask) -> timedelta:
    """How long a session lives that nobody uses."""
    old = app.config.get("SESSION_PERMANENT_LIFETIME")
    given = app.config["PERMANENT_SESSION_LIFETIME"]
    if old is None:
        return as_timedelta(app, "PERMANENT_SESSION_LIFETIME")
    if given == app.default_config["PERMANENT_SESSION_LIFETIME"]:
        return as_timedelta(app, "SESSION_PERMANENT_LIFETIME")
    warnings.warn(
        "PERMANENT_SESSION_LIFETIME and SESSION_PERMANENT_LIFETIME are both set. "
        "The first one counts; remove the second.",
        stacklevel=3,
    )
    return as_timedelta(app, "PERMANENT_SESSION_LIFETIME")


def as_timedelta(app: Flask, key: str) -> timedelta:
    """The setting *key*, in seconds or already a ``timedelta``."""
    value = app.config[key]
    if isinstance(value, int) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ValueError(f"{key} is not a duration. Set seconds, or a timedelta, from 0 up.")
    return value
