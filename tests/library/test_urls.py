from urllib.parse import unquote_to_bytes

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import security
from flask import request
from werkzeug.test import create_environ
from werkzeug.test import run_wsgi_app

REFUSED = [
    ("/%FF", ""),
    ("/%C3", ""),
    ("/%ED%A0%80", ""),
    ("/%C0%AF", ""),
    ("/a%00", ""),
    ("/a%0D%0Ab", ""),
    ("/%1B[31m", ""),
    ("/%7F", ""),
    ("/%C2%85", ""),
    ("/", "a=%FF"),
    ("/", "a=%C3"),
    ("/", "%FF=a"),
    ("/", "a=%ED%A0%80"),
    ("/", "a=%00"),
    ("/", "%00"),
    ("/", "a=\xff"),
]

TAKEN = [
    ("/", ""),
    ("/a%20b%25", "a=1&b=%20+%25"),
    ("/%C3%A9/%F0%9F%98%80", "a=%C3%A9&%F0%9F%98%80"),
    ("/a~b", "a=%0D%0A%09"),
    ("/", "a=%&b=%zz&c"),
    ("/", "a=\xc3\xa9"),
]


@pytest.mark.parametrize(("path", "query"), REFUSED)
def test_a_url_that_is_not_text_is_refused(path, query):
    status, content_type, body = get(path, query)
    assert (status, content_type) == (400, "application/problem+json")
    assert b'"detail":"The ' in body


@pytest.mark.parametrize(("path", "query"), TAKEN)
def test_all_other_urls_are_accepted(path, query):
    assert get(path, query)[0] == 200


@pytest.mark.parametrize("port", ["0", "65536", "99999999", "x"])
def test_a_host_with_an_impossible_port_is_refused(port):
    assert get("/", "", HTTP_HOST=f"localhost:{port}")[0] == 400


@pytest.mark.parametrize("port", ["", ":", ":1", ":65535"])
def test_a_host_may_have_a_port(port):
    assert get("/", "", HTTP_HOST=f"localhost{port}")[0] == 200


def test_an_unknown_path_that_is_text_is_a_404():
    assert get("/unknown/../%C3%A9", "")[0] == 404


@pytest.mark.parametrize(("protocol", "status"), [("HTTP/1.1", 400), ("HTTP/1.0", 200)])
def test_a_request_without_a_host_is_refused_where_it_has_to_name_one(protocol, status):
    assert get("/", "", HTTP_HOST=None, SERVER_PROTOCOL=protocol)[0] == status


def get(path, query, **others):
    app = FlaskCarafe(__name__)
    errors.init_app(app)
    security.init_app(app)

    def view(known=""):
        return list(request.args.items())

    for rule in ("/", "/<known>", "/é/<known>"):
        app.add_url_rule(rule, "view", view)
    path = unquote_to_bytes(path).decode("latin1")  # as a server does
    environ = create_environ() | {"PATH_INFO": path, "QUERY_STRING": query, **others}
    environ = {name: value for name, value in environ.items() if value is not None}
    body, status, headers = run_wsgi_app(app, environ)
    return int(status[:3]), headers["Content-Type"], b"".join(body)


@pytest.mark.parametrize("host", ["", "a b", "a@b", "evil.example:80@x", "a/b", "a,b", "[::1", "é"])
def test_a_request_with_an_invalid_host_is_refused(host):
    assert get("/", "", HTTP_HOST=host)[0] == 400


@pytest.mark.parametrize("host", ["A_b.example", "localhost:", "10.0.0.1:80", "[::1]:8000", "a."])
def test_a_request_with_another_host_is_accepted(host):
    assert get("/", "", HTTP_HOST=host)[0] == 200
