"""Any printable answer comes out as it went in, and is nowhere taken for code."""

import io
import json
import sys
import tomllib
from pathlib import Path

import jinja2
import pytest
import yaml
from cookiecutter.main import cookiecutter
from hypothesis import example
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from .conftest import FEATURES
from .conftest import Project

TEXTS = ("project_name", "description", "author_name")
CANARY = "canary"
JINJA = "{{ cycler.__init__.__globals__.os.mkdir('canary') }}"
PYTHON = '"; __import__("os").mkdir("canary"); "'
PIECES = [
    *(JINJA, "{{ 7 * 7 }}", "{% raw %}", "{% endraw %}", "{#", "#}", "{{", "{% if %}"),
    *(PYTHON, PYTHON.replace('"', "'"), '"""', "'''", "\\", "\\N{DIGIT ONE}"),
    *("$(mkdir canary)", "`mkdir canary`", "; mkdir canary #", "${HOME}", "%(here)s", "%s"),
    *("!!python/object/apply:os.system ['mkdir canary']", "${{ github.token }}", ": - &a *a"),
    *("  # feature: auth", "  # feature: nothing", "# ", "| x |", "<b>", "[x](y)", "---"),
    *("Conan O'Brien", "\N{SQUID}", "e\N{COMBINING ACUTE ACCENT}", "\N{HEBREW LETTER ALEF}"),
]
UNPRINTABLE = "\u2028\u2029\ufeff\ufffe\uffff"
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=UNPRINTABLE)


def texts():
    """What may be answered for a name or a sentence."""
    pieces = st.sampled_from(PIECES) | st.text(CHARACTERS, max_size=8)
    joined = st.lists(pieces, max_size=8).map(lambda several: "".join(several)[:200].strip())
    return joined.filter(bool)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(["type", "pass", "replay"]), st.tuples(texts(), texts(), texts()))
@example("type", ("{{ 7 * 7 }}", "x  # feature: auth", "x  # feature: nothing"))
@example("type", (JINJA, PYTHON, "Conan O'Brien"))
@example("pass", (PYTHON, "C:\\new", 'say "cheese"'))
@example("replay", (JINJA, JINJA, JINJA))
def test_a_text_is_data_however_it_is_answered(answering, way, values):
    project = answering(way, dict(zip(TEXTS, values, strict=True)))
    name, description, author = values
    metadata = tomllib.loads(project.read("pyproject.toml"))["project"]
    assert metadata["description"] == description
    assert metadata["authors"] == [{"name": author, "email": "you@example.com"}]
    about = json.loads(project.read("src/my_api/about.json"))
    assert about == {"title": name, "description": description}
    assert project.read("README.md").startswith(f"# {name}\n\n{description}\n")
    for file in project.files():
        parse(file, project.read(file))
    assert CANARY not in {path.name for path in (*Path().iterdir(), *project.path.iterdir())}


def test_the_canary_is_found_where_an_answer_is_taken_for_code(here):
    jinja2.Environment().from_string(JINJA).render()
    assert Path(CANARY).exists()
    Path(CANARY).rmdir()
    exec(f'name = "{PYTHON}"')
    assert Path(CANARY).exists()


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def answering(here, template, config, tmp_path_factory, monkeypatch):
    """A project with these answers: to the questions, as arguments, or from a file."""

    def answering(way, answers):
        options = {"config_file": str(config), "output_dir": tmp_path_factory.mktemp("answered")}
        answers |= {"project_slug": "my-api", "package_name": "my_api"}
        if way == "type":
            answers |= {"author_email": "", **{f"use_{name}": "" for name in FEATURES}}
            questions = json.loads((template / "cookiecutter.json").read_text())["__prompts__"]
            lines = "".join(f"{answers[name]}\n" for name in questions)
            monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        elif way == "pass":
            options |= {"no_input": True, "extra_context": quoted(answers)}
        else:
            options |= {"replay": replayed(template, config, answers)}
        path = cookiecutter(str(template), **options)
        return Project(Path(path), dict.fromkeys(FEATURES, True))

    return answering


def quoted(answers):
    """The answers as arguments, which cookiecutter renders like what it finds in a template."""
    return {name: f"{{{{ {text!a} }}}}" for name, text in answers.items()}


def replayed(template, config, answers):
    """A file of answers given before, with these in it."""
    kept = config.parent / "replay" / f"{template.name}.json"
    context = json.loads(kept.read_text())
    context["cookiecutter"] |= answers
    path = kept.with_name("changed.json")
    path.write_text(json.dumps(context))
    return str(path)


def parse(name, text):
    """Read a file as the kind that its name tells; a kind that cannot be broken is not read."""
    if name.endswith(".py"):
        compile(text, name, "exec")
    elif name.endswith(".json"):
        json.loads(text)
    elif name.endswith(".toml"):
        tomllib.loads(text)
    elif name.endswith((".yaml", ".yml")):
        yaml.safe_load(text)
