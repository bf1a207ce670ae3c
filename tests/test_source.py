"""The source is a project itself: its Python is Python, and its parts know their places."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import environment
from .conftest import SOURCE
from .conftest import TEMPLATE

PACKAGE = SOURCE / "src/{{cookiecutter.package_name}}"
CARAFE = PACKAGE / "carafe"
EXTENSIONS = {"auth", "cache", "logger", "session"}
RENDERED = SOURCE / "tests/conftest.py"  # the only Python that names the package

MAY_IMPORT = {
    "__init__": {
        *("attempts", "audit", "carafe", "commands"),
        *("extensions", "health", "metrics", "outage", "resources", "settings"),
    },
    "accounts": {"carafe.ext.auth", "database"},
    "attempts": {"audit", "shared_limiter"},
    "audit": {"carafe.ext.auth", "carafe.request"},
    "checks": {"carafe.ext.logger", "credentials", "database", "secret_key", "seed_admin"},
    "commands": {"carafe.openapi", "checks", "database", "seed", "seed_admin", "users"},
    "credentials": {"accounts", "audit", "database", "logins", "passwords"},
    "database": {"patience"},
    "extensions": {"accounts", "carafe.ext", "database", "remembered", "snapshot"},
    "health": {"carafe.logger", "carafe.operation", "database", "extensions"},
    "logins": {"accounts", "carafe.logger", "database"},
    "meter": set(),
    "metrics": {"meter"},
    "models": {"database"},
    "outage": {"carafe.errors", "carafe.logger"},
    "paging": {"carafe.operation", "carafe.schema", "database"},
    "passwords": {"carafe.schema"},
    "patience": set(),
    "postgresql": {"patience"},
    "remembered": {"accounts", "carafe.ext.cache"},
    "resources": {
        *("accounts", "attempts", "audit", "carafe", "credentials", "database"),
        *("extensions", "logins", "models", "paging", "passwords"),
    },
    "secret_key": set(),
    "seed": {"database", "models"},
    "seed_admin": {"credentials", "database"},
    "settings": {"secret_key"},
    "shared_limiter": {"carafe.logger", "extensions"},
    "snapshot": {"database"},
    "sqlite": set(),
    "users": {"accounts", "audit", "credentials", "database", "logins", "passwords"},
    "worker": set(),
}


def python_files(folder):
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@pytest.mark.parametrize(
    "path", python_files(SOURCE), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_python_is_python_before_it_is_rendered(path):
    if path != RENDERED:
        ast.parse(path.read_bytes())
        assert not re.search(r"{{\s*cookiecutter|{%", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", [["format", "--check"], ["check"]], ids=" ".join)
def test_python_passes_ruff_before_it_is_rendered(command):
    ruff(*command, "--extend-exclude", "*project_slug*/tests/conftest.py")


@pytest.mark.typing
def test_the_library_passes_mypy_before_it_is_rendered():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", SOURCE / "pyproject.toml"]
        + ["--exclude", "/carafe/tests/", "-p", "carafe"],
        env=environment() | {"MYPYPATH": str(PACKAGE)},
        cwd=TEMPLATE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_library_is_copied_byte_for_byte(default, template):
    source = template / CARAFE.relative_to(TEMPLATE)
    copy = default.path / "src" / default.package / "carafe"
    for path in python_files(source):
        assert (copy / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_the_core_imports_no_extension():
    for path in python_files(CARAFE):
        if path.parent == CARAFE:
            assert not under("carafe.ext", imports(path)), path


def test_an_extension_imports_neither_another_nor_what_is_above_the_library():
    for path in python_files(CARAFE):
        _, *folders = path.relative_to(PACKAGE).with_suffix("").parts
        mine = EXTENSIONS & set(folders)
        for other in EXTENSIONS - mine if mine else ():
            assert not under(f"carafe.ext.{other}", imports(path)), path
        assert under("carafe", imports(path)) == imports(path), path


@pytest.mark.parametrize("path", python_files(PACKAGE), ids=lambda path: path.name)
def test_nothing_is_imported_inside_a_function(path):
    for function in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(function, ast.FunctionDef) and CARAFE / "tests" not in path.parents:
            for line in ast.walk(function):
                assert not isinstance(line, ast.Import | ast.ImportFrom), line.lineno


def test_each_module_of_the_application_imports_only_what_is_below_it():
    paths = [path for path in python_files(PACKAGE) if not path.is_relative_to(CARAFE)]
    assert {home(path) for path in paths} == MAY_IMPORT.keys()
    for path in paths:
        allowed = {home(path)} - {"__init__"} | MAY_IMPORT[home(path)]
        found = imports(path)
        assert set().union(*(under(name, found) for name in allowed)) == found, path


def ruff(*arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    done = subprocess.run(command, cwd=TEMPLATE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def home(path: Path) -> str:
    """The module of the application, or the package in it, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """What a file imports from the application, as it is named inside the application."""
    folder = ["", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - node.level + 1]
            assert base, f"{path}:{node.lineno} leads out of the package"
            prefix = [*base[1:], *filter(None, [node.module])]
            found |= {".".join([*prefix, alias.name]) for alias in node.names}
    return found


def under(name: str, found: set[str]) -> set[str]:
    """Those that are *name*, or in it."""
    return {each for each in found if f"{each}.".startswith(f"{name}.")}
