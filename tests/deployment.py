"""What a project's files say of its deployment."""

import ast
import re

import yaml

from . import processes
from .conftest import environment

WORKFLOW = ".github/workflows/ci.yml"


def instructions(project, name):
    """The arguments of each such instruction in the Dockerfile."""
    text = project.read("Dockerfile").replace("\\\n", "")
    return re.findall(f"^{name} (.*)$", text, re.MULTILINE)


def compose(project):
    return yaml.safe_load(project.read("compose.yaml"))


def fields(project):
    """What settings.py takes from the environment: the names of its models' fields."""
    tree = ast.parse(project.read(f"src/{project.package}/settings.py"))
    models = [model for model in tree.body if isinstance(model, ast.ClassDef)]
    lines = [line for model in models for line in model.body if isinstance(line, ast.AnnAssign)]
    names = {line.target.id.upper() for line in lines}
    return {"FLASK_ENVIRONMENT" if name == "ENVIRONMENT" else name for name in names}


def run(*command, cwd=None, **variables):
    return processes.run(command, cwd=cwd, env=environment() | variables)
