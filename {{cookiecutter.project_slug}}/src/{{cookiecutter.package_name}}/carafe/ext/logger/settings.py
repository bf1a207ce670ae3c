"""The settings of the logger, checked at start-up.

Every function that reads a setting raises ValueError with its key.
"""

import copy
import logging
import os
import warnings
from collections.abc import Mapping
from collections.abc import MutableMapping
from dataclasses import dataclass
from dataclasses import field
from email.utils import parseaddr
from enum import Enum
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
    """Translate the older spelling, set the defaults, and warn about unknown keys."""
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
    """Return a level, given by its name in any case or by its number."""
    name = str(config[key]).upper()
    if name.isdecimal():
        return int(name)
    levels = logging.getLevelNamesMapping()
    if name not in levels:
        known = ", ".join(levels)
        raise ValueError(f"{key} is {_show(config[key])}. Give one of {known}, or a number.")
    return levels[name]


def text(config: Mapping[str, Any], key: str) -> str | None:
    """Return one line of text, or None. It may be a secret, which no error shows."""
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
    """Return one line of text, without which *switch* cannot be on."""
    value = text(config, key)
    if value is None:
        raise ValueError(f"{key} is not set. Set it, or turn {switch} off.")
    return value


def names(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the texts of a list, in which a logger stands for its name, or of one with commas."""
    value = config[key]
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        value = [part.name if isinstance(part, logging.Logger) else part for part in value]
    if not isinstance(value, list) or not all(map(_is_name, value)):
        raise ValueError(f"{key} is {_show(value)}. Give a list of texts, or one with commas.")
    return tuple(part.strip() for part in value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


def _show(value: object) -> str:
    return redact_text(repr(value))


@dataclass(frozen=True)
class StreamOptions:
    """Standard output; the format is ``text`` or ``json``."""

    format: str
    level: int
    logger_names: tuple[str, ...]

    @property
    def destination(self) -> str:
        return "stdout"


@dataclass(frozen=True)
class FileOptions:
    """A rotating file; sizes are in bytes."""

    filename: str
    mode: str
    max_bytes: int
    backup_count: int
    encoding: str
    is_delayed: bool
    level: int
    logger_names: tuple[str, ...]

    @property
    def destination(self) -> str:
        return self.filename


class TLS(Enum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True)
class MailOptions:
    """A mail server, with the sender and the recipients."""

    server: str
    port: int
    tls: TLS
    username: str | None
    password: str | None = field(repr=False)
    from_address: str
    to_addresses: tuple[str, ...]
    level: int
    logger_names: tuple[str, ...]

    @property
    def destination(self) -> str:
        return f"{self.server}:{self.port} to {', '.join(self.to_addresses)}"


def read_stream_options(config: Mapping[str, Any]) -> StreamOptions | None:
    """Return the options of standard output, or None if it is off."""
    if not boolean(config, "CARAFE_LOGGER_STREAM_ENABLED"):
        return None
    return StreamOptions(
        format=_read_format(config, "CARAFE_LOGGER_STREAM_FORMAT"),
        level=level(config, "CARAFE_LOGGER_STREAM_LEVEL"),
        logger_names=names(config, "CARAFE_LOGGER_STREAM_ADD_LOGGERS"),
    )


def _read_format(config: Mapping[str, Any], key: str) -> str:
    name = text(config, key)
    if name not in ("json", "text"):
        raise ValueError(f"{key} is {name!r}. Give 'json' for machines, or 'text' for people.")
    return name


def read_file_options(config: Mapping[str, Any]) -> FileOptions | None:
    """Return the options of the file, or None if it is off."""
    if not boolean(config, "CARAFE_LOGGER_RF_ENABLED"):
        return None
    return FileOptions(
        filename=_read_filename(config, "CARAFE_LOGGER_RF_FILENAME"),
        mode=_read_mode(config, "CARAFE_LOGGER_RF_MODE"),
        max_bytes=integer(config, "CARAFE_LOGGER_RF_MAXBYTES"),
        backup_count=integer(config, "CARAFE_LOGGER_RF_BACKUPCOUNT"),
        encoding=_read_encoding(config, "CARAFE_LOGGER_RF_ENCODING"),
        is_delayed=boolean(config, "CARAFE_LOGGER_RF_DELAY"),
        level=level(config, "CARAFE_LOGGER_RF_LEVEL"),
        logger_names=names(config, "CARAFE_LOGGER_RF_ADD_LOGGERS"),
    )


def _read_filename(config: Mapping[str, Any], key: str) -> str:
    filename = os.path.realpath(required(config, key, "CARAFE_LOGGER_RF_ENABLED"))
    if not os.path.isdir(os.path.dirname(filename)):
        raise ValueError(f"{key} is in a directory that does not exist. Make the directory first.")
    if os.path.exists(filename) and not os.path.isfile(filename):
        raise ValueError(f"{key} is not a regular file. Give the path of a file that can rotate.")
    return filename


def _read_mode(config: Mapping[str, Any], key: str) -> str:
    mode = text(config, key)
    if mode not in ("a", "w"):
        raise ValueError(f"{key} is {mode!r}. Give 'a' to append, or 'w' to empty the file first.")
    return mode


def _read_encoding(config: Mapping[str, Any], key: str) -> str:
    encoding = text(config, key) or "utf-8"
    try:
        "".encode(encoding)
    except LookupError:
        raise ValueError(f"{key} is {encoding!r}, which is no encoding. Give 'utf-8'.") from None
    return encoding


def read_mail_options(config: Mapping[str, Any], may_send_in_clear: bool) -> MailOptions | None:
    """Return the options of mail, or None if it is off.

    Unless it *may_send_in_clear*, a password without TLS is refused.
    """
    if not boolean(config, "CARAFE_LOGGER_SMTP_ENABLED"):
        return None
    tls, port = _read_tls_and_port(config, "CARAFE_LOGGER_SMTP_PORT")
    options = MailOptions(
        server=required(config, "CARAFE_LOGGER_SMTP_SERVER", "CARAFE_LOGGER_SMTP_ENABLED"),
        port=port,
        tls=tls,
        username=text(config, "CARAFE_LOGGER_SMTP_USERNAME"),
        password=text(config, "CARAFE_LOGGER_SMTP_PASSWORD"),
        from_address=_read_from_address(config, "CARAFE_LOGGER_SMTP_FROMADDR"),
        to_addresses=_read_to_addresses(config, "CARAFE_LOGGER_SMTP_TOADDRS"),
        level=level(config, "CARAFE_LOGGER_SMTP_LEVEL"),
        logger_names=names(config, "CARAFE_LOGGER_SMTP_ADD_LOGGERS"),
    )
    _check_credentials(options, may_send_in_clear)
    return options


def _read_tls_and_port(config: Mapping[str, Any], key: str) -> tuple[TLS, int]:
    uses_tls = boolean(config, "CARAFE_LOGGER_SMTP_USE_TLS")
    port = (587 if uses_tls else 25) if config[key] is None else integer(config, key)
    if not 0 < port < 65536:
        raise ValueError(f"{key} is {port}, which is no port. Give a number from 1 to 65535.")
    return TLS.IMPLICIT if port == 465 else TLS.STARTTLS if uses_tls else TLS.NONE, port


def _read_from_address(config: Mapping[str, Any], key: str) -> str:
    return _check_address(required(config, key, "CARAFE_LOGGER_SMTP_ENABLED"), key)


def _read_to_addresses(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    addresses = names(config, key)
    if not addresses:
        raise ValueError(f"{key} is empty. Give at least one address.")
    return tuple(_check_address(address, key) for address in addresses)


def _check_address(address: str, key: str) -> str:
    if not parseaddr(address)[1]:
        raise ValueError(f"{key} holds something that is no address. Give name@example.org.")
    return address


def _check_credentials(options: MailOptions, may_send_in_clear: bool) -> None:
    if (options.username is None) != (options.password is None):
        missing = "USERNAME" if options.username is None else "PASSWORD"
        raise ValueError(f"CARAFE_LOGGER_SMTP_{missing} is not set. Set both of the pair, or none.")
    if options.password is not None and options.tls is TLS.NONE and not may_send_in_clear:
        raise ValueError(
            "CARAFE_LOGGER_SMTP_USE_TLS is off, and the password would be sent in clear. "
            "Turn it on, or set CARAFE_LOGGER_SMTP_PORT to 465."
        )
