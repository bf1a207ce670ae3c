"""The settings of the logger, as models that have their defaults and check them at start-up.

The key of a setting is the prefix of its model and the name of its field, in upper case. With the
prefix and ``ENABLED``, each handler is switched on. What is invalid raises ValueError with the key
and what was expected, and without the value, which may be a secret.
"""

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import Self

from flask import Flask
from pydantic import AfterValidator
from pydantic import BaseModel
from pydantic import BeforeValidator
from pydantic import Field
from pydantic import field_validator
from pydantic import model_validator
from pydantic import ValidationError
from pydantic import ValidationInfo

from ...config import declare
from ...config import is_on

PREFIX = "CARAFE_LOGGER_"


def _text(value: object) -> object:
    # From the environment, Flask reads a password of digits as a number.
    if isinstance(value, os.PathLike | int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("has control characters. Give one line of text.")
    return value


def _level(value: object) -> object:
    return logging.getLevelNamesMapping().get(str(value).upper(), str(value))


def _names(value: object) -> object:
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    if isinstance(value, list | tuple):
        value = [part.name if isinstance(part, logging.Logger) else part for part in value]
    return value


def _filename(value: str) -> str:
    filename = os.path.realpath(value)
    if not os.path.isdir(os.path.dirname(filename)):
        raise ValueError("is in a directory that does not exist. Make the directory first.")
    if os.path.exists(filename) and not os.path.isfile(filename):
        raise ValueError("is not a regular file. Give the path of a file that can rotate.")
    return filename


def _encoding(value: str | None) -> str:
    try:
        "".encode(value or "utf-8")
    except LookupError:
        raise ValueError("is not an encoding. Give one such as 'utf-8'.") from None
    return value or "utf-8"


Line = Annotated[str, BeforeValidator(_text), Field(min_length=1, description="one line of text")]
Address = Annotated[Line, Field(pattern=r"[^<>\s]>?$", description="one such as a@example.org")]
Number = Annotated[int, BeforeValidator(str), Field(ge=0, description="a whole number from 0")]
Level = Annotated[int, BeforeValidator(_level), Field(ge=0, description="'INFO', or another level")]
Names = Annotated[tuple[Line, ...], BeforeValidator(_names), Field(description="a list of names")]


class Options(BaseModel):
    """The settings of a handler, which writes to *target*."""

    model_config = {"frozen": True}
    prefix: ClassVar[str]
    target: ClassVar[str]

    level: Level
    add_loggers: Names = Field([], validate_default=True)  # ``root`` is all loggers

    @property
    def destination(self) -> str:
        return self.target.format(self)

    @classmethod
    def read(cls, config: Mapping[str, Any], may_send_in_clear: bool = False) -> Self | None:
        """Return the options in *config*, or None if the handler is off.

        Unless it *may_send_in_clear*, a password without TLS is refused.
        """
        if not is_on(config, f"{cls.prefix}ENABLED"):
            return None
        values = {name: config[f"{cls.prefix}{name.upper()}"] for name in cls.model_fields}
        given = {name: value for name, value in values.items() if value not in (None, "")}
        try:
            return cls.model_validate(given, context=may_send_in_clear)
        except ValidationError as error:
            raise ValueError(cls._explain(error)) from None

    @classmethod
    def _explain(cls, error: ValidationError) -> str:
        first = error.errors()[0]
        if not first["loc"]:
            return str(first["ctx"]["error"])
        name = str(first["loc"][0])
        key = f"{cls.prefix}{name.upper()}"
        if first["type"] == "missing":
            return f"{key} is not set. Set it, or turn {cls.prefix}ENABLED off."
        if first["type"] == "value_error":
            return f"{key} {first['ctx']['error']}"
        return f"{key} is not valid. Give {cls.model_fields[name].description or 'a boolean'}."


class StreamOptions(Options):
    """Standard output, in place of Flask's standard error."""

    prefix = f"{PREFIX}STREAM_"
    target = "stdout"

    format: Literal["text", "json"] = Field("text", description="'text' for people, or 'json'")
    level: Level = Field("INFO", validate_default=True)


class FileOptions(Options):
    """A rotating file, safe with many processes. ``RFILE_`` is an older spelling of ``RF_``."""

    prefix = f"{PREFIX}RF_"
    target = "{0.filename}"

    filename: Annotated[Line, AfterValidator(_filename)]
    mode: Literal["a", "w"] = Field("a", description="'a' to append, or 'w' to empty the file")
    maxbytes: Number = 0  # 0 never rotates
    backupcount: Number = 0  # older files to keep; 0 never rotates
    encoding: Annotated[Line | None, AfterValidator(_encoding)] = Field(None, validate_default=True)
    delay: bool = False  # make the file with the first record
    level: Level = Field("WARNING", validate_default=True)


class MailOptions(Options):
    """Mail. TLS verifies the certificate; port 465 is TLS from the start."""

    prefix = f"{PREFIX}SMTP_"
    target = "{0.server}:{0.port} to {0.toaddrs}"

    server: Line
    use_tls: bool = False  # STARTTLS
    port: int = Field(None, ge=1, le=65535, validate_default=True, description="1 to 65535")
    username: Line | None = None  # needs TLS, except in debug and tests
    password: Line | None = Field(None, repr=False)
    fromaddr: Address
    toaddrs: Annotated[tuple[Address, ...], BeforeValidator(_names)] = Field(
        [], min_length=1, validate_default=True, description="a list such as ['a@example.org']"
    )
    level: Level = Field("ERROR", validate_default=True)

    @field_validator("port", mode="before")
    @classmethod
    def _choose_port(cls, value: object, info: ValidationInfo) -> object:
        return (587 if info.data.get("use_tls") else 25) if value is None else value

    @model_validator(mode="after")
    def _check_credentials(self, info: ValidationInfo) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "USERNAME" if self.username is None else "PASSWORD"
            raise ValueError(f"{self.prefix}{missing} is not set. Set both of the pair, or none.")
        if self.password is not None and self.tls == "none" and not info.context:
            raise ValueError(
                f"{self.prefix}USE_TLS is off, and the password would be sent unencrypted. "
                f"Turn it on, or set {self.prefix}PORT to 465."
            )
        return self

    @property
    def tls(self) -> Literal["none", "starttls", "implicit"]:
        return "implicit" if self.port == 465 else "starttls" if self.use_tls else "none"


def declare_settings(app: Flask) -> None:
    """Translate the older spelling, set the defaults, and warn about unknown keys."""
    defaults: dict[str, Any] = {f"{PREFIX}ENABLED": True}
    app.config.setdefault("ACCESS_LOG", False)
    for model in (StreamOptions, FileOptions, MailOptions):
        defaults[f"{model.prefix}ENABLED"] = False
        for name, field in model.model_fields.items():
            default = None if field.is_required() else field.get_default()
            defaults[f"{model.prefix}{name.upper()}"] = default
    for key, default in defaults.items():
        older = key.replace("_RF_", "_RFILE_")
        if older != key and older in app.config:
            value = app.config.pop(older)
            if app.config.setdefault(key, value) != value:
                text = f"{key} and {older} are both set. The first one counts; remove the second."
                warnings.warn(text, stacklevel=3)
        if app.config.get(key) is None:
            app.config[key] = default
    declare(app, PREFIX, **{key.removeprefix(PREFIX): None for key in defaults})
