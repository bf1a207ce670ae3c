"""The how-tos work as they are written: their files are written, and their lines run."""

import os
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from textwrap import dedent
from uuid import uuid4

import psycopg
import pytest

from .conftest import ALL
from .conftest import FEATURES
from .conftest import NONE
from .howto import Owner
from .howto import PAGE
from .howto import sections
from .howto import serving
from .howto import steps
from .test_story import ask

pytestmark = pytest.mark.skipif(os.name == "nt", reason="these are lines for a POSIX shell")

DELETE, FOLLOW = "Delete the example", "Follow the template"
DEPLOY = "Deploy a new version"
PORT, POSTGRESQL, DEBUGGER = "Use another port", "Use PostgreSQL", "Use a debugger"

OF_THEIR_OWN = {PORT, POSTGRESQL, DEBUGGER, DELETE}
"""The sections that have a test of their own; the others are followed one after another."""

NOT_RUN = {
    FOLLOW: "test_update.py",
    "Run in production": "test_readmes.py, test_compose.py and test_image.py",
    DEPLOY: "test_rolling.py",
    "Generate a client": "project/test_generated_client.py",
    "Read metrics": "project/test_metrics.py",
    "Survive outages": "project/test_outage.py",
    "Change only what has not changed": "tests/test_books.py of every project",
    "Know what is refused": "project/test_raw_input.py, and tests/test_openapi.py of every project",
}
"""The sections without a block that is run, and what tests them instead."""
BOOKS = """
import pytest

@pytest.fixture
def body(writer):
    return {"title": "Mathilda", "author_id": writer.post("/authors", {"name": "M"}).json["id"]}
"""
TESTS = {
    "Add a column": """
        def test_a_book_has_pages(writer, client, body):
            assert writer.post("/books", body | {"pages": 7}).json["pages"] == 7
            path = writer.post("/books", body).location
            assert client.get(path).json["pages"] is None
            assert writer.patch(path, {"pages": 9}).json["pages"] == 9
        """,
    "Return an error": """
        def test_the_error_is_a_problem(writer, client):
            refused = writer.post("/books/orders")
            assert (refused.status_code, refused.json["detail"][:3]) == (409, "The")
            described = client.get("/openapi.json").json["paths"]["/books/orders"]
            assert "409" in described["post"]["responses"]
        """,
    "Add an endpoint that is not CRUD": """
        def test_the_books_are_counted(writer, body):
            for number in range(3):
                assert writer.get("/books/statistics").json == {"books": number}
                writer.post("/books", body)
        """,
    "Retire an endpoint": """
        def test_the_endpoint_says_when_it_ends(client):
            response = client.get("/books/count")
            assert (response.json, response.headers["Deprecation"]) == (0, "@1801353600")
            assert response.headers["Sunset"] == "Sat, 31 Jul 2027 00:00:00 GMT"
        """,
    "Upload a file": """
        from io import BytesIO

        def test_a_cover_is_uploaded(writer):
            form = {"content_type": "multipart/form-data"}
            cover = {"title": "Mathilda", "file": (BytesIO(b"cover"), "cover.png")}
            sent = writer.post("/books/covers", cover, **form)
            assert (sent.status_code, sent.json) == (201, {"size": 5})
            assert writer.post("/books/covers", {"title": "text"}, **form).status_code == 422
            assert writer.post("/books/covers", {"title": "text"}).status_code == 415
        """,
    "Cache per user": """
        from pathlib import Path
        from conftest import auth, cache

        def test_each_user_has_their_own_books(app, writer, body):
            book = writer.post("/books", body).json
            for _ in range(2):
                assert writer.get("/books/mine").json == [book]
                other = log_in(app, email=f"{_}@example.com")
                assert other.get("/books/mine").json == []

        def test_the_header_says_why(make_app):
            app = make_app()

            @app.get("/who")
            @cache.cached_view()
            def who():
                return {"id": auth.user_id}

            status = app.test_client().get("/who").headers["Cache-Status"]
            assert status.removeprefix("carafe; ") in Path("docs/howto.md").read_text()
        """,
    "Let a script in": """
        def test_a_script_adds_an_author(app):
            log_in(app, "editor")
            options = ["--name", "nightly import", "--role", "editor", "--days", "30"]
            command = ["tokens", "create", "ada@example.com", *options]
            made = app.test_cli_runner().invoke(args=command)
            script = {"Authorization": f"Bearer {made.stdout.strip()}"}
            sent = app.test_client().post("/authors", {"name": "M"}, headers=script)
            assert sent.status_code == 201
        """,
    "Sort, filter and search a list": """
        def test_a_list_is_sorted_filtered_and_searched(writer, client, body):
            books = [writer.post("/books", body | {"title": title}).json for title in "aAb"]
            last = writer.patch(f"/books/{books[0]['id']}", {"title": "c"}).json
            newest = [last, *books[:0:-1]]
            assert client.get("/books/recent").json["items"] == newest
            for query, found in {
                "q=a": [books[1]],
                "title=b": [books[2]],
                "sort=title": [books[1], books[2], last],
                f"updated_at_min={books[2]['updated_at']}": newest[:2],
            }.items():
                assert client.get(f"/books/recent?{query}").json["items"] == found, query
            assert client.get("/books/recent?author_id=1").status_code == 422
        """,
}
"""What has to be true after each section: tests that are added to those of the project."""

SCRIPTS = {
    "Run a job": """
        import runpy
        from my_api.database import db
        from my_api.models import Author, Book

        with app.app_context():
            db.session.add(Author(name="M", books=[Book(title=" Mathilda ")]))
            db.session.commit()
        runpy.run_path("job.py")
        assert app.test_client().get("/books").json["items"][-1]["title"] == "Mathilda"
        """,
    "Call it from a front end": """
        origin = {"Origin": "http://localhost:5173"}
        headers = app.test_client().get("/books", headers=origin).headers
        assert headers["Access-Control-Allow-Origin"] == origin["Origin"]
        assert headers["Access-Control-Allow-Credentials"] == "true"
        """,
    "Read the log": """
        @app.get("/fails")
        def fails():
            raise ZeroDivisionError

        app.config["PROPAGATE_EXCEPTIONS"] = False
        failed = app.test_client().get("/fails")
        assert failed.json["request_id"] == failed.headers["X-Request-ID"]
        if "carafe.logger" in app.extensions:
            assert len(app.extensions["carafe.logger"].handlers) == 3
            print("ID", failed.json["request_id"])
        """,
}
"""The same, as scripts in the project's folder, where `.env` counts."""


@pytest.fixture
def owner(bake, tmp_path):
    """Make somebody with a new project, and with a database in it."""

    def owner(wanted):
        answers = {f"use_{name}": name in wanted for name in FEATURES}
        made = Owner(bake(**answers), tmp_path / "tools")
        made.type("uv run flask db upgrade")
        return made

    return owner


@pytest.mark.parametrize("wanted", [ALL, NONE], ids=["all", "none"])
def test_the_sections_work_one_after_another(owner, wanted):
    owner = owner(wanted)
    written = []
    for title, section in owner.sections().items():
        if title not in OF_THEIR_OWN | NOT_RUN.keys():
            done = owner.follow(section)
            assert done or title in SCRIPTS, title
            if title in SCRIPTS:
                run_script(owner, title)
            written += [TESTS.get(title, "")]
    owner.type("uv run ruff check --fix && uv run ruff format && uv run mypy")
    owner.type("uv run deptry .")
    write_tests(owner, written, "auth" in wanted)
    owner.type("uv run pytest -q -k 'not postgresql'")


def run_script(owner, title):
    """Run the script of a section, with the application as the variable `app`."""
    begin = "from my_api import create_app\napp = create_app()\n"
    printed = owner.type(f"uv run python -c '{begin}{dedent(SCRIPTS[title])}'")
    for id in re.findall(r"^ID (\w+)$", printed, re.MULTILINE):
        assert re.search(rf"^.*ERROR.*{id} GET /fails", printed, re.MULTILINE), printed


def write_tests(owner, parts, has_auth):
    """Write the tests of the sections into one file of the project."""
    text = BOOKS + "".join(map(dedent, parts))
    if has_auth:
        text = f"from accounts import log_in\n{text}"
    else:
        text = re.sub(".*# auth\n", "", text)
    path = owner.project.path / "tests/test_followed.py"
    path.write_text(text)


def test_every_section_is_followed_or_says_why_not(default):
    found = sections(default.read(PAGE))
    for title, section in found.items():
        tested = OF_THEIR_OWN | NOT_RUN.keys() | SCRIPTS.keys()
        assert [*steps(section)] or title in tested, title
    assert OF_THEIR_OWN | NOT_RUN.keys() | TESTS.keys() | SCRIPTS.keys() <= found.keys()


def test_another_port(owner):
    owner = owner(NONE)
    [step] = steps(owner.sections()[PORT])
    with serving(owner, step.text, "8080") as (port, terminal):
        assert ask(port, "GET", "/health/ready").status == 200
        terminal.interrupt()


def test_a_debugger_opens_in_the_terminal_of_the_server(owner):
    owner = owner(NONE)
    assert "Put `breakpoint()` into a view, start `uv run flask dev`" in owner.sections()[DEBUGGER]
    line = "return Liveness(status="
    health = owner.project.path / "src/my_api/health.py"
    assert line in (text := health.read_text())
    health.write_text(text.replace(line, f"breakpoint()\n    {line}"))
    with serving(owner, "uv run flask dev --port 5000", "5000") as (port, terminal):
        with ThreadPoolExecutor(1) as client:
            sent = client.submit(ask, port, "GET", "/health/live")
            terminal.answer("(Pdb)", "c")
            assert sent.result().status == 200
        terminal.interrupt()


def test_postgresql(owner):
    url = os.environ.get("TEST_DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/test")
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at TEST_DATABASE_URL: {type(error).__name__}")
    owner = owner(NONE)
    [step] = steps(owner.sections()[POSTGRESQL])
    name = f"test_{uuid4().hex}"
    connection.execute(f"CREATE SCHEMA {name}")
    theirs = "postgresql://app:change-me@localhost/app"
    assert theirs in step.text
    ours = f"{url}?options=-csearch_path%3D{name}"
    with connection:
        replace(step, text=step.text.replace(theirs, ours)).do(owner)
        owner.type("uv run flask db upgrade && uv run flask db check")
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s", [name]
        ).fetchall()
        connection.execute(f"DROP SCHEMA {name} CASCADE")
    assert {("books",), ("authors",)} < set(tables)


@pytest.mark.parametrize("wanted", [ALL, NONE], ids=["all", "none"])
def test_a_resource_is_added_and_the_whole_suite_passes(owner, wanted):
    owner = owner(wanted)
    section = owner.sections("README.md")["Add a resource"]
    assert owner.follow(section) == 5 + ("cache" in wanted)
    assert_sound(owner)
    owner.type(
        f"uv run pytest -q {'' if wanted else 'tests/test_shelves.py tests/test_openapi.py'}"
    )


@pytest.mark.parametrize("wanted", [ALL, NONE], ids=["all", "none"])
def test_the_example_is_deleted_and_the_whole_suite_passes(owner, wanted):
    owner = owner(wanted)
    assert owner.follow(owner.sections()[DELETE]) == 3
    for name in owner.project.files():
        if name.startswith("src/my_api/") and "/carafe/" not in name and "/instance" not in name:
            assert not re.search(r"\b(authors?|books?)\b(?!/)", owner.project.read(name)), name
    assert_sound(owner)
    owner.type("uv run pytest -q tests")


def test_the_tables_of_auth_go_before_its_migration(owner):
    owner = owner(ALL)
    [line] = re.findall("`(uv run flask db downgrade .*?)`", owner.sections()[FOLLOW])
    owner.type(line)
    assert not tables(owner.project) & {"users", "logins"}
    assert tables(owner.project) >= {"authors", "books"}


def tables(project):
    with closing(sqlite3.connect(project.path / "instance/app.db")) as connection:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {name for (name,) in found}


def assert_sound(owner):
    owner.type("uv run ruff check && uv run ruff format --check && uv run deptry . && uv run mypy")


@pytest.mark.parametrize("page", ["README.md", PAGE])
def test_every_link_of_a_page_leads_to_a_heading_or_a_file(project, page):
    for link in re.findall(r"\]\((?!https:)([^)]+)\)", project.read(page)):
        name, _, anchor = link.partition("#")
        target = (project.path / page).parent / name if name else project.path / page
        assert target.exists(), link
        titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
        assert not anchor or anchor in anchors, link


def test_the_readme_is_short_and_leads_to_the_page(project):
    readme = project.read("README.md")
    assert readme.count("\n") <= 150
    assert f"]({PAGE})" in readme
    assert project.read(PAGE).count("\n") <= 460
