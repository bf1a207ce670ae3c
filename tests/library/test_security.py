import re

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import security
from flask import abort
from flask import redirect
from flask import Response
from flask import session
from werkzeug.datastructures import Headers

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

TOKEN = "carafe_" + "a" * 43


@pytest.fixture
def app():
    app = FlaskCarafe(__name__)
    app.secret_key = "a"
    errors.init_app(app)
    security.init_app(app, hsts=7)
    return app


@pytest.fixture
def answer(app):
    """What a view that returns this is answered with, as ``answer(returned, **request)``."""

    def answer(returned, **request):
        app.add_url_rule("/", view_func=lambda: returned() if callable(returned) else returned)
        return app.test_client().get("/", **request)

    return answer


def fail():
    raise RuntimeError


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        ({}, 200),
        (("", 204), 204),
        (lambda: Response(status=304), 304),
        (lambda: redirect("/"), 302),
        (lambda: abort(418), 418),
        (fail, 500),
    ],
)
def test_the_headers_are_on_every_answer(answer, returned, status):
    response = answer(returned)
    assert response.status_code == status
    assert HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize(
    "returned",
    [
        {},
        ("", 204),
        lambda: Response(status=304),
        lambda: redirect("/"),
        lambda: abort(418),
        fail,
        ({}, 200, {"x-request-id": "of its own"}),
    ],
)
@pytest.mark.parametrize("sent", ["7f3a.b-c_D", None, "two words", "a,b", "a" * 129, TOKEN])
def test_every_answer_has_the_id_of_its_request_once(answer, returned, sent):
    response = answer(returned, headers={"X-Request-ID": sent} if sent else {})
    (found,) = response.headers.getlist("X-Request-ID")
    assert found == sent if sent == "7f3a.b-c_D" else re.fullmatch("[0-9a-f]{32}", found)


def test_an_error_has_the_id_that_its_problem_names(app):
    for client, path in ((app.test_client(), "/nowhere"), (app.test_client(), "/%ff")):
        refused = client.get(path)
        assert refused.headers.getlist("X-Request-ID") == [refused.json["request_id"]]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "FOO"])
def test_they_are_on_what_no_view_answers(app, method):
    response = app.test_client().open("/nowhere", method=method)
    assert HEADERS.items() <= dict(response.headers).items()


def test_one_that_the_application_sets_stays(answer):
    response = answer(({}, {"content-security-policy": "mine", "REFERRER-POLICY": "origin"}))
    assert response.headers.getlist("Content-Security-Policy") == ["mine"]
    assert response.headers.getlist("Referrer-Policy") == ["origin"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("scheme", "sent"), [("https", ["max-age=7"]), ("http", [])])
def test_https_is_asked_for_over_https_alone(answer, scheme, sent):
    response = answer({}, base_url=f"{scheme}://localhost")
    assert response.headers.getlist("Strict-Transport-Security") == sent


def test_https_is_asked_for_as_the_application_says(answer):
    sent = {"strict-transport-security": "max-age=1; preload"}
    response = answer(({}, sent), base_url="https://localhost")
    assert response.headers.getlist("Strict-Transport-Security") == ["max-age=1; preload"]


def test_https_is_not_asked_for_by_default():
    app = FlaskCarafe(__name__)
    security.init_app(app)
    response = app.test_client().get("/", base_url="https://localhost")
    assert "Strict-Transport-Security" not in response.headers


def read():
    return str(session.get("a"))


def write():
    session["a"] = 1
    return ""


@pytest.mark.parametrize(
    ("returned", "request_headers", "kept"),
    [
        ("", {}, []),
        ("", {"Cookie": "session=a"}, []),
        (read, {}, ["no-store"]),
        (write, {}, ["no-store"]),
        ("", {"Authorization": "Bearer a"}, ["no-store"]),
        (("", {"Vary": "Accept, cookie"}), {}, ["no-store"]),
        (("", Headers([("Vary", "Cookie"), ("Vary", "Accept")])), {}, ["no-store"]),
        (("", {"Set-Cookie": "a=b"}), {}, ["no-store"]),
        (("", {"Vary": "Accept"}), {}, []),
        (("", {"Vary": "Cookie", "Cache-Control": "no-cache"}), {}, ["no-store"]),
        (
            ("", {"Vary": "Cookie", "Cache-Control": "private, max-age=9"}),
            {},
            ["private, max-age=9"],
        ),
        (("", {"Cache-Control": "no-cache"}), {"Authorization": "Bearer a"}, ["no-cache"]),
    ],
)
def test_what_depends_on_who_asks_is_kept_by_nobody(answer, returned, request_headers, kept):
    response = answer(returned, headers=request_headers)
    assert response.headers.getlist("Cache-Control") == kept


def test_the_list_that_the_application_sends_stays_its_own():
    sent = [("Content-Type", "text/plain"), ("Vary", "Cookie"), ("Cache-Control", "no-cache")]
    before = list(sent)

    def application(environ, start_response):
        start_response("200 OK", sent)
        return []

    wrapped = security.Middleware(application)
    wrapped({"wsgi.url_scheme": "http"}, lambda status, headers: None)
    assert sent == before
