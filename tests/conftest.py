"""Bake the template, from a clean copy of it, into temporary folders."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter

from .processes import run

TEMPLATE = Path(__file__).parent.parent
SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}"
FEATURES = ("auth", "cache", "logger", "session")
COMBINATIONS = [
    frozenset(name for name, wanted in zip(FEATURES, switches, strict=True) if wanted)
    for switches in product((True, False), repeat=len(FEATURES))
]
ALL, NONE = COMBINATIONS[0], COMBINATIONS[-1]
NO_CACHES = {
    "MYPY_CACHE_DIR": os.devnull,
    "PYTEST_ADDOPTS": "-p no:cacheprovider",
    "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", os.devnull),
    "RUFF_NO_CACHE": "true",
}
collect_ignore = ["project"]  # These run in a project, where test_features.py puts them.

CACHES = ("__pycache__", ".*_cache", ".hypothesis", ".venv", ".env", "instance", "*.egg-info")


@dataclass(frozen=True)
class Project:
    """A baked project, and which of `use_auth` and the like were answered with yes."""

    path: Path
    answers: dict[str, bool]

    @property
    def package(self) -> str:
        """The name of its Python package."""
        [package] = (self.path / "src").iterdir()
        return package.name

    def files(self) -> set[str]:
        """The files, by their paths in the project, with forward slashes."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        return {path.relative_to(self.path).as_posix() for path in found}

    def read(self, name: str) -> str:
        """The text of a file, its newlines as they are."""
        return (self.path / name).read_bytes().decode()

    def run(self, *module: str, **variables: str) -> str:
        """What `python -m` prints for a module that must succeed, run in the project."""
        done = run(
            [sys.executable, "-m", *module],
            cwd=self.path,
            env=environment() | variables,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def environment() -> dict[str, str]:
    """The environment, without what would lead a project's own tests elsewhere."""
    ours = ("COV_", "FLASK_", "PYTEST_", "PYTHONPATH", "SECRET_KEY", "DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | NO_CACHES | {"PYTHONUTF8": "1"}


Bake = Callable[..., Project]


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory):
    """The folder of temporary files, where cookiecutter leaves its rendered hooks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield Path(tempfile.gettempdir())


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """Let Control-C end what a test starts, also where it is ignored, as behind nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """The template as a user clones it, without caches."""
    clean = tmp_path_factory.mktemp("template")
    shutil.copy(TEMPLATE / "cookiecutter.json", clean)
    for folder in (TEMPLATE / "hooks", SOURCE):
        shutil.copytree(folder, clean / folder.name, ignore=shutil.ignore_patterns(*CACHES))
    return clean


@pytest.fixture(scope="session")
def config(tmp_path_factory) -> Path:
    """Cookiecutter's own settings; in the folder `replay` beside them it keeps the answers."""
    path = tmp_path_factory.mktemp("cookiecutter") / "config.yaml"
    folders = {"replay_dir": path.parent / "replay", "cookiecutters_dir": path.parent / "cloned"}
    path.write_text("".join(f"{name}: '{folder}'\n" for name, folder in folders.items()))
    return path


@pytest.fixture(scope="session")
def bake(template, config, tmp_path_factory) -> Bake:
    """Bake a new project; a question without an answer gets its default."""

    def bake(**answers: object) -> Project:
        path = cookiecutter(
            str(template),
            no_input=True,
            output_dir=tmp_path_factory.mktemp("baked"),
            config_file=str(config),
            extra_context=answers,
        )
        switches = {f"use_{name}": answers.get(f"use_{name}", True) for name in FEATURES}
        return Project(Path(path), switches)

    return bake


@pytest.fixture(scope="session")
def baked(bake) -> Callable[[frozenset[str]], Project]:
    """The project with these features, baked once and shared: nobody may change it."""
    return cache(lambda wanted: bake(**{f"use_{name}": name in wanted for name in FEATURES}))


def choices():
    """Every combination; those that every Python must run are marked so."""
    for wanted in COMBINATIONS:
        marks = [pytest.mark.python] if wanted in (ALL, NONE) else []
        yield pytest.param(wanted, id="+".join(sorted(wanted)) or "none", marks=marks)


@pytest.fixture(scope="session", params=choices())
def project(request, baked) -> Project:
    """Each of the sixteen projects."""
    return baked(request.param)


@pytest.fixture(scope="session")
def default(baked) -> Project:
    """The project of who answers nothing: everything on."""
    return baked(ALL)


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that nobody waits for it in the end."""
    items.sort(key=lambda item: item.path.name != "test_features.py")
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def copied(project: Project, folder: Path) -> Project:
    """A copy, which may be changed."""
    return replace(project, path=shutil.copytree(project.path, folder / project.path.name))
