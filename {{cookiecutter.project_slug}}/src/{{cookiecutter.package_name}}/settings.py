"""Settings from the environment, checked before anything starts.

In the project's folder and below it, ``.env`` and ``.flaskenv`` are read too, unless
``FLASK_SKIP_DOTENV=1``. Environment variables win over both.

Any ``FLASK_<KEY>`` becomes the setting ``<KEY>`` of Flask or of an extension, parsed as JSON if it
is JSON. The application itself reads these; only ``FLASK_ENVIRONMENT`` needs the prefix:

======================== ======================= =========================================
``FLASK_ENVIRONMENT``    ``production``          or ``development``
``SECRET_KEY``           required in production  random text of 32 characters or more
``SECRET_KEY_FALLBACKS`` ``[]``                  a JSON list of older keys, still accepted
``DATABASE_URL``         SQLite in ``instance/`` ``postgresql://user:password@host/name``
``DATABASE_TIMEOUT``     ``1.5``                 seconds that a request waits for it
``REDIS_URL``            unset: no shared cache  ``redis://host:6379/0``  # feature: cache
``MAX_CONTENT_LENGTH``   1048576                 maximum size of a request body in bytes
``PROXY_HOPS``           unset: no proxy         number of trusted reverse proxies in front
``PROXY_PREFIX_HOPS``    ``0``                   how many of them set ``X-Forwarded-Prefix``
``TRUSTED_HOSTS``        any                     a JSON list of the host names of the API
``CORS_ORIGINS``         ``[]``                  a list of origins allowed by CORS
``CORS_CREDENTIALS``     ``false``               whether CORS allows cookies
``REQUIRE_IF_MATCH``     ``false``               whether a change without ``If-Match`` is a 428
``ACCESS_LOG``           in production           whether each request is logged  # feature: logger
``METRICS_TOKEN``        unset: no ``/metrics``  random text, the bearer token of ``/metrics``
======================== ======================= =========================================

With a setting that is invalid, or not safe in production, the application does not start. The
reason is printed without the value.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal
from typing import NoReturn

import click
from flask import Flask
from flask.cli import load_dotenv
from flask.helpers import get_load_dotenv
from pydantic import AfterValidator
from pydantic import AliasChoices
from pydantic import create_model
from pydantic import Field
from pydantic import field_validator
from pydantic import model_validator
from pydantic import SecretStr
from pydantic import ValidationError
from pydantic import ValidationInfo
from pydantic_settings import BaseSettings
from pydantic_settings import NoDecode
from pydantic_settings import SettingsConfigDict
from pydantic_settings import SettingsError

from .carafe.cors import origin_of

_WEAK = (
    "production needs a random SECRET_KEY of 32 characters or more, and such SECRET_KEY_FALLBACKS; "
    'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
)

MIN_KEY_BYTES = 32
MIN_DIFFERENT_CHARACTERS = 8
"""32 random hexadecimal digits have twelve or more."""

# Words so long that a random key practically never contains one.
_PLACEHOLDERS = (
    *("change", "default", "develop", "example", "insecure", "passwor", "placeholder"),
    *("replace", "sample", "secret", "supersec", "testing"),
)

ABOUT = json.loads(Path(__file__).with_name("about.json").read_text(encoding="utf-8"))
"""The title and the description of the API."""

_HERE = ("localhost", "127.0.0.1")
"""The host names that health checks on the same machine use."""


class Refusal(ValueError, SystemExit):
    """Refuses the start. Uncaught, it ends the process without a traceback."""

    code = 3  # On this exit code, gunicorn stops instead of restarting the worker.


def init_app(app: Flask, config: Mapping[str, object] | None) -> None:
    """Configure *app*. Raises Refusal, which names each missing or invalid setting."""
    if get_load_dotenv():
        load_dotenv()
    given = dict(config or {})
    settings = _load(given)
    defaults = settings.defaults()
    app.config.from_mapping(defaults)
    app.config.from_prefixed_env()
    texts = {key: f"FLASK_{key}" for key in _TEXTS if f"FLASK_{key}" in os.environ}
    app.config.from_mapping({key: os.environ[name] for key, name in texts.items()})
    following = {key for name in given for key in _FOLLOWING.get(name, ())}
    for key in following:  # What is given wins over the environment, also in what follows from it.
        app.config.pop(key, None)
    app.config.from_mapping({key: defaults[key] for key in following & defaults.keys()})
    app.config.from_mapping(given)
    app.config.from_mapping(settings.as_config())
    app.config.from_mapping(_flask_settings(app.config))
    if settings.environment == "production":
        _check(app)


_TEXTS = {
    "CACHE_KEY_PREFIX",  # feature: cache
    "OPENAPI_DESCRIPTION",
    "OPENAPI_TITLE",
    "OPENAPI_VERSION",
}
"""The settings of extensions that are text, even one that looks like a number: ``1.10``."""

_FOLLOWING = {
    "CORS_ORIGINS": ("CARAFE_CSRF_TRUSTED_ORIGINS",),  # feature: session or auth
    "DATABASE_URL": ("SQLALCHEMY_DATABASE_URI",),
    "REDIS_URL": ("CACHE_TYPE", "CACHE_REDIS_URL"),  # feature: cache
}
"""The settings of extensions that follow from others."""


def project_folder() -> Path:
    """Return the nearest folder with migrations, from the current one upwards; else the current."""
    here = Path.cwd()
    folders = (here, *here.parents)
    return next((one for one in folders if (one / "migrations/env.py").is_file()), here)


def _load(given: dict[str, Any]) -> "Settings":
    try:
        return Settings(**{f"FLASK_{name}": value for name, value in given.items()})
    except ValidationError as error:
        _refuse([*map(_explained, error.errors())])
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = field[1].upper() if field else "A setting"
        _refuse([f'{name}: expected a JSON list, for example ["one", "two"]'])


def _flask_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flask's own settings in *config*, with the types that Flask takes for granted."""
    defaults = Flask.default_config
    fields: dict[str, Any] = {key: (kind | None, defaults[key]) for key, kind in _FLASK.items()}
    given = {key: value for key, value in config.items() if value != ""}
    try:
        found = create_model("Flask", **fields).model_validate(given)
    except ValidationError as error:
        _refuse([*map(_explained, error.errors())])
    settings: dict[str, Any] = found.model_dump()
    return settings


def _check(app: Flask) -> None:
    faults = []
    if app.debug:
        faults.append("DEBUG: it shows the code to everybody; unset FLASK_DEBUG")
    if app.config["METRICS_TOKEN"] and is_weak(app.config["METRICS_TOKEN"]):
        faults.append("METRICS_TOKEN: it can be guessed; generate it like SECRET_KEY")
    if not app.config["CARAFE_SESSION_SALT"]:  # feature: session
        faults.append("CARAFE_SESSION_SALT: it is empty; unset it")
    if faults:
        _refuse(faults)


def _refuse(faults: list[str]) -> NoReturn:
    reason = "Invalid settings. " + "; ".join(faults)
    click.echo(reason, err=True)
    raise Refusal(reason) from None


def _explained(fault: Mapping[str, Any]) -> str:
    place, reason = fault["loc"], fault["msg"].removeprefix("Value error, ")
    name = str(place[0]).removeprefix("FLASK_") if place else "SECRET_KEY"
    return f"{name}: {reason}"


def _setting(name: str, default: Any, **limits: Any) -> Any:
    return Field(default, validation_alias=AliasChoices(f"FLASK_{name}", name), **limits)


def _listed(origins: Any) -> Any:
    """The list in a string: JSON, or values separated by commas or spaces."""
    if not isinstance(origins, str):
        return origins
    if not origins.lstrip().startswith("["):
        return [origin for origin in re.split("[, ]+", origins) if origin]
    try:
        return json.loads(origins)
    except ValueError:
        raise ValueError(_ORIGINS) from None


def _origin(text: str) -> str:
    if text != "*" and not origin_of(text):
        raise ValueError(_ORIGINS)
    return origin_of(text) or text


_ORIGINS = (
    "expected a list of origins, without paths and wildcards, for example "
    '["http://localhost:5173"], or ["*"]'
)

Origins = Annotated[list[Annotated[str, AfterValidator(_origin)]], NoDecode]


def _host(text: str) -> str:
    if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*(:\d+)?", text) or "_" in text:
        raise ValueError("expected host names such as api.example.com or .example.com")
    return text.lower()


def _text(pattern: str, expected: str) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return Annotated[str, AfterValidator(check)]


_PATH = _text(r"/[^\s;]*", "a path that starts with /")
_AGE = Annotated[timedelta, Field(ge=timedelta(0))]
_FLASK: dict[str, Any] = {
    **{key: type(value) for key, value in Flask.default_config.items() if value is not None},
    **dict.fromkeys(("DEBUG", "PROPAGATE_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"), bool),
    "APPLICATION_ROOT": _PATH,
    "PERMANENT_SESSION_LIFETIME": _AGE,  # feature: session or auth
    "SEND_FILE_MAX_AGE_DEFAULT": _AGE,
    "SERVER_NAME": str,
    "SESSION_COOKIE_DOMAIN": str | Literal[False],  # feature: session or auth
    "SESSION_COOKIE_NAME": _text(r"[^\s=;,]+", "a name without spaces"),  # feature: session or auth
    "SESSION_COOKIE_PATH": _PATH,  # feature: session or auth
    "SESSION_COOKIE_SAMESITE": _text("(?i)lax|strict|none", "Lax"),  # feature: session or auth
}
"""The types of Flask's own settings; each may be None, too."""


class Settings(BaseSettings):
    """The settings that the application itself reads."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = Field(
        "production", validation_alias="FLASK_ENVIRONMENT"
    )
    secret_key: SecretStr = _setting("SECRET_KEY", SecretStr(""))
    secret_key_fallbacks: list[SecretStr] = _setting("SECRET_KEY_FALLBACKS", [])
    database_url: SecretStr = _setting("DATABASE_URL", SecretStr("sqlite:///app.db"))
    database_timeout: float = _setting("DATABASE_TIMEOUT", 1.5, gt=0, allow_inf_nan=False)
    redis_url: SecretStr | None = _setting("REDIS_URL", None)  # feature: cache
    max_content_length: int = _setting("MAX_CONTENT_LENGTH", 1024 * 1024, ge=0)
    proxy_hops: int | None = _setting("PROXY_HOPS", None, ge=0)
    proxy_prefix_hops: int = _setting("PROXY_PREFIX_HOPS", 0, ge=0)
    trusted_hosts: list[Annotated[str, AfterValidator(_host)]] = _setting("TRUSTED_HOSTS", [])
    cors_origins: Origins = _setting("CORS_ORIGINS", [])
    cors_credentials: bool = _setting("CORS_CREDENTIALS", False)
    require_if_match: bool = _setting("REQUIRE_IF_MATCH", False)
    access_log: bool | None = _setting("ACCESS_LOG", None)  # feature: logger
    metrics_token: SecretStr = _setting("METRICS_TOKEN", SecretStr(""))

    _read_origins = field_validator("cors_origins", mode="before")(_listed)

    @field_validator("database_url")
    @classmethod
    def _is_of_a_known_kind(cls, url: SecretStr) -> SecretStr:
        if not re.match(
            r"(sqlite|postgres|postgresql|postgresql\+psycopg):", url.get_secret_value()
        ):
            raise ValueError("it must start with sqlite: or postgresql:")
        return url

    @field_validator("redis_url")  # feature: cache
    @classmethod  # feature: cache
    def _is_of_redis(cls, url: SecretStr | None) -> SecretStr | None:  # feature: cache
        schemes = r"(rediss?|rediss?\+(sentinel|cluster)|unix)://"
        if url and not re.match(schemes, url.get_secret_value()):
            raise ValueError("expected a URL such as redis://localhost:6379/0")
        return url

    @field_validator("cors_credentials")
    @classmethod
    def _are_for_listed_sites(cls, value: bool, others: ValidationInfo) -> bool:
        if value and "*" in others.data.get("cors_origins", ()):
            raise ValueError('it cannot be combined with CORS_ORIGINS=["*"]; list the origins')
        return value

    @model_validator(mode="after")
    def _has_a_strong_key(self) -> "Settings":
        if self.environment == "development" and not self.secret_key.get_secret_value():
            self.secret_key = SecretStr(secrets.token_urlsafe(48))
        if self.environment == "production":
            keys = (self.secret_key, *self.secret_key_fallbacks)
            if any(is_weak(key.get_secret_value()) for key in keys):
                raise ValueError(_WEAK)
        return self

    def as_config(self) -> dict[str, object]:
        """Return the settings under Flask's names."""
        is_production = self.environment == "production"  # feature: logger
        is_logged = is_production if self.access_log is None else self.access_log  # feature: logger
        return {
            "ACCESS_LOG": is_logged,  # feature: logger
            "ENVIRONMENT": self.environment,
            "SECRET_KEY": self.secret_key.get_secret_value(),
            "SECRET_KEY_FALLBACKS": [key.get_secret_value() for key in self.secret_key_fallbacks],
            "DATABASE_TIMEOUT": self.database_timeout,
            "MAX_CONTENT_LENGTH": self.max_content_length,
            "PROXY_HOPS": self.proxy_hops,
            "PROXY_PREFIX_HOPS": self.proxy_prefix_hops,
            "TRUSTED_HOSTS": [*self.trusted_hosts, *_HERE] if self.trusted_hosts else None,
            "CORS_ORIGINS": self.cors_origins,
            "CORS_CREDENTIALS": self.cors_credentials,
            "REQUIRE_IF_MATCH": self.require_if_match,
            "METRICS_TOKEN": self.metrics_token.get_secret_value(),
        }

    def defaults(self) -> dict[str, object]:
        """Return the defaults of Flask and its extensions that follow from the settings."""
        is_production = self.environment == "production"  # feature: session or auth or logger
        prefix = "__Host-" if is_production else ""  # feature: session or auth
        origins = [each for each in self.cors_origins if each != "*"]  # feature: session or auth
        config: dict[str, object] = {
            "SQLALCHEMY_DATABASE_URI": _with_known_scheme(self.database_url.get_secret_value()),
            "OPENAPI_TITLE": ABOUT["title"],
            "OPENAPI_DESCRIPTION": ABOUT["description"],
            "CACHE_KEY_PREFIX": f"{__package__}:",  # feature: cache
            "CARAFE_CACHE_STATUS_HEADER": self.environment == "development",  # feature: cache
            "CARAFE_CSRF_TRUSTED_ORIGINS": origins,  # feature: session or auth
            "CARAFE_LOGGER_STREAM_ENABLED": True,  # feature: logger
            "CARAFE_LOGGER_STREAM_FORMAT": "json" if is_production else "text",  # feature: logger
            "CARAFE_LOGGER_STREAM_ADD_LOGGERS": "root" if is_production else "",  # feature: logger
            "CARAFE_LOGGER_RF_MAXBYTES": 10 * 1024 * 1024,  # feature: logger
            "CARAFE_LOGGER_RF_BACKUPCOUNT": 5,  # feature: logger
            "CARAFE_SESSION_SALT": __package__,  # feature: session
            "SESSION_COOKIE_NAME": f"{prefix}{__package__}",  # feature: session or auth
            "SESSION_COOKIE_SECURE": is_production,  # feature: session or auth
            "SESSION_COOKIE_SAMESITE": "Lax",  # feature: session or auth
        }
        if self.redis_url:  # feature: cache
            config["CACHE_TYPE"] = "RedisCache"
            config["CACHE_REDIS_URL"] = self.redis_url.get_secret_value()
        if not self.redis_url and self.environment == "production":  # feature: cache
            config["CACHE_TYPE"] = "NullCache"
        return config


def _with_known_scheme(url: str) -> str:
    """Replace ``postgres://``, which some platforms use and SQLAlchemy does not know."""
    return url.replace("postgres://", "postgresql://", 1)


def is_weak(key: str) -> bool:
    """Return whether *key* is too short, a pattern, or a well-known placeholder."""
    steps = [abs(ord(one) - ord(other)) for one, other in pairwise(key)]
    return (
        len(key.encode(errors="replace")) < MIN_KEY_BYTES
        or len(set(key)) < MIN_DIFFERENT_CHARACTERS
        or is_placeholder(key)
        # As in "abcabcab".
        or any(key[length:] == key[:-length] for length in range(1, len(key) // 2 + 1))
        # As in "abcdefgh" or "87654321": most characters are neighbors.
        or sum(step <= 1 for step in steps) > len(steps) * 3 / 4
    )


def is_placeholder(key: str) -> bool:
    """Return whether *key* has a word of an example."""
    return any(word in key.lower() for word in _PLACEHOLDERS)
