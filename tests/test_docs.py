"""The picture is the one that the code draws, and the pages name what is there."""

import re
import sys

import pytest

from .conftest import environment
from .conftest import TEMPLATE
from .processes import run

DOCS = TEMPLATE / "docs"


@pytest.fixture(scope="module")
def drawn(bake, tmp_path_factory):
    """The folder in which the script has drawn a project with everything on."""
    folder = tmp_path_factory.mktemp("drawn")
    command = [sys.executable, DOCS / "draw.py", bake().path, folder]
    run(command, env=environment(), check=True)
    return folder


def test_the_picture_is_as_the_code_draws_it(drawn):
    assert (DOCS / "requests.svg").read_bytes() == (drawn / "requests.svg").read_bytes()


def test_the_readmes_tree_names_files_that_are_there(default):
    tree = (TEMPLATE / "README.md").read_text(encoding="utf-8").split("    my-api/\n")[1]
    folders, named = [], set()
    for line in tree.partition("\n\n")[0].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 3
        folders[depth:] = [line.split()[0].rstrip("/")]
        named.add("/".join(folders))
    files = default.files()
    assert len(named) > 20
    assert not {
        path for path in named if not any(f"{file}/".startswith(f"{path}/") for file in files)
    }


@pytest.mark.parametrize("page", ["README.md", "docs/owning.md", "docs/session.md"])
def test_a_link_leads_somewhere(page):
    path = TEMPLATE / page
    for link in re.findall(r"\]\((?!https:)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link
