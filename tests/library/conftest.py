"""The library's own tests run on every Python, for the extensions that the library has."""

from importlib.util import find_spec
from pathlib import Path

import pytest

EXTENSIONS = {name: name for name in ("auth", "cache", "logger", "session")}
EXTENSIONS["csrf"] = "test_csrf.py"

collect_ignore = [
    tests for name, tests in EXTENSIONS.items() if find_spec(f"carafe.ext.{name}") is None
]


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.python)
