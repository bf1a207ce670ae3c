import json
import re

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
        if not rule.rule.startswith(("/docs", "/openapi.json"))
    }


def test_no_field_is_said_to_take_a_nul_which_no_body_may_have(client):
    document = client.get("/openapi.json").json
    bodies = [
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    ]
    for body in bodies:
        fields = document["components"]["schemas"][body.rpartition("/")[2]]["properties"]
        for name, schema in fields.items():
            if schema["type"] == "string":
                assert not re.search(schema.get("pattern", ""), "a\0b"), (body, name)


def test_every_refusal_that_was_seen_is_described(client):
    paths = client.get("/openapi.json").json["paths"]
    assert {"200", "404"} <= set(paths["/books/{id}"]["get"]["responses"])
    assert {"201", "400", "415", "422"} <= set(paths["/books"]["post"]["responses"])


def test_the_page_to_read_it_is_served_from_here(client):
    page = client.get("/docs/")
    assert page.status_code == 200
    assert set(re.findall(r"://([^/\"]+)", page.text)) <= {"localhost"}


def test_the_command_prints_the_document(app, client):
    printed = app.test_cli_runner().invoke(args=["openapi"]).output
    assert json.loads(printed) == client.get("/openapi.json").json
