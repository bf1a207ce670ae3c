"""The hook knows every file and every line that can go, and takes away no more than those."""

import json
import re
import runpy
import shutil
from pathlib import Path

import jinja2
import pytest

from .conftest import FEATURES
from .conftest import SOURCE
from .conftest import TEMPLATE

TAG = re.compile(r"\S  # feature: (\w+(?:(?:, | or )\w+)*)$")


def test_every_file_in_the_hooks_table_is_in_the_tree(table):
    for paths in table["FILES"].values():
        assert len(paths) == len(set(paths))
        for path in paths:
            assert source(path).is_file(), path


def test_every_file_that_is_named_for_a_feature_is_in_the_hooks_table(table):
    for feature, paths in table["FILES"].items():
        owned = {source(path) for path in paths}
        named = re.compile(rf"/(ext|tests)/(test_)?{feature}(\.py$|/)")
        assert {path for path in files() if named.search(path.as_posix())} <= owned


def test_the_hook_reads_exactly_the_files_that_have_tags(table):
    tagged = {path for path in files() if b"# feature:" in path.read_bytes()}
    assert tagged == {source(path) for path in table["TAGGED"]}


def test_every_tag_ends_a_line_and_names_features(table):
    for path in table["TAGGED"]:
        for line in source(path).read_text(encoding="utf-8").splitlines():
            if "# feature:" in line:
                names = re.split(", | or ", TAG.search(line)[1])
                assert set(names) <= set(FEATURES), line


def test_every_feature_is_a_question_and_a_row_of_the_table(table):
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    switches = {name.removeprefix("use_") for name in questions if name.startswith("use_")}
    assert switches == set(FEATURES) == table["FEATURES"] <= table["FILES"].keys()
    assert all(questions[f"use_{name}"] is True for name in FEATURES)
    asked = {name for name in questions if not name.startswith("_")}
    assert questions["__prompts__"].keys() == asked


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb  # feature: cache\nc\n", "a\nb\nc\n"),
        ("a\nb  # feature: auth\nc\n", "a\nc\n"),
        ("a\n\nb  # feature: auth\n\nc\n", "a\n\nc\n"),
        ("a\n\n\nb  # feature: auth\n\nc\n", "a\n\n\nc\n"),
        ("a\n\nb  # feature: auth\n\n\nc\n", "a\n\n\nc\n"),
        ("a  # feature: auth\n\n\nb\n", "b\n"),
        ("a\n\nb  # feature: auth\nc  # feature: auth\n", "a\n"),
        ("a\n\nb  # feature: auth\n\n    c  # feature: auth\n\n\nd\n", "a\n\n\nd\n"),
        ("class A:\n    b = 1  # feature: auth\n\n    c = 2\n", "class A:\n    c = 2\n"),
        ("both  # feature: cache, logger\n", "both\n"),
        ("a\nboth  # feature: auth, cache\n", "a\n"),
        ("a\nneither  # feature: auth, session\n", "a\n"),
        ("either  # feature: auth or cache\n", "either\n"),
        ("a\nnone  # feature: auth or session\n", "a\n"),
        ("    a = 1  # because  # feature: cache\n", "    a = 1  # because\n"),
    ],
)
def test_tagged_lines_go_with_their_paragraphs_or_lose_their_tags(hook, before, after):
    assert hook(auth=False, cache=True, logger=True, session=False)["untag"](before) == after


def test_the_hook_removes_emptied_folders_and_keeps_the_owners_files(hook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one/two/a.py", "one/two/b.py", "three/a.py", "three/note.md"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove = hook()["remove"]
    for name in ("one/two/a.py", "one/two/b.py", "three/a.py"):
        remove(Path(name))
    assert [path.name for path in tmp_path.rglob("*")] == ["three", "note.md"]
    with pytest.raises(FileNotFoundError):
        remove(Path("three/a.py"))


@pytest.fixture
def hook(tmp_path):
    """The names in the hook, as it is rendered for these answers."""

    def hook(**wanted):
        answers = {f"use_{name}": wanted.get(name, True) for name in FEATURES}
        text = (TEMPLATE / "hooks/post_gen_project.py").read_text(encoding="utf-8")
        rendered = tmp_path / "rendered" / "post_gen_project.py"
        rendered.parent.mkdir()
        package = "{{cookiecutter.package_name}}"
        context = {"cookiecutter": answers | {"package_name": package, "project_slug": "my-api"}}
        rendered.write_text(jinja2.Environment().from_string(text).render(context))
        names = runpy.run_path(str(rendered), run_name="hook")
        shutil.rmtree(rendered.parent)
        return names

    return hook


@pytest.fixture
def table(hook):
    """The hook's tables, of paths in the source."""
    return hook()


def source(path):
    return SOURCE / path


def files():
    """The files of the source, which are what git would see."""
    found = (path for path in SOURCE.rglob("*") if path.is_file())
    return [path for path in found if not set(path.parts) & {"__pycache__", ".venv"}]
