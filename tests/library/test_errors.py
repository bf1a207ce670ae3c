from contextlib import nullcontext

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe.errors import Fault
from carafe.errors import Invalid
from carafe.request import id_of
from flask import abort
from flask import Flask
from flask import request
from flask import Response
from markupsafe import Markup
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Conflict
from werkzeug.exceptions import default_exceptions
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.exceptions import TooManyRequests
from werkzeug.exceptions import Unauthorized


@pytest.fixture(params=[Flask, FlaskCarafe])
def app(request):
    app = request.param(__name__)
    errors.init_app(app)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def answer(app):
    """Send a request to a view that raises an error, as ``answer(error)``."""

    def answer(error, method="GET"):
        def view():
            raise error

        app.add_url_rule("/", view_func=view)
        return app.test_client().open("/", method=method)

    return answer


@pytest.mark.parametrize("code", sorted(default_exceptions))
def test_every_http_error_is_a_problem(answer, code):
    error = default_exceptions[code]()
    response = answer(error)
    assert (response.status_code, response.mimetype) == (code, "application/problem+json")
    assert set(response.json) == {"type", "title", "status", "detail", "request_id"}
    assert response.json["type"] == "about:blank"
    assert response.json["status"] == code
    assert response.json["detail"] == error.description


def test_the_title_is_the_phrase_of_the_status(answer):
    assert answer(default_exceptions[418]()).json["title"] == "I'm a Teapot"


def test_abort_with_a_text_gives_the_detail(app, client):
    app.add_url_rule("/", view_func=lambda: abort(409, "The pen is taken."))
    assert client.get("/", headers={"X-Request-ID": "42"}).json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The pen is taken.",
        "request_id": "42",
    }


@pytest.mark.parametrize("sent", ["7f3a.b-c_D", None, "two words"])
def test_a_problem_carries_the_id_of_its_request(app, client, sent):
    app.add_url_rule("/", view_func=lambda: abort(409, id_of(request.environ)))
    response = client.get("/", headers={"X-Request-ID": sent} if sent else {})
    assert response.json["request_id"] == response.json["detail"]


@pytest.mark.parametrize("is_testing", [False, True])
def test_an_exception_in_debug_is_a_problem_but_not_in_a_test(is_testing):
    app = FlaskCarafe(__name__)
    app.config.update(DEBUG=True, TESTING=is_testing)
    errors.init_app(app)
    app.add_url_rule("/", view_func=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError) if is_testing else nullcontext():
        assert app.test_client().get("/").json["status"] == 500


def test_a_problem_without_a_request_has_no_id():
    response = errors.problem(default_exceptions[503]())
    assert "request_id" not in response.json


def test_an_unknown_path_is_a_404(client):
    response = client.get("/nowhere")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("method", ["POST", "TRACE", "FOO"])
def test_a_wrong_method_is_a_405_and_keeps_its_allow(app, client, method):
    app.add_url_rule("/", view_func=dict)
    response = client.open("/", method=method)
    assert (response.status_code, response.mimetype) == (405, "application/problem+json")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_a_body_of_another_type_is_a_415(app, client):
    app.add_url_rule("/", view_func=lambda: request.get_json(), methods=["POST"])
    response = client.post("/", data="{}", content_type="text/plain")
    assert (response.status_code, response.mimetype) == (415, "application/problem+json")


@pytest.mark.parametrize(
    ("content_type", "read"),
    [
        ("application/json", lambda: request.get_json()),
        ("application/x-www-form-urlencoded", lambda: request.form),
        ("text/plain", lambda: request.data),
    ],
)
def test_a_body_that_is_too_large_is_a_413(app, client, content_type, read):
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/", view_func=lambda: str(read()), methods=["POST"])
    response = client.post("/", data="a" * 11, content_type=content_type)
    assert (response.status_code, response.mimetype) == (413, "application/problem+json")


def test_an_exception_nobody_caught_is_a_500_that_tells_nothing(answer, caplog):
    response = answer(RuntimeError("the secret word"))
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert response.json["title"] == "Internal Server Error"
    assert "secret" not in response.text + str(response.headers)
    assert "Runtime" not in response.text
    assert "the secret word" in caplog.text


def test_an_exception_from_an_exception_tells_nothing_either(app, client):
    @app.get("/")
    def view():
        try:
            return {}["the secret word"]
        except KeyError as error:
            raise RuntimeError("the other secret") from error

    assert "secret" not in client.get("/").text


def test_a_missing_form_field_is_a_400_that_names_no_field(app, client):
    app.add_url_rule("/", view_func=lambda: request.form["pen"], methods=["POST"])
    response = client.post("/")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")
    assert "pen" not in response.text


def test_abort_with_a_response_sends_that_response(app, client):
    app.add_url_rule("/", view_func=lambda: abort(Response("mine", 409, mimetype="text/plain")))
    response = client.get("/")
    assert (response.status_code, response.mimetype, response.text) == (409, "text/plain", "mine")


class OutOfStock(Conflict):
    type = "https://api.example.com/problems/out-of-stock"


@pytest.mark.parametrize(("kind", "expected"), [(OutOfStock, OutOfStock.type), (Conflict, None)])
def test_an_error_may_have_a_type(answer, kind, expected):
    assert answer(kind()).json["type"] == (expected or "about:blank")


@pytest.mark.parametrize("own", [None, "Basic realm=a"])
def test_a_401_has_a_challenge(answer, own):
    response = answer(Unauthorized(www_authenticate=WWWAuthenticate.from_header(own)))
    assert response.headers.getlist("WWW-Authenticate") == [own or "Bearer"]


def test_an_error_that_carries_a_response_sends_it(answer):
    response = answer(Unauthorized(response=Response("mine", 401)))
    assert (response.status_code, response.text) == (401, "mine")


def test_the_redirect_of_a_strict_slash_stays_one(app, client):
    app.add_url_rule("/books/", view_func=dict)
    response = client.get("/books?page=2")
    assert response.status_code == 308
    assert response.location == "http://localhost/books/?page=2"


@pytest.mark.parametrize("description", [object(), {"a": 1}, ["a"], b"a", 1, PermissionError("a")])
def test_a_description_that_is_not_text_is_dropped(answer, description):
    response = answer(default_exceptions[403](description))
    assert "detail" not in response.json
    assert (response.json["title"], response.json["status"]) == ("Forbidden", 403)


@pytest.mark.parametrize("description", ["", "é 中 \x00 <b>", Markup("<b>")])
def test_any_text_is_a_detail(answer, description):
    assert answer(default_exceptions[403](description)).json["detail"] == description


@pytest.mark.parametrize("code", [499, 599])
def test_a_status_without_a_phrase_is_an_error(answer, code):
    class Odd(HTTPException):
        description = "Odd."

    Odd.code = code
    response = answer(Odd())
    assert (response.status_code, response.json["status"]) == (code, code)
    assert (response.json["title"], response.json["detail"]) == ("Error", "Odd.")


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (TooManyRequests(retry_after=5), "Retry-After", "5"),
        (MethodNotAllowed(["GET"]), "Allow", "GET"),
        (RequestedRangeNotSatisfiable(9), "Content-Range", "bytes */9"),
    ],
)
def test_the_headers_an_error_asks_for_are_sent(answer, error, name, value):
    response = answer(error)
    assert response.headers[name] == value
    assert response.headers.getlist("Content-Type") == ["application/problem+json"]
    assert response.headers.getlist("Content-Length") == [str(len(response.data))]


def test_head_gets_the_headers_and_no_body(answer):
    response = answer(default_exceptions[403](), method="HEAD")
    assert (response.status_code, response.data) == (403, b"")
    assert response.mimetype == "application/problem+json"
    assert int(response.headers["Content-Length"]) > 0


def test_faults_are_listed(answer):
    response = answer(Invalid([Fault(place="body", path="a/0", detail="No.")]))
    assert response.status_code == 422
    assert response.json["detail"] == "The request does not match its schema."
    assert response.json["errors"] == [{"place": "body", "path": "a/0", "detail": "No."}]


def test_a_handler_of_the_app_for_one_status_wins(app, client):
    app.register_error_handler(404, lambda error: ("mine", 404))
    assert client.get("/nowhere").text == "mine"
    assert client.post("/static/a").mimetype == "application/problem+json"


@pytest.mark.parametrize("place", ["view", "before_request", "after_request"])
def test_an_error_without_a_status_is_a_500(place, caplog):
    def fail(*args):
        raise HTTPException("hunter2")

    app = FlaskCarafe(__name__)
    errors.init_app(app)
    app.add_url_rule("/", view_func=fail if place == "view" else dict)
    getattr(app, place, lambda hook: None)(fail)
    response = app.test_client().get("/")
    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert "hunter2" not in response.text
    assert "HTTPException" in caplog.text


def test_an_app_without_it_keeps_flasks_pages():
    assert Flask(__name__).test_client().get("/").mimetype == "text/html"
