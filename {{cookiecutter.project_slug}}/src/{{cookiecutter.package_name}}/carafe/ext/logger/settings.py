"""The configuration keys, their defaults, and how each kind of value is read."""

import copy
import difflib
import logging
import os
import warnings
from collections.abc import Mapping
from collections.abc import MutableMapping
from typing import Any

from .redaction import redact_text

_DEFAULTS: dict[str, object] = {
    "CARAFE_LOGGER_ENABLED": True,
    "CARAFE_LOGGER_RF_ENABLED": False,
    "CARAFE_LOGGER_RF_FILENAME": None,
    "CARAFE_LOGGER_RF_MODE": "a",
    "CARAFE_LOGGER_RF_MAXBYTES": 0,
    "CARAFE_LOGGER_RF_BACKUPCOUNT": 0,
    "CARAFE_LOGGER_RF_ENCODING": None,
    "CARAFE_LOGGER_RF_DELAY": False,
    "CARAFE_LOGGER_RF_LEVEL": "WARNING",
    "CARAFE_LOGGER_RF_ADD_LOGGERS": [],
    "CARAFE_LOGGER_SMTP_ENABLED": False,
    "CARAFE_LOGGER_SMTP_SERVER": None,
    "CARAFE_LOGGER_SMTP_PORT": None,
    "CARAFE_LOGGER_SMTP_USERNAME": None,
    "CARAFE_LOGGER_SMTP_PASSWORD": None,
    "CARAFE_LOGGER_SMTP_FROMADDR": None,
    "CARAFE_LOGGER_SMTP_TOADDRS": [],
    "CARAFE_LOGGER_SMTP_USE_TLS": False,
    "CARAFE_LOGGER_SMTP_LEVEL": "ERROR",
    "CARAFE_LOGGER_SMTP_ADD_LOGGERS": [],
}
_OLDER = {
    key.replace("_RF_", "_RFILE_"): key for key in _DEFAULTS if key.startswith("CARAFE_LOGGER_RF_")
}
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def prepare(config: MutableMapping[str, Any]) -> None:
    """Warn of unknown keys, translate the older spelling, and fill in the defaults."""
    for key in sorted(config):
        if key.startswith("CARAFE_LOGGER_") and key not in _DEFAULTS and key not in _OLDER:
            nearest = difflib.get_close_matches(key, _DEFAULTS, n=1, cutoff=0)[0]
            _warn(f"{key} is not a known key. Did you mean {nearest}?")
    for older, key in _OLDER.items():
        if older not in config:
            continue
        if config.setdefault(key, config[older]) != config[older]:
            _warn(f"{key} and {older} are both set. The first one counts; remove the second.")
    for key, default in _DEFAULTS.items():
        if config.get(key) is None:
            config[key] = copy.copy(default)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


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
