from datetime import date

import pytest
from carafe import FlaskCarafe
from carafe import Response
from carafe.json import JSONProvider
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as WerkzeugResponse


@pytest.fixture(params=["inside", "outside"], autouse=True)
def context(request):
    if request.param == "outside":
        yield
        return
    with FlaskCarafe(__name__).app_context():
        yield


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ({"a": 1}, b'{"a":1}'),
        ({}, b"{}"),
        ([1, "a"], b'[1,"a"]'),
        ([], b"[]"),
        (["a", "b"], b'["a","b"]'),
        ([{}], b"[{}]"),
        ({"on": date(2026, 1, 2)}, b'{"on":"2026-01-02"}'),
    ],
)
def test_a_dict_or_a_list_becomes_json(content, body):
    response = Response(content)
    assert (response.data, response.mimetype) == (body, "application/json")
    assert response.content_length == len(body)


@pytest.mark.parametrize(
    ("content", "body"),
    [(None, b""), ("", b""), ("a", b"a"), (b"a", b"a"), ((b"a", b"b"), b"ab"), ([b"a"], b"a")],
)
def test_anything_else_is_flasks(content, body):
    response = Response(content)
    assert (response.data, response.mimetype) == (body, "text/html")


@pytest.mark.parametrize("content", [{"a": 1}, [{"a": 1}]])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((201, {"X-Pen": "ink"}), {}),
        ((201, [("X-Pen", "ink")]), {}),
        ((201, Headers({"X-Pen": "ink"})), {}),
        ((), {"status": 201, "headers": {"X-Pen": "ink"}}),
        ((), {"status": "201 CREATED", "headers": Headers({"X-Pen": "ink"})}),
    ],
)
def test_status_and_headers_are_kept(content, args, kwargs):
    response = Response(content, *args, **kwargs)
    assert (response.status_code, response.headers["X-Pen"]) == (201, "ink")
    assert response.json == content
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("content", [{"a": 1}, [1]])
@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {"mimetype": "application/hal+json"}),
        ((), {"content_type": "application/hal+json"}),
        ((), {"headers": {"Content-Type": "application/hal+json"}}),
        ((), {"headers": [("content-type", "application/hal+json")]}),
        ((200, None, "application/hal+json"), {}),
        ((200, None, None, "application/hal+json"), {}),
    ],
)
def test_a_content_type_that_is_given_is_kept(content, args, kwargs):
    response = Response(content, *args, **kwargs)
    assert response.headers.getlist("Content-Type") == ["application/hal+json"]
    assert response.json == content


@pytest.mark.parametrize("content", [{"a": object()}, [object()], [{b"\xff"}]])
def test_what_json_cannot_hold_is_a_type_error(content):
    with pytest.raises(TypeError):
        Response(content)


@pytest.mark.parametrize("chunks", [[], [b"a", b"b"]])
def test_werkzeugs_own_way_of_building_one_stays(chunks):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return chunks

    for response in [
        Response.from_app(application, {}, buffered=True),
        Response.force_type(WerkzeugResponse(chunks), {}),
    ]:
        assert response.data == b"".join(chunks)
        assert isinstance(response, Response)


@pytest.mark.parametrize("body", ["", "text"])
def test_a_buffered_client_gets_the_body_as_it_is(body):
    app = FlaskCarafe(__name__)
    app.add_url_rule("/", view_func=lambda: Response(body, mimetype="text/plain"))
    response = app.test_client().get("/", buffered=True)
    assert (response.text, response.mimetype) == (body, "text/plain")


def test_the_apps_own_json_provider_is_honoured():
    class Shouting(JSONProvider):
        def dumps(self, obj, **kwargs):
            return super().dumps(obj, **kwargs).upper()

    app = FlaskCarafe(__name__)
    app.json = Shouting(app)
    with app.app_context():
        assert Response({"a": "b"}).data == b'{"A":"B"}'
        assert Response(["b"]).data == b'["B"]'
