"""The library says where it comes from, and whether it is still as it came."""

import hashlib
import shutil

import pytest

from .conftest import TEMPLATE
from .processes import run

CARAFE = "src/my_api/carafe"


def test_the_library_is_what_its_sums_say(project):
    assert sums_of(project.path) == recorded(project)
    names = {name.removeprefix(f"{CARAFE}/") for name in project.files() if CARAFE in name}
    assert recorded(project).keys() == names - {"SHA256SUMS"}


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum here")
def test_a_change_to_the_library_is_found(bake):
    folder = bake().path / CARAFE
    check = ["sha256sum", "--quiet", "--check", "SHA256SUMS"]
    assert run(check, cwd=folder).returncode == 0
    with (folder / "ext/cache/entry.py").open("a") as file:
        file.write("# mine\n")
    done = run(check, cwd=folder)
    assert done.stdout == "ext/cache/entry.py: FAILED\n"


def test_the_licence_of_the_template_comes_with_its_library(default):
    assert default.read(f"{CARAFE}/LICENSE") == (TEMPLATE / "LICENSE").read_text(encoding="utf-8")


def recorded(project):
    """The sums in the file, by name."""
    lines = project.read(f"{CARAFE}/SHA256SUMS").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def sums_of(folder):
    """The sums of the files themselves."""
    library = folder / CARAFE
    paths = [path for path in library.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    return {
        path.relative_to(library).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }
