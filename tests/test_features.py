"""Every combination of features is a complete project, which passes all of its own checks."""

import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter
from packaging.requirements import Requirement

from .conftest import ALL
from .conftest import CACHES
from .conftest import choices
from .conftest import copied
from .conftest import environment
from .conftest import NONE
from .conftest import SOURCE
from .conftest import TEMPLATE
from .processes import run


def all_and_none_by_default():
    """Every combination; what is between all and none takes its time, and shows little more."""
    for choice in choices():
        [wanted] = choice.values
        yield pytest.param(
            wanted, id=choice.id, marks=[] if wanted in (ALL, NONE) else pytest.mark.life
        )


def what_was_declined():
    """Every combination but all, which has the library that `tests/library` tests by itself."""
    return (choice for choice in all_and_none_by_default() if choice.values != (ALL,))


def test_it_is_formatted(project):
    project.run("ruff", "format", "--check")


def test_it_passes_the_linter(project):
    project.run("ruff", "check")


def test_it_declares_the_libraries_that_it_imports_and_no_others(project):
    project.run("deptry", ".")


def test_its_requirements_agree_with_each_other(project):
    declared = tomllib.loads(project.read("pyproject.toml"))
    lines = declared["project"]["dependencies"] + declared["dependency-groups"]["dev"]
    assert not list(unmet([Requirement(line) for line in lines]))


def test_it_passes_its_own_tests_and_they_leave_nothing_behind(project, tmp_path):
    passing = copied(project, tmp_path)
    passing.run("pytest", "-q", "tests")
    assert passing.files() == project.files()


@pytest.mark.parametrize("project", [*what_was_declined()], indirect=True)
def test_its_library_passes_its_tests_whatever_was_declined(project):
    folder = project.path / "src" / project.package
    options = ["-q", "-m", "not slow", "-o", f"pythonpath={folder}"]
    done = run(
        [sys.executable, "-m", "pytest", *options, "tests/library"],
        cwd=TEMPLATE,
        env=environment(),
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("project", [*all_and_none_by_default()], indirect=True)
def test_it_passes_the_tests_that_are_not_its_owners_to_keep(project, template, config, tmp_path):
    """They test what the owner of a project hardly changes, by faults and by chance.

    They are baked with the project, so that the hook takes out what was declined.
    """
    source = shutil.copytree(template, tmp_path / "template with tests")
    ignored = shutil.ignore_patterns(*CACHES)
    added = source / SOURCE.name / "tests/template"
    shutil.copytree(TEMPLATE / "tests/project", added, ignore=ignored)
    options = {"no_input": True, "config_file": str(config), "extra_context": project.answers}
    path = cookiecutter(str(source), output_dir=tmp_path / "baked", **options)
    passing = replace(project, path=Path(path))
    before = passing.files()
    passing.run("pytest", "-q", "tests/template")
    assert passing.files() == before


@pytest.mark.typing
@pytest.mark.parametrize("project", [ALL, NONE], ids=["all", "none"], indirect=True)
def test_it_passes_the_type_checker(project):
    project.run("mypy")


def test_two_projects_with_different_features_run_in_one_process(bake, tmp_path):
    shop = bake(project_name="Shop API")
    blog = bake(project_name="Blog API", **dict.fromkeys(shop.answers, False))
    command = [sys.executable, "-W", "error", "-c", TOGETHER, shop.path / "src", blog.path / "src"]
    done = run(command, cwd=tmp_path, env=environment())
    assert done.returncode == 0, done.stderr


TOGETHER = """
import sys

sys.path[:0] = sys.argv[1:]

import blog_api.database
import shop_api.database

clients = {}
for package in (shop_api, blog_api):
    name = package.__name__
    app = package.create_app({"ENVIRONMENT": "development", "DATABASE_URL": f"sqlite:///{name}.db"})
    with app.app_context():
        package.database.db.create_all()
    clients[name] = app.test_client()

shop, blog = clients.values()
for client in (shop, blog, shop, blog):
    assert client.get("/authors").json["items"] == []
assert blog.post("/authors", json={"name": "Mary Shelley"}).status_code == 201
assert shop.post("/authors", json={"name": "Mary Shelley"}).status_code == 401
assert [author["name"] for author in blog.get("/authors").json["items"]] == ["Mary Shelley"]
assert shop.get("/authors").json["items"] == []
assert (shop.get("/login").status_code, blog.get("/login").status_code) == (401, 404)
"""


def unmet(todo):
    """What is required, directly or not, and is absent or of another version."""
    seen = set()
    while todo:
        requirement = todo.pop()
        if requirement in seen:
            continue
        seen.add(requirement)
        try:
            found = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            yield f"{requirement} is not installed"
            continue
        if not requirement.specifier.contains(found.version, prereleases=True):
            yield f"{requirement} is not met by {found.version}"
        todo += needed(found.requires or (), requirement.extras)


def needed(lines, extras):
    """The requirements that count on this machine, with these extras."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if not marker or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement
