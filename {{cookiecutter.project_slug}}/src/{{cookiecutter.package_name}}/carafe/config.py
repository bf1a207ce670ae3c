"""Settings of the library's extensions, and a warning about unknown ones."""

import difflib
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from pydantic import ValidationError

_KEY = "carafe.config"
_CHECKS = "carafe.checks"
_WARNED = "carafe.warned"


def declare(app: Flask, prefix: str, **defaults: Any) -> None:
    """Set the defaults of *prefix* + name, and warn about other settings with this prefix.

    Raises ValueError if a setting whose default is a boolean is not one.
    """
    for name, default in defaults.items():
        app.config.setdefault(f"{prefix}{name}", default)
        if isinstance(default, bool):
            app.config[f"{prefix}{name}"] = is_on(app.config, f"{prefix}{name}")
    declared: set[str] = app.extensions.setdefault(_KEY, set())
    declared |= {f"{prefix}{name}" for name in defaults}
    _warn_about_unknown(app, prefix, declared)


def is_on(config: Mapping[str, Any], key: str) -> bool:
    """Return whether the switch *key* of *config* is on. Raises ValueError if it is no boolean."""
    try:
        return TypeAdapter(bool).validate_python(config[key])
    except ValidationError:
        raise ValueError(f"{key} is not valid. Give True or False.") from None


def before_start(app: Flask, call: Callable[[Flask], None]) -> None:
    """Let ``check`` call *call* with *app*, once all of its views are registered."""
    app.extensions.setdefault(_CHECKS, []).append(call)


def check(app: Flask) -> None:
    """Check the configuration of the extensions; call it last, when all views are registered.

    An unknown ``CARAFE_`` setting is a warning; other checks raise ValueError.
    """
    for each in app.extensions.get(_CHECKS, ()):
        each(app)
    _warn_about_unknown(app, "CARAFE_", app.extensions.get(_KEY, set()))


def _warn_about_unknown(app: Flask, prefix: str, declared: set[str]) -> None:
    warned: set[str] = app.extensions.setdefault(_WARNED, set())
    for key in sorted(key for key in app.config if key.startswith(prefix)):
        if key not in declared | warned:
            warned.add(key)
            nearest = difflib.get_close_matches(key, declared, 1, 0)
            hint = f" Did you mean {nearest[0]}?" if nearest else ""
            warnings.warn(f"Nothing reads the setting {key}.{hint}", stacklevel=4)
