"""What the document says of the application and of each operation."""

import json
from itertools import product
from pathlib import Path

import pytest
from accounts import log_in  # feature: auth
from conftest import create_app
from test_generated_client import example
from werkzeug.utils import import_string

NAMES = {
    *("list_authors", "create_author"),
    *("get_author", "replace_author", "update_author", "delete_author"),
    *("list_books", "create_book"),
    *("get_book", "replace_book", "update_book", "delete_book"),
    *("get_health_live", "get_health_ready"),
    *("log_in", "get_login", "log_out", "change_password"),  # feature: auth
    *("list_logins", "delete_login"),  # feature: auth
    *("list_tokens", "create_token", "delete_token"),  # feature: auth
}
NAMED = {"ETag", "Link", "Location", "Retry-After", "WWW-Authenticate"}


@pytest.fixture
def app():
    """The application without the notes."""
    return create_app({"ENVIRONMENT": "development", "DATABASE_URL": "sqlite://"})


@pytest.fixture
def document(app):
    return app.test_client().get("/openapi.json").json


def test_its_title_and_its_description_are_those_of_the_project(app, document):
    about = json.loads(Path(app.root_path, "about.json").read_text(encoding="utf-8"))
    assert document["info"] == {**about, "version": "1"}


def test_health_is_one_tag_and_the_last_one(document):
    operations = [document["paths"][f"/health/{name}"]["get"] for name in ("live", "ready")]
    assert [operation["tags"] for operation in operations] == [["health"]] * 2
    assert document["tags"][-1] == {"name": "health"}


def test_operations_have_readable_names(document):
    methods = [each for path in document["paths"].values() for each in path.values()]
    assert sorted(each["operationId"] for each in methods) == sorted(NAMES)


@pytest.mark.parametrize("lasting", ["sqlite"], indirect=True)
def test_headers_are_described_where_they_are_sent(lasting):
    clients = [lasting.test_client()]
    clients.append(log_in(lasting, "admin", "editor"))  # feature: auth
    with lasting.app_context():
        import_string(f"{lasting.import_name}.seed:fill")()
    paths = [*clients[0].get("/openapi.json").json["paths"].items()]
    order, sent = ["post", "put", "patch", "get", "delete"], [{}, {"If-None-Match": "*"}]
    seen = set()
    for method, (path, methods), client, headers in product(order, paths[::-1], clients, sent):
        if described := methods.get(method):
            query = "?limit=1" if described["operationId"].startswith("list_") else ""
            body = example(described) if "requestBody" in described else None
            url = f"{path.replace('{id}', '1')}{query}"
            response = client.open(url, method=method.upper(), json=body, headers=headers)
            found = NAMED & {*dict(response.headers)}
            named = NAMED & {*described["responses"][str(response.status_code)]["headers"]}
            assert found <= named <= found | {"Link"}, (method, path, response.status_code)
            seen |= found
    assert {"ETag", "Link", "Location"} <= seen
