""".env.example names every variable, and no secret."""

import re

from .deployment import fields


def test_the_example_names_exactly_the_variables_that_something_reads(project):
    example = set(re.findall("^([A-Z_]+)=", project.read(".env.example"), re.MULTILINE))
    server = set(re.findall(r"environ\.get\(.([A-Z_]+)", project.read("gunicorn.conf.py")))
    containers = set(re.findall(r"\$\{([A-Z_]+)", project.read("compose.yaml")))
    assert example == fields(project) | server | containers


def test_the_example_holds_no_secret(project):
    name = "[A-Z_]*(?:SECRET|PASSWORD|TOKEN)[A-Z_]*"
    values = re.findall(f"^{name}=(.*)$", project.read(".env.example"), re.MULTILINE)
    assert len(values) == 4 and set(values) == {"change-me", "[]", ""}
