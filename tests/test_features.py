"""Every combination of features is a complete project, which passes all of its own checks."""

import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from .conftest import ALL
from .conftest import NONE


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


def test_it_passes_its_own_tests(own_tests):
    print(own_tests.result())


def test_its_tests_leave_nothing_behind(bake, project, own_tests):
    own_tests.result()
    assert project.files() == bake(**project.answers).files()


@pytest.mark.typing
@pytest.mark.parametrize("project", [ALL, NONE], ids=["all", "none"], indirect=True)
def test_it_passes_the_type_checker(project):
    project.run("mypy")


@pytest.fixture(scope="session")
def test_runs(request, baked):
    """The tests of every project that will be asked about, one run for each processor at a time."""
    asking = (item for item in request.session.items if "own_tests" in item.fixturenames)
    projects = [baked(wanted) for wanted in {item.callspec.params["project"]: 0 for item in asking}]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {project.path: pool.submit(project.run, "pytest", "-q") for project in projects}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def own_tests(project, test_runs):
    """The run of the project's own tests, perhaps not ended yet."""
    return test_runs[project.path]


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
