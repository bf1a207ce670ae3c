"""With an extension turned off by its setting, the default project still passes its tests."""

import pytest

from .conftest import copied

ABOUT = {
    "cache": ["test_cache.py"],
    "logger": ["test_logger.py"],
    "session": [],
}
"""The tests that are about what an extension does, and say nothing of a project without it."""


@pytest.mark.parametrize("name", ABOUT)
def test_the_project_passes_its_tests_without(default, name, tmp_path):
    ignored = [f"--ignore=tests/{file}" for file in ABOUT[name]]
    off = {f"FLASK_CARAFE_{name.upper()}_ENABLED": "false"}
    project = copied(default, tmp_path)
    others = f"not postgresql and not CARAFE_{name.upper()}"
    project.run("pytest", "-q", "tests", "-k", others, *ignored, **off)
