"""A bad answer is refused before a file is written."""

import json
import re
import sys
import tomllib
from importlib import metadata

import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.main import cookiecutter
from packaging.requirements import Requirement

from .processes import run


@pytest.mark.parametrize(
    ("question", "answer", "suggestion"),
    [
        ("project_slug", "My API", "my-api"),
        ("project_slug", "my--api", "my-api"),
        ("project_slug", "-my-api-", "my-api"),
        ("project_slug", "2fast", "fast"),
        ("project_slug", "a" * 41, "a" * 36),
        ("project_slug", "\N{SQUID}", "my-api"),
        ("project_slug", "", "my-api"),
        ("project_slug", "..", "my-api"),
        ("project_slug", "../outside", "outside"),
        ("project_slug", "one/two", "one-two"),
        ("project_slug", "one\\two", "one-two"),
        ("project_slug", "line\nbreak", "line-break"),
        ("project_slug", "con", "con-api"),
        ("project_slug", "lpt1", "lpt1-api"),
        ("project_slug", "redis", "redis-api"),
        ("project_slug", "argon2-cffi", "argon2-cffi-api"),
        ("package_name", "my-api", "my_api"),
        ("package_name", "_api", "api"),
        ("package_name", "../outside", "outside"),
        ("package_name", "class", "class_api"),
        ("package_name", "match", "match_api"),
        ("package_name", "json", "json_api"),
        ("package_name", "distutils", "distutils_api"),
        ("package_name", "flask", "flask_api"),
        ("package_name", "carafe", "carafe_api"),
        ("package_name", "tests", "tests_api"),
        ("package_name", "nul", "nul_api"),
        ("project_name", "", "My API"),
        ("project_name", " padded ", "padded"),
        ("project_name", "a" * 201, "a" * 200),
        ("description", "two\nlines", "two lines"),
        ("description", "a nul \0", "a nul"),
        ("description", "an escape \x1b[31m", "an escape [31m"),
        ("description", "a \N{LINE SEPARATOR}", "a"),
        ("description", "a \N{ZERO WIDTH NO-BREAK SPACE}", "a"),
        ("author_name", "half \ud83d", "half"),
        ("author_name", "\x85", "My API"),
        ("author_email", "you", "you@example.com"),
        ("author_email", "you@localhost", "you@example.com"),
        ("author_email", "you <you@example.com>", "you@example.com"),
        ("author_email", 'y"u@example.com', "you@example.com"),
        ("author_email", "josé@example.com", "you@example.com"),
        ("author_email", "a..b@example.com", "you@example.com"),
        ("author_email", "ada.@example.com", "you@example.com"),
        ("use_cache", None, "true"),
    ],
)
def test_a_bad_answer_is_refused_with_one_that_would_do(refused, question, answer, suggestion):
    lines = [line for line in refused(**{question: answer}) if line.startswith(f"{question}:")]
    assert len(lines) == 1
    assert lines[0].endswith(f"; try {suggestion}")


@pytest.mark.parametrize(
    ("fault", "names"),
    {
        "is a keyword of Python": "and as async await case def except for from import in is lambda "
        "lazy match type with",
        "is a module of Python's standard library": "abc ast asyncio code http io logging os site "
        "secrets select signal socket string sys time typing types uuid",
        "is a library that the project installs": "async_timeout jinja2 pydantic pytest redis yaml",
        "means something else in the project": "app config dist docs migrations src test",
        "is a device on Windows": "aux com1 com9 con lpt1 prn",
    }.items(),
)
def test_a_name_that_means_something_else_is_refused(refused, fault, names):
    for name in names.split():
        assert refused(package_name=name) == [f"package_name: {name!r} {fault}; try {name}_api"]


def test_no_package_has_the_name_of_a_module_of_the_tests(default, refused):
    modules = {path.stem for path in default.path.glob("tests/*.py")}
    assert {"accounts", "conftest", "notes", "test_http"} <= modules
    for name in modules:
        assert any(line.startswith("package_name") for line in refused(package_name=name)), name


def test_what_is_suggested_is_accepted(refused, bake):
    lines = refused(project_slug="../flask", package_name="flask", author_email="", description="")
    bake(**dict(re.fullmatch(r"(\w+): .*; try (.*)", line).groups() for line in lines))


def test_all_bad_answers_are_refused_at_once_a_line_for_each(refused):
    bad = {
        "project_name": "\n",
        "project_slug": "/",
        "package_name": "for",
        "description": "",
        "author_name": "",
        "author_email": "@",
    }
    assert [line.partition(":")[0] for line in refused(**bad)] == list(bad)


def test_a_refusal_leaves_nothing_behind_even_outside_the_folder(template, config, tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    for slug in ("../outside", "one/two/three", str(tmp_path / "absolute"), "", "..", "class"):
        command = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", config]
        done = run([*command, template, f"project_slug={slug}", "author_email="], cwd=here)
        assert done.returncode == 1
        assert "author_email: '' must look like name@example.com" in done.stderr
        assert [path.name for path in tmp_path.rglob("*")] == ["here"]


def test_a_replayed_answer_is_checked_like_a_typed_one(template, config, tmp_path, bake, capfd):
    bake()
    replay = config.parent / "replay" / f"{template.name}.json"
    answers = json.loads(replay.read_text())
    answers["cookiecutter"] |= {"project_slug": "../outside", "use_cache": "True"}
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(answers))
    (tmp_path / "here").mkdir()
    with pytest.raises(FailedHookException):
        cookiecutter(str(template), output_dir=tmp_path / "here", replay=str(changed))
    assert "project_slug: '../outside'" in (said := capfd.readouterr().err)
    assert "use_cache: 'True' must be true or false; try true" in said
    assert {path.name for path in tmp_path.iterdir()} == {"here", "changed.json"}


def test_no_project_can_shadow_a_library_that_it_uses(default, refused):
    required = tomllib.loads(default.read("pyproject.toml"))
    required = required["project"]["dependencies"] + required["dependency-groups"]["dev"]
    for name in {name for line in required for name in names(Requirement(line).name)}:
        assert any(line.startswith("package_name") for line in refused(package_name=name)), name


@pytest.fixture
def refused(bake, capfd, tmp_path_factory):
    """The lines that refuse these answers, before anything is written."""
    folder = tmp_path_factory.getbasetemp()

    def refused(**answers):
        before = set(folder.glob("baked[0-9]*/*"))
        with pytest.raises(FailedHookException):
            bake(**answers)
        assert set(folder.glob("baked[0-9]*/*")) == before
        lines = capfd.readouterr().err.splitlines()
        return [line for line in lines if re.match(r"[a-z_]+: ", line)]

    return refused


def names(distribution):
    """What a distribution is imported as."""
    normal = re.sub(r"[-_.]+", "-", distribution).lower()
    for name, owners in metadata.packages_distributions().items():
        if normal in {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}:
            if name.isidentifier() and not name.startswith("_") and "__" not in name:
                yield name
