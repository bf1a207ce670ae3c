"""The source is a project itself: its Python is Python, and its parts know their places."""

import ast
import re
import sys
from pathlib import Path

import pytest

from .conftest import environment
from .conftest import SOURCE
from .conftest import TEMPLATE
from .processes import run

PACKAGE = SOURCE / "src/{{cookiecutter.package_name}}"
CARAFE = PACKAGE / "carafe"
EXTENSIONS = {"auth", "cache", "logger", "session"}
RENDERED = SOURCE / "tests/conftest.py"  # the only Python that names the package
TESTS = [TEMPLATE / "tests", SOURCE / "tests", CARAFE / "tests"]
STARTS = {"Popen", "call", "check_call", "check_output", "run"}
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}

MAY_IMPORT = {
    "__init__": {
        *("accounts", "carafe", "commands", "database_errors", "extensions", "health"),
        *("metrics", "models", "resources", "settings"),
    },
    "accounts": {"carafe", "database", "extensions", "lists"},
    "checks": {"accounts", "carafe.ext.logger", "database", "settings"},
    "column_types": set(),
    "commands": {"accounts", "carafe.openapi", "checks", "seed"},
    "database": {
        *("carafe.app", "carafe.reads", "column_types", "postgresql", "settings", "sqlite"),
    },
    "database_errors": {"carafe.errors", "carafe.logger", "database"},
    "extensions": {"carafe.ext", "database"},
    "health": {"carafe.logger", "carafe.operation", "database", "database_errors", "extensions"},
    "lists": {"carafe.errors", "carafe.operation", "carafe.schema", "database"},
    "metrics": {"carafe.errors"},
    "models": {"database"},
    "postgresql": set(),
    "resources": {"accounts", "carafe", "database", "extensions", "lists", "models"},
    "seed": {"database", "models"},
    "settings": {"carafe.cors"},
    "sqlite": {"carafe.reads", "carafe.request"},
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
    done = run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", SOURCE / "pyproject.toml"]
        + ["-p", "carafe"],
        env=environment() | {"MYPYPATH": str(PACKAGE)},
        cwd=TEMPLATE,
    )
    assert done.returncode == 0, done.stdout


def test_the_library_is_copied_byte_for_byte(default, template):
    source = template / CARAFE.relative_to(TEMPLATE)
    copy = default.path / "src" / default.package / "carafe"
    for path in python_files(source):
        assert (copy / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_the_license_of_the_template_comes_with_its_library(default):
    copy = default.read(f"src/{default.package}/carafe/LICENSE")
    assert copy == (TEMPLATE / "LICENSE").read_text(encoding="utf-8")


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


def test_a_reader_who_follows_a_request_opens_few_files(bake):
    result = run(
        [sys.executable, TEMPLATE / "benchmarks/files.py", bake().path],
        env=environment(),
        check=True,
    )
    crossed = dict(re.findall(r"(?m)^(.+): (\d+) files", result.stdout))
    limits = {"cached hit": 12, "cached miss": 19, "login": 27, "log line": 5}
    assert {name for name in limits if int(crossed[name]) > limits[name]} == set()


def test_no_process_that_a_test_starts_can_reach_the_terminal():
    calls = [call for call in nodes(TESTS, ast.Call) if starts_a_process(call)]
    assert len(calls) > 5
    found = [call.where for call in calls if not is_away_from_the_terminal(call)]
    assert not found, "\n".join(found)


def test_no_test_depends_on_how_fast_the_machine_is():
    found = []
    for function in nodes(TESTS, ast.FunctionDef):
        timed = names_with_times(function)
        checks = [node for node in ast.walk(function) if isinstance(node, ast.Assert)]
        found += [f"{function.path}:{one.lineno}" for one in checks if limits_time(one, timed)]
    assert not found, "\n".join(found)


def nodes(folders, kind):
    """The nodes of a *kind* in the Python files of *folders*, each with its file and line."""
    for path in (path for folder in folders for path in python_files(folder)):
        for node in ast.walk(ast.parse(path.read_bytes())) if path != RENDERED else ():
            if isinstance(node, kind):
                node.path, node.where = path, f"{path}:{node.lineno}"
                yield node


def starts_a_process(call):
    name = ast.unparse(call.func)
    return name.endswith(".Popen") or name in {f"subprocess.{each}" for each in STARTS}


def is_away_from_the_terminal(call):
    """Whether a process has a session of its own, and does not inherit stdin."""
    options = {each.arg: ast.unparse(each.value) for each in call.keywords}
    stdin = options.get("stdin", options.get("input", "None"))
    return options.get("start_new_session") == "True" and stdin != "None"


def names_with_times(function):
    """The names of what a function computes from a clock, directly or not."""
    timed = set()
    for _ in range(3):
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(name)], value=value) if has_time(value, timed):
                    timed.add(name)
                case ast.Call(ast.Attribute(ast.Name(name), "append"), [value]) if has_time(
                    value, timed
                ):
                    timed.add(name)
    return timed


def has_time(expression, timed):
    """Whether an expression reads a clock, or a name in *timed*."""
    clocks = {f"time.{name}" for name in CLOCKS}
    parts = {ast.unparse(node) for node in ast.walk(expression)}
    return bool(parts & (clocks | timed))


def limits_time(check, timed):
    """Whether a check compares a time with less than a minute; another time is no limit."""
    for compared in (node for node in ast.walk(check) if isinstance(node, ast.Compare)):
        sides = [compared.left, *compared.comparators]
        limits = [side for side in sides if not has_time(side, timed)]
        if limits != sides:
            return not all(isinstance(one, ast.Constant) and one.value >= 60 for one in limits)
    return False


def ruff(*arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    done = run(command, cwd=TEMPLATE)
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
