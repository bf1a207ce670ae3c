"""The picture is the one that the code draws, and the pages name what is there."""

import re
import sys

import pytest

from .conftest import environment
from .conftest import TEMPLATE
from .processes import run

DOCS = TEMPLATE / "docs"

OF_CARAFE = """
    Auth Cache Client EnvironDataMixin FlaskCarafe JSONClient JsonResponseMixin Logger
    PermissionFactory Request Response RotatingFileHandler SMTPHandler SQLAlchemyAuthProvider
    SessionInterface ERROR_FORMAT WARNING_FORMAT add_handlers after_delete after_patch after_post
    after_put async cache_key_prefix cached_view classproperty clear clear_keys clear_prefixes
    client connect_signals create_email_handler create_rotating_file_handler create_view_path
    enabled flatten force_type get_cache_namespace get_dict get_roles get_user identify
    identity_id_key identity_roles_key init_app iterflatten jsonify login login_need logout
    make_client_response on_after_delete on_after_patch on_after_post on_after_put
    on_identity_loaded on_modified_record pformat principal provider require send_identity_changed
    server session_id_key session_identity_loader to_dict to_json user_id view_key_format
    __id_key__ __model__ __roles_key__ __version__
"""
"""The public names of carafe 0.4.7."""


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


@pytest.mark.parametrize(
    "page", ["README.md", "docs/from-carafe.md", "docs/owning.md", "docs/session.md"]
)
def test_a_link_leads_somewhere(page):
    path = TEMPLATE / page
    for link in re.findall(r"\]\((?!https:)([^)#]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_the_page_for_those_who_come_from_carafe_has_every_name_that_is_gone():
    page = (DOCS / "from-carafe.md").read_text(encoding="utf-8")
    files = TEMPLATE.glob("*project_slug*/src/*/carafe/**/*.py")
    library = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for name in OF_CARAFE.split():
        is_defined = re.search(rf"(?m)^ *(?:def |class )?{name}\b *[=(:]", library)
        assert is_defined or re.search(rf"`[^`]*\b{name}\b[^`]*`", page), name
