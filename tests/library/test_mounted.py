"""An app below a path, or with blueprints in blueprints, links to itself."""

from urllib.parse import urljoin

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import openapi
from carafe import security
from carafe.config import check
from carafe.operation import operation
from flask import Blueprint
from flask import url_for
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client


@operation()
def index() -> dict[str, str]:
    """List books."""
    return {"self": url_for(".index")}


def make_app(prefix_hops=0):
    app = FlaskCarafe("shop")
    errors.init_app(app)
    security.init_app(app, prefix_hops=prefix_hops)
    openapi.init_app(app)
    books = Blueprint("books", __name__, url_prefix="/books")
    books.add_url_rule("", view_func=index)
    api = Blueprint("api", __name__, url_prefix="/api")
    api.register_blueprint(books)
    app.register_blueprint(api)
    check(app)
    return app


def get(app, path, **options):
    return Client(app).get(path, **options)


def by_dispatcher(path):
    return get(DispatcherMiddleware(make_app(), {"/svc": make_app()}), f"/svc{path}")


def by_script_name(path):
    return get(make_app(), path, environ_overrides={"SCRIPT_NAME": "/svc"})


def by_header(path):
    return get(make_app(prefix_hops=1), path, headers={"X-Forwarded-Prefix": "/svc"})


MOUNTED = pytest.mark.parametrize("get", [by_dispatcher, by_script_name, by_header])


@MOUNTED
def test_links_lead_below_the_path(get):
    assert get("/api/books").json == {"self": "/svc/api/books"}
    page = get("/").text
    for path in ("/docs/", "/openapi.json", "/api/books"):
        assert f'href="/svc{path}"' in page


@MOUNTED
def test_the_documentation_finds_its_files_and_the_document(get):
    page = get("/docs/").text
    assert get("/docs").location.endswith("/svc/docs/")
    assert urljoin("/svc/docs/", "../openapi.json") == "/svc/openapi.json"
    assert '"url": "../openapi.json"' in page and 'href="/' not in page and 'src="/' not in page
    assert get("/openapi.json").json["servers"] == [{"url": "/svc"}]


def test_an_app_at_the_root_names_no_server():
    assert "servers" not in get(make_app(), "/openapi.json").json


@pytest.mark.parametrize("prefix", ["/svc/", "svc", "//svc", "/svc//"])
def test_a_prefix_has_one_spelling(prefix):
    response = get(make_app(1), "/api/books", headers={"X-Forwarded-Prefix": prefix})
    assert response.json == {"self": "/svc/api/books"}


def test_a_prefix_counts_only_from_a_trusted_proxy():
    response = get(make_app(), "/api/books", headers={"X-Forwarded-Prefix": "/svc"})
    assert response.json == {"self": "/api/books"}


def test_the_server_is_the_mount_of_this_request_alone():
    app, headers = make_app(), {"X-Forwarded-Prefix": "/x", "X-Forwarded-Host": "x", "Host": "x"}
    for mount in ("", "/svc", "", "/other"):
        environ = {"SCRIPT_NAME": mount}
        found = get(app, "/openapi.json", headers=headers, environ_overrides=environ).json
        assert found.get("servers") == ([{"url": mount}] if mount else None)


def test_the_tag_of_an_operation_is_the_innermost_blueprint():
    assert openapi.document(make_app())["paths"]["/api/books"]["get"]["tags"] == ["books"]
