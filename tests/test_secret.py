"""The secret key is born in `.env`, and is nowhere else."""

import os
import re
import shutil
import stat

import pytest

from .processes import run


def test_a_project_is_born_with_a_strong_key_for_development(project):
    lines = project.read(".env").splitlines()
    assert "FLASK_ENVIRONMENT=development" in lines
    assert len(key_of(project)) == 64


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_its_owner_can_read_it(project):
    assert stat.S_IMODE((project.path / ".env").stat().st_mode) == 0o600


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_ignores_it_and_nothing_else_that_was_baked(project, tmp_path):
    git = ["git", f"--git-dir={tmp_path}", f"--work-tree={project.path}"]
    run([*git, "-c", "init.defaultBranch=main", "init", "--quiet"], check=True)
    listing = [*git, "-c", "core.excludesFile=", "ls-files", "--others", "--exclude-standard"]
    seen = run(listing, cwd=project.path, check=True).stdout.splitlines()
    assert set(seen) == project.files() - {".env"}


def test_two_projects_with_the_same_answers_differ_in_it_only(bake):
    one, two = bake(), bake()
    assert one.files() == two.files()
    assert {name for name in one.files() if one.read(name) != two.read(name)} == {".env"}


def test_the_key_is_written_nowhere_else(bake, temporary, template, config):
    project = bake()
    key = key_of(project).encode()
    searched = [project.path, temporary, template, config.parent]
    files = [path for folder in searched for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if key in path.read_bytes()] == [project.path / ".env"]
    assert {path.parent for path in files} >= {temporary, config.parent / "replay"}


def key_of(project):
    return re.search(r"^SECRET_KEY=(.*)$", project.read(".env"), re.MULTILINE)[1]
