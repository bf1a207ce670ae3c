"""The configuration keys, their defaults, and how each kind of value is read."""

import copy
import logging
import os
import warnings
from collections.abc import Mapping
from collections.abc import MutableMapping
from typing import Any

from flask import Flask

from ...config import declare
from .redaction import redact_text

_PREFIX = "CARAFE_LOGGER_"
_DEFAULTS: dict[str, object] = {
    "ENABLED": True,
    "STREAM_ENABLED": False,
    "STREAM_FORMAT": "text",
    "STREAM_LEVEL": "INFO",
    "STREAM_ADD_LOGGERS": [],
    "RF_ENABLED": False,
    "RF_FILENAME": None,
    "RF_MODE": "a",
    "RF_MAXBYTES": 0,
    "RF_BACKUPCOUNT": 0,
    "RF_ENCODING": None,
    "RF_DELAY": False,
    "RF_LEVEL": "WARNING",
    "RF_ADD_LOGGERS": [],
    "SMTP_ENABLED": False,
    "SMTP_SERVER": None,
    "SMTP_PORT": None,
    "SMTP_USERNAME": None,
    "SMTP_PASSWORD": None,
    "SMTP_FROMADDR": None,
    "SMTP_TOADDRS": [],
    "SMTP_USE_TLS": False,
    "SMTP_LEVEL": "ERROR",
    "SMTP_ADD_LOGGERS": [],
}
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def prepare(app: Flask) -> None:
    """Translate the older spelling, fill in the defaults, and warn of unknown keys."""
    for name in _DEFAULTS:
        if name.startswith("RF_"):
            _translate(app.config, f"{_PREFIX}RFILE_{name[3:]}", f"{_PREFIX}{name}")
    declare(app, _PREFIX, **{name: copy.copy(default) for name, default in _DEFAULTS.items()})
    for name, default in _DEFAULTS.items():
        if app.config[f"{_PREFIX}{name}"] is None:
            app.config[f"{_PREFIX}{name}"] = copy.copy(default)


def _translate(config: MutableMapping[str, Any], older: str, key: str) -> None:
    if older not in config:
        return
    value = config.pop(older)
    if config.setdefault(key, value) != value:
        warnings.warn(
            f"{key} and {older} are both set. The first one counts; remove the second.",
            stacklevel=4,
        )


def boolean(config: Mapping[str, Any], key: str) -> bool:
    value = _BOOLEANS.get(str(config[key]).lower())
    if value is None:
        raise ValueError(f"{key} is {_show(config[key])}, not a boolean. Give True or False.")
    return value


def integer(config: Mapping[str, Any], key: str) -> int:
    if not str(config[key]).isdecimal():
        raise ValueError(f"{key} is {_show(config[key])}. Give a whole number from 0 up.")
    return int(config[key])


def level(config: Mapping[str, Any], key: str) -> int:
    """A level by its name in any case, or by its number."""
    name = str(config[key]).upper()
    if name.isdecimal():
        return int(name)
    levels = logging.getLevelNamesMapping()
    if name not in levels:
        known = ", ".join(levels)
        raise ValueError(f"{key} is {_show(config[key])}. Give one of {known}, or a number.")
    return levels[name]


def text(config: Mapping[str, Any], key: str) -> str | None:
    """One line of text, or None. It may be a secret: no error shows it."""
    value = config[key]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    # Flask reads a number from the environment where a password was meant.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{key} is not one line of text. Give text without control characters.")
    return value


def required(config: Mapping[str, Any], key: str, switch: str) -> str:
    """One line of text that *switch* cannot do without."""
    value = text(config, key)
    if value is None:
        raise ValueError(f"{key} is not set. Set it, or turn {switch} off.")
    return value


def names(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts of a list, or of one text with commas."""
    value = config[key]
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(map(_is_name, value)):
        raise ValueError(f"{key} is {_show(value)}. Give a list of texts, or one with commas.")
    return tuple(part.strip() for part in value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


def _show(value: object) -> str:
    return redact_text(repr(value))
