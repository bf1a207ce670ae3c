import json
import re

from notes import PATH
from openapi_spec_validator import validate


def test_the_document_is_valid_and_lists_every_route(client, app):
    document = client.get("/openapi.json").json
    validate(document)
    described = {
        (path, method.upper())
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert described == {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule != "/" and not rule.rule.startswith(("/docs", "/openapi.json"))
    }


def test_every_refusal_is_described(client):
    operations = client.get("/openapi.json").json["paths"][PATH]
    assert {"201", "400", "415", "422"} <= set(operations["post"]["responses"])
    assert {"401", "403"} <= set(operations["post"]["responses"])  # feature: auth


def test_the_page_that_shows_it_loads_nothing_from_elsewhere(client):
    page = client.get("/docs/")
    assert page.status_code == 200
    assert set(re.findall(r"://([^/\"]+)", page.text)) <= {"localhost"}


def test_the_command_prints_the_document(app, client):
    printed = app.test_cli_runner().invoke(args=["openapi"]).output
    assert json.loads(printed) == client.get("/openapi.json").json
