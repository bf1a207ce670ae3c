"""The hook takes out what a declined feature owns, and no more."""

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

TAG = b"# feature:"
FILE_TAG = re.compile(r"^# feature: (\w+(?:(?:, | or )\w+)*)$")
LINE_TAG = re.compile(r"\S  # feature: (\w+(?:(?:, | or )\w+)*)$")
CARAFE = SOURCE / "src/{{cookiecutter.package_name}}/carafe"


def test_every_tag_is_a_first_line_or_ends_a_line_and_names_features():
    for path in files():
        for number, line in enumerate(path.read_bytes().decode().splitlines()):
            if "# feature:" in line:
                tag = (FILE_TAG if number == 0 else LINE_TAG).search(line)
                assert tag and set(re.split(", | or ", tag[1])) <= set(FEATURES), f"{path}: {line}"


def test_the_library_and_the_pages_have_no_tags():
    """An owner's answer in a page may look like one."""
    tagged = [path for path in files() if TAG in path.read_bytes()]
    assert not [path for path in tagged if CARAFE in path.parents or path.suffix == ".md"]


def test_every_feature_is_a_question(hook):
    questions = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    switches = {name.removeprefix("use_") for name in questions if name.startswith("use_")}
    assert switches == set(FEATURES) == hook()["FEATURES"]
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
        ("a\ndef b():  # feature: auth\n    c\n\n    d\n\n\ne\n", "a\n\n\ne\n"),
        (
            "a\ndef b():  # feature: cache\n    c\n\n    d\n\n\ne\n",
            "a\ndef b():\n    c\n\n    d\n\n\ne\n",
        ),
        ("def a():\n    if b:  # feature: auth\n        c\n    d\n", "def a():\n    d\n"),
        ("a:  # feature: auth\n  b: 1\n  c:\n    - 2\nd: 3\n", "d: 3\n"),
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


def test_what_is_named_for_a_declined_feature_goes_but_not_the_package(hook, tmp_path, monkeypatch):
    take_out = hook("cache", auth=False, cache=False, session=False)["take_out"]
    gone = ["accounts/a.py", "tests/test_auth.py", "src/cache/ext/cache/a.py", "src/cache/csrf.py"]
    tagged = {"a.py": "# feature: auth, logger\na\n", "b.py": "# feature: auth or logger\nb\n"}
    kept = ["src/cache/caches.py", "tests/test_logger.py"]
    project = tmp_path / "project"
    for name in [*gone, *kept, *tagged]:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tagged.get(name, ""))
    monkeypatch.chdir(project)
    take_out(Path())
    left = {path.as_posix() for path in Path().rglob("*") if path.is_file()}
    assert left == {*kept, "b.py"}
    assert Path("b.py").read_text() == "b\n"


@pytest.fixture
def hook(tmp_path):
    """The names in the hook, as it is rendered for these answers."""

    def hook(package="my_api", /, **wanted):
        answers = {f"use_{name}": wanted.get(name, True) for name in FEATURES}
        text = (TEMPLATE / "hooks/post_gen_project.py").read_text(encoding="utf-8")
        rendered = tmp_path / "rendered" / "post_gen_project.py"
        rendered.parent.mkdir()
        context = {"cookiecutter": answers | {"package_name": package, "project_slug": "my-api"}}
        rendered.write_text(jinja2.Environment().from_string(text).render(context))
        names = runpy.run_path(str(rendered), run_name="hook")
        shutil.rmtree(rendered.parent)
        return names

    return hook


def files():
    """The files of the source, which are what git would see."""
    found = (path for path in SOURCE.rglob("*") if path.is_file())
    return [path for path in found if not set(path.parts) & {"__pycache__", ".venv"}]
