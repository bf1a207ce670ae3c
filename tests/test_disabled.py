"""With an extension turned off by its setting, the default project still passes its tests."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

ABOUT = {
    "cache": ["test_cache.py", "test_private_views.py", "test_remembered.py"],
    "logger": ["test_logger.py"],
    "session": [],
}
"""The tests that are about what an extension does, and say nothing of a project without it."""


@pytest.fixture(scope="session")
def runs(default, tmp_path_factory):
    """All of them, at the same time."""
    with ThreadPoolExecutor() as pool:
        yield {
            name: pool.submit(run, default, tmp_path_factory.mktemp("disabled"), name)
            for name in ABOUT
        }


@pytest.mark.parametrize("name", ABOUT)
def test_the_project_passes_its_tests_without(name, runs):
    runs[name].result()


def run(project, folder, name):
    copy = replace(project, path=shutil.copytree(project.path, folder / project.path.name))
    about = ["test_login_machine.py", "test_shared_limiter.py", *ABOUT[name]]
    ignored = [f"--ignore=tests/{file}" for file in about]
    off = {f"FLASK_CARAFE_{name.upper()}_ENABLED": "false"}
    copy.run("pytest", "-q", "tests", "-k", "not postgresql", *ignored, **off)
