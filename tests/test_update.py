"""A project follows the template, and its owner may change their mind about a feature."""

import json
import os
import shutil
import sys
from itertools import product

import cruft
import pytest

from .conftest import ALL
from .conftest import COMBINATIONS
from .conftest import environment
from .conftest import FEATURES
from .conftest import NONE
from .conftest import SOURCE
from .processes import run
from .terminal import run_typed

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

MINE = b"# mine\n"

URL = "https://github.com/org/carafe-template"
LINK = f"uvx cruft link {URL}"
UPDATE = "uvx cruft update -y"
CHANGE = """uvx cruft update -y --variables-to-update '{"use_<name>": true}'"""


def changes():
    """Every pair of combinations; those that differ in more than a feature take their time."""
    for pair in product(COMBINATIONS, repeat=2):
        marks = [] if len(pair[0] ^ pair[1]) == 1 else [pytest.mark.life]
        names = ("+".join(sorted(wanted)) or "none" for wanted in pair)
        yield pytest.param(*pair, id=" to ".join(names), marks=marks)


def toggles():
    """Each feature taken from a project with everything, and added to one with nothing."""
    for name in FEATURES:
        yield pytest.param(ALL, ALL - {name}, id=f"without {name}")
        yield pytest.param(NONE, NONE | {name}, id=f"with {name}")


def test_a_new_project_differs_from_the_template_in_nothing(create):
    project = create(ALL)
    assert cruft.check(project)
    assert cruft.diff(project, exit_code=True)
    change(project / "README.md", "## Settings", "## All settings")
    assert not cruft.diff(project, exit_code=True)


def test_what_is_recorded_of_a_project_has_no_secret(create):
    project = create(NONE)
    _, _, key = (project / ".env").read_text().strip().partition("SECRET_KEY=")
    assert key and key not in (project / ".cruft.json").read_text()


@pytest.mark.parametrize(("before", "after"), [*changes()])
def test_changed_answers_give_the_tree_of_a_fresh_bake(create, baked, before, after):
    project = create(before)
    answer(project, after)
    assert tree(project) == tree(baked(after).path)


@pytest.mark.parametrize(("before", "after"), [*toggles()])
def test_changed_answers_leave_an_edit_in_every_file_that_stays(create, baked, before, after):
    project, fresh = create(before), tree(baked(after).path)
    edited = {name: MINE + fresh[name] for name in fresh.keys() & tree(project).keys()}
    for name in edited:
        path = project / name
        path.write_bytes(MINE + path.read_bytes())
    (project / "notes.md").write_bytes(MINE)
    commit(project)
    answer(project, after)
    assert tree(project) == fresh | edited | {"notes.md": MINE}


def test_an_update_brings_what_is_new_and_leaves_what_is_the_owners(create, repository):
    project = create(ALL)
    secret = (project / ".env").read_bytes()
    change(project / "README.md", "Take shelves", "Take boxes")
    change(project / "src/my_api/models.py", "class Book(", "class Novel(")
    (project / "tests/test_http.py").unlink()
    commit(project)
    source = repository / SOURCE.name
    change(source / "README.md", "## Settings", "## All settings")
    change(source / "tests/test_http.py", '"""', '"""Now: ')
    (source / "NEWS.md").write_text("{{ cookiecutter.project_name }} has news.\n")
    (source / "src/{{cookiecutter.package_name}}/carafe/utils.py").unlink()
    commit(repository)
    assert not cruft.check(project)
    assert cruft.update(project)
    assert (project / ".env").read_bytes() == secret
    readme = (project / "README.md").read_text()
    assert "Take boxes" in readme and "## All settings\n" in readme
    assert "class Novel(" in (project / "src/my_api/models.py").read_text()
    assert (project / "NEWS.md").read_text() == "My API has news.\n"
    assert not (project / "src/my_api/carafe/utils.py").exists()
    assert not (project / "tests/test_http.py").exists()
    assert cruft.check(project)
    assert_nothing_is_rejected(project)


@pytest.mark.skipif(os.name == "nt", reason="these are lines for a POSIX shell")
def test_the_commands_of_the_readme_link_a_project_and_update_it(
    bake, baked, repository, command_line
):
    project = bake(use_logger=False).path
    git(project, "init", "--quiet")
    commit(project)
    questions = json.loads((repository / "cookiecutter.json").read_text())["__prompts__"]
    answers = dict.fromkeys([*questions.values(), "Link to template at commit"], "")
    command_line(
        project, LINK.replace(URL, str(repository)), answers | {questions["use_logger"]: "n"}
    )
    commit(project)
    (repository / SOURCE.name / "NEWS.md").write_bytes(MINE)
    commit(repository)
    command_line(project, UPDATE)
    assert tree(project) == tree(baked(ALL - {"logger"}).path) | {"NEWS.md": MINE}
    commit(project)
    command_line(project, CHANGE.replace("<name>", "cache").replace("true", "false"))
    assert tree(project) == tree(baked(ALL - {"cache", "logger"}).path) | {"NEWS.md": MINE}


@pytest.fixture
def command_line(tmp_path):
    """Type a line in a folder, where uvx runs the tools that are installed here."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uvx").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m "$@"\n')
    (tools / "uvx").chmod(0o700)
    variables = {"PATH": f"{tools}:{os.environ['PATH']}"}

    def command_line(folder, line, answers=None):
        return run_typed(line, answers=answers, cwd=folder, env=environment() | variables)

    return command_line


@pytest.fixture(scope="session", autouse=True)
def settings(config):
    """Git and cookiecutter as on a machine where nobody has set anything."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOKIECUTTER_CONFIG", str(config))
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        yield


@pytest.fixture
def repository(template, tmp_path):
    """The template as a repository, which a test may take further."""
    path = shutil.copytree(template, tmp_path / "template")
    git(path, "init", "--quiet")
    commit(path)
    return path


@pytest.fixture
def create(repository, config, tmp_path):
    """A project with these features that follows the template, all of it committed."""

    def create(wanted):
        answers = {f"use_{name}": name in wanted for name in FEATURES}
        project = cruft.create(
            str(repository),
            output_dir=tmp_path / "created",
            config_file=config,
            extra_context=answers,
        )
        git(project, "init", "--quiet")
        commit(project)
        return project

    return create


def answer(project, wanted):
    """Change the answers, as the README says."""
    answers = {f"use_{name}": name in wanted for name in FEATURES}
    assert cruft.update(project, extra_context=answers)
    recorded = json.loads((project / ".cruft.json").read_text())["context"]["cookiecutter"]
    assert recorded.items() >= answers.items()
    assert_nothing_is_rejected(project)


def assert_nothing_is_rejected(project):
    """That every change went in, and none met another."""
    for name, content in tree(project).items():
        assert not name.endswith((".rej", ".orig")), name
        assert b"<<<<<<<" not in content, name


def tree(project):
    """The files that a project tracks or would, with their contents."""
    left_out = {".git", ".env", ".cruft.json"}
    paths = [path for path in project.rglob("*") if path.is_file()]
    names = {path.relative_to(project): path for path in paths}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in names.items()
        if name.parts[0] not in left_out
    }


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="\n")


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=Owner", "-c", "user.email=o@example.com", "commit", "-qm", "Next")


def git(folder, *arguments):
    run(["git", "-C", folder, *arguments], check=True)
