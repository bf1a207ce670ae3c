from urllib.parse import urlencode

import pytest
from carafe import Client
from carafe import errors
from carafe import FlaskCarafe
from carafe import JSONClient
from carafe import Response
from flask import Flask
from flask import request
from flask.testing import EnvironBuilder
from werkzeug.datastructures import Headers

FORM = "application/x-www-form-urlencoded"
BODIES = ["post", "put", "patch", "delete"]


def make_client(client_class, app_class=FlaskCarafe):
    app = app_class(__name__)
    app.test_client_class = client_class
    errors.init_app(app)

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def show():
        return {
            "method": request.method,
            "query": request.args.to_dict(flat=False),
            "type": request.content_type,
            "form": request.form.to_dict(flat=False),
            "body": request.get_data(as_text=True),
        }

    return app.test_client()


@pytest.fixture
def client():
    return make_client(Client)


@pytest.fixture
def json_client():
    return make_client(JSONClient)


@pytest.mark.parametrize("client_class", [Client, JSONClient])
@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, {}),
        ({}, {}),
        ({"a": "1"}, {"a": ["1"]}),
        ({"a": 1, "b": "é&"}, {"a": ["1"], "b": ["é&"]}),
        ({"a": ["1", "2"]}, {"a": ["1", "2"]}),
    ],
)
def test_the_params_of_get_are_the_query(client_class, params, query):
    client = make_client(client_class)
    assert client.get("/", params).json["query"] == query
    assert client.get("/", params=params).json["query"] == query


def test_a_query_in_the_url_is_kept(client):
    assert client.get("/?a=1").json["query"] == {"a": ["1"]}
    assert client.get("/", query_string={"a": "1"}).json["query"] == {"a": ["1"]}


@pytest.mark.parametrize("method", BODIES)
def test_a_client_sends_a_dict_as_form_fields(client, method):
    shown = getattr(client, method)("/", {"a": "1", "b": ["2", "3"]}).json
    assert shown["method"] == method.upper()
    assert shown["form"] == {"a": ["1"], "b": ["2", "3"]}
    assert shown["type"] == FORM


@pytest.mark.parametrize("client_class", [Client, JSONClient])
@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize("data", ["text", b"text"])
def test_text_and_bytes_are_sent_as_they_are(client_class, method, data):
    shown = getattr(make_client(client_class), method)("/", data).json
    assert (shown["body"], shown["type"]) == ("text", None)


@pytest.mark.parametrize("client_class", [Client, JSONClient])
@pytest.mark.parametrize("method", BODIES)
def test_nothing_is_sent_as_nothing(client_class, method):
    shown = getattr(make_client(client_class), method)("/").json
    assert (shown["body"], shown["type"]) == ("", None)


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"a": 1}, '{"a":1}'),
        ({}, "{}"),
        ([1, {"a": None}], '[1,{"a":null}]'),
        ([], "[]"),
    ],
)
def test_a_json_client_sends_a_dict_or_a_list_as_json(json_client, method, data, body):
    shown = getattr(json_client, method)("/", data).json
    assert (shown["body"], shown["type"]) == (body, "application/json")


def test_a_json_client_sends_json_by_open_too(json_client):
    shown = json_client.open("/", method="POST", data={"a": 1}).json
    assert (shown["body"], shown["type"]) == ('{"a":1}', "application/json")
    built = EnvironBuilder(json_client.application, "/", method="PUT", data={"a": "1"})
    assert json_client.open(built).json["form"] == {"a": ["1"]}


def typed(content_type):
    return [
        {"content_type": content_type},
        {"mimetype": content_type},
        {"headers": {"Content-Type": content_type}},
        {"headers": {"content-type": content_type}},
        {"headers": [("Content-Type", content_type)]},
        {"headers": Headers({"Content-Type": content_type})},
    ]


@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize("given", typed(FORM))
def test_a_json_client_respects_a_form(json_client, method, given):
    shown = getattr(json_client, method)("/", {"a": "1"}, **given).json
    assert (shown["form"], shown["type"]) == ({"a": ["1"]}, FORM)


@pytest.mark.parametrize("given", typed("application/vnd.api+json") + typed("application/json"))
@pytest.mark.parametrize("data", [{"a": 1}, [1]])
def test_a_json_client_respects_a_json_type_of_its_own(json_client, given, data):
    shown = json_client.post("/", data, **given).json
    assert shown["body"] == FlaskCarafe(__name__).json.dumps(data)
    assert given.get("content_type", "application/") in shown["type"]


@pytest.mark.parametrize("client_class", [Client, JSONClient])
@pytest.mark.parametrize("given", typed("text/csv"))
def test_the_type_of_a_text_is_respected(client_class, given):
    shown = make_client(client_class).post("/", "a,b", **given).json
    assert shown["body"] == "a,b"
    assert shown["type"].startswith("text/csv")


def test_other_headers_do_not_make_it_a_form(json_client):
    shown = json_client.post("/", {"a": 1}, headers={"X-Pen": "ink"}).json
    assert shown["type"] == "application/json"


@pytest.mark.parametrize("client_class", [Client, JSONClient])
def test_flasks_own_keywords_work(client_class):
    client = make_client(client_class)
    assert client.post("/", json={"a": 1}).json["body"] == '{"a":1}'
    assert client.post("/", data=urlencode({"a": 1})).json["body"] == "a=1"
    assert client.delete("/").json["method"] == "DELETE"
    with client:
        client.get("/", {"a": "1"})
        assert request.args["a"] == "1"


@pytest.mark.parametrize("client_class", [Client, JSONClient])
@pytest.mark.parametrize("app_class", [Flask, FlaskCarafe])
def test_every_response_has_json(client_class, app_class):
    client = make_client(client_class, app_class)
    for path, content, mimetype in [
        ("/text", "[]", "text/plain"),
        ("/nothing", "", "application/json"),
        ("/broken", "{", "application/json"),
    ]:
        response = Response(content, mimetype=mimetype)
        client.application.add_url_rule(path, path, lambda response=response: response)
    assert [client.get(path).json for path in ["/text", "/nothing", "/broken"]] == [None] * 3
    assert client.head("/").json is None
    assert client.get("/").json["method"] == "GET"
    assert client.get("/nowhere").json["status"] == 404
    assert client.get("/nowhere").mimetype == "application/problem+json"


def test_a_response_remembers_its_request_and_its_redirects(client):
    client.application.add_url_rule("/books/", view_func=list, endpoint="books")
    response = client.get("/books", follow_redirects=True)
    assert response.json == []
    assert response.request.path == "/books/"
    assert [redirect.json for redirect in response.history] == [None]
