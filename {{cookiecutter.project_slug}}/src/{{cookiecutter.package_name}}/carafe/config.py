"""Settings of the library's extensions, and those that nobody reads."""

import difflib
import warnings
from typing import Any

from flask import Flask

_KEY = "carafe.config"


def declare(app: Flask, prefix: str, **defaults: Any) -> None:
    """Give the settings *prefix* + name their defaults, and warn about others with the prefix."""
    for name, default in defaults.items():
        app.config.setdefault(f"{prefix}{name}", default)
    declared: set[str] = app.extensions.setdefault(_KEY, set())
    declared |= {f"{prefix}{name}" for name in defaults}
    _warn_about_unknown(app, prefix, declared)


def check(app: Flask) -> None:
    """Warn about the ``CARAFE_`` settings that no extension declared; call it after them all."""
    _warn_about_unknown(app, "CARAFE_", app.extensions.get(_KEY, set()))


def _warn_about_unknown(app: Flask, prefix: str, declared: set[str]) -> None:
    for key in sorted(key for key in app.config if key.startswith(prefix)):
        if key not in declared:
            declared.add(key)
            nearest = difflib.get_close_matches(key, declared - {key}, 1, 0)
            hint = f" Did you mean {nearest[0]}?" if nearest else ""
            warnings.warn(f"Nothing reads the setting {key}.{hint}", stacklevel=4)
