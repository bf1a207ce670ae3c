import os
import re

import pytest
from carafe import errors
from carafe import FlaskCarafe
from carafe import JSONClient
from carafe import Request
from carafe import strict
from carafe.request import id_of
from carafe.request import TOKEN_PREFIX
from flask import Flask
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.test import EnvironBuilder

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def sent(data=None, content_type=None, method="POST", **kwargs):
    return FlaskCarafe(__name__).test_request_context(
        "/?query=1", method=method, data=data, content_type=content_type, **kwargs
    )


@pytest.fixture
def client():
    app = FlaskCarafe(__name__)
    app.test_client_class = JSONClient
    errors.init_app(app)
    app.add_url_rule("/", view_func=lambda: request.get_dict(), methods=["GET", "POST"])
    return app.test_client()


@pytest.mark.parametrize(
    ("data", "content_type", "read"),
    [
        ('{"a": [1]}', JSON, {"a": [1]}),
        ("{}", JSON, {}),
        (' {"a": 1} ', "application/json; charset=utf-8", {"a": 1}),
        ('{"a": 1}', "application/vnd.api+json", {"a": 1}),
        ("a=1&b=2", FORM, {"a": "1", "b": "2"}),
        ("a=1&a=2", FORM, {"a": "1"}),
        ("a=", FORM, {"a": ""}),
        ("a=%25FF", FORM, {"a": "%FF"}),
        ({"a": "1"}, "multipart/form-data", {"a": "1"}),
        ("", FORM, {}),
        ('{"a": 1}', "text/plain", {}),
        ('{"a": 1}', "application/octet-stream", {}),
        ('{"a": 1}', "application/jsonp", {}),
        ('{"a": 1}', None, {}),
        (None, None, {}),
    ],
)
def test_the_data_of_a_request_is_a_dict(data, content_type, read):
    with sent(data, content_type):
        assert request.get_dict() == read
        assert type(request.get_dict()) is dict


def test_a_get_without_a_body_is_an_empty_dict(client):
    assert client.get("/?query=1").json == {}
    assert client.head("/").status_code == 200


def test_a_file_is_no_field():
    with sent({"a": "1", "file": (__file__, "name.txt")}, "multipart/form-data"):
        assert request.get_dict() == {"a": "1"}


REFUSED = [b"", b"{", b"[]", b'[{"a": 1}]', b"1", b"null", b'"a"', b"a=1", b'{"a": NaN}']
REFUSED += [b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'{"a":' * 100_000, b"[" * 100_000]
REFUSED += [b'{"a": 1, "a": 1}', b'{"a": "\\u0000"}', b'{"a": 1e999}']


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: repr(body[:20]))
def test_a_body_that_is_no_json_object_is_a_400(client, body):
    response = client.post("/", body, content_type=JSON)
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: repr(body[:20]))
def test_silent_answers_a_bad_body_with_an_empty_dict(body):
    with sent(body, JSON):
        assert request.get_dict(silent=True) == {}


def test_what_was_silent_once_is_strict_again():
    with sent("{", JSON):
        assert request.get_dict(silent=True) == {}
        with pytest.raises(errors.HTTPException) as refused:
            request.get_dict()
        assert refused.value.code == 400


@pytest.mark.parametrize("content_type", ["text/plain", None])
def test_force_reads_json_whatever_the_content_type(content_type):
    with sent('{"a": 1}', content_type):
        assert request.get_dict(force=True) == {"a": 1}


@pytest.mark.parametrize("body", ["{", "[]", ""])
def test_force_is_strict_too_unless_silent(body):
    with sent(body, "text/plain"):
        with pytest.raises(errors.HTTPException) as refused:
            request.get_dict(force=True)
        assert refused.value.code == 400
        assert request.get_dict(force=True, silent=True) == {}


@pytest.mark.parametrize(("data", "content_type"), [('{"a": 1}', JSON), ("a=1", FORM), ("", None)])
def test_it_is_computed_once(data, content_type):
    with sent(data, content_type):
        assert request.get_dict() is request.get_dict()


def test_the_body_is_parsed_once(monkeypatch):
    app, parsed = FlaskCarafe(__name__), []
    loads = strict.loads
    monkeypatch.setattr(strict, "loads", lambda body: parsed.append(body) or loads(body))
    with app.test_request_context("/", method="POST", data='{"a": 1}', content_type=JSON):
        assert request.get_dict() == request.get_dict() == request.json == {"a": 1}
    assert parsed == [b'{"a": 1}']


def test_requests_share_nothing():
    with sent('{"a": 1}', JSON):
        request.get_dict()["b"] = 2
    with sent():
        assert request.get_dict() == {}


@pytest.mark.parametrize("content_type", [JSON, "text/plain", None])
def test_data_stays_the_bytes_that_were_sent(content_type):
    with sent('{"a": 1}', content_type):
        assert request.data == b'{"a": 1}'
        request.get_dict()
        assert request.data == request.get_data() == b'{"a": 1}'


def test_it_needs_no_app():
    environ = EnvironBuilder(method="POST", data='{"a": 1}', content_type=JSON).get_environ()
    assert Request(environ).get_dict() == {"a": 1}


def test_a_body_that_is_too_large_is_a_413_even_if_silent():
    app = FlaskCarafe(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 10
    app.add_url_rule("/", view_func=lambda: request.get_dict(silent=True), methods=["POST"])
    for content_type in [JSON, FORM]:
        response = app.test_client().post("/", "a" * 11, content_type=content_type)
        assert response.status_code == 413


def test_a_plain_flask_may_use_it():
    app = Flask(__name__)
    app.request_class = Request
    with app.test_request_context("/", method="POST", json={"a": 1}):
        assert request.get_dict() == {"a": 1}


@pytest.mark.parametrize("sent", ["a", "7f3a9c", "0190-A_b.C", "x" * 128])
def test_a_well_formed_id_that_was_sent_is_the_id(sent):
    assert Request({"HTTP_X_REQUEST_ID": sent}).id == sent


@pytest.mark.parametrize(
    "sent",
    [None, "", "x" * 129, "two words", "a\nb", "a\n", "\x1b[2J", "a,b", "é", "%0a", "<b>"]
    + [f"{TOKEN_PREFIX}{'a' * 43}", f"1.{TOKEN_PREFIX}{'-' * 43}.2"],
)
def test_any_other_id_is_replaced_by_a_new_one(sent):
    environ = {} if sent is None else {"HTTP_X_REQUEST_ID": sent}
    made = Request(environ).id
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert made != Request({"HTTP_X_REQUEST_ID": sent or ""}).id


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_processes_that_forked_make_other_ids():
    reader, writer = os.pipe()
    for _ in range(2):
        if (child := os.fork()) == 0:
            os.write(writer, id_of({}).encode())
            os._exit(0)
        os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as made:
        ids = made.read() + id_of({})
    assert len({ids[:32], ids[32:64], ids[64:]}) == 3


def test_the_id_is_one_for_everybody_who_has_the_environ():
    environ = {}
    assert Request(environ).id == id_of(environ) == Request(environ).id


def test_nobody_makes_an_id_before_it_is_asked_for():
    with sent():
        assert "carafe.request_id" not in request.environ
        assert request.id
        assert "carafe.request_id" in request.environ


LIMIT = 200_000


class Stream:
    """A body in chunks, of which it is counted how much was read."""

    def __init__(self, size):
        self.rest, self.read_so_far = size, 0

    def read(self, size=-1):
        size = self.rest if size < 0 else min(size, self.rest)
        self.rest -= size
        self.read_so_far += size
        return b"a" * size


def unsized(stream, content_type, limit=LIMIT, terminated=True):
    app = FlaskCarafe(__name__)
    app.config.update(MAX_CONTENT_LENGTH=limit, MAX_FORM_MEMORY_SIZE=None)
    environ = {"wsgi.input": stream, "CONTENT_TYPE": content_type}
    if terminated:
        environ["wsgi.input_terminated"] = True
    return app.test_request_context("/", method="POST", environ_overrides=environ)


@pytest.mark.parametrize(
    ("read", "content_type"),
    [
        (lambda: len(request.get_data()), JSON),
        (lambda: len(request.stream.read()), "application/octet-stream"),
        (lambda: len(next(iter(request.form))), FORM),
    ],
)
def test_a_body_of_unknown_length_is_whole_or_a_413(read, content_type):
    for size in (0, 1, LIMIT - 1, LIMIT)[content_type == FORM :]:
        with unsized(Stream(size), content_type):
            assert read() == size
    for size in (LIMIT + 1, 10 * LIMIT):
        with unsized(stream := Stream(size), content_type):
            with pytest.raises(RequestEntityTooLarge):
                read()
            assert stream.read_so_far == LIMIT + 1


def test_a_body_that_the_server_does_not_end_is_not_read():
    with unsized(stream := Stream(1), JSON, terminated=False):
        assert request.get_data() == b""
    assert stream.read_so_far == 0


def test_a_body_of_unknown_length_without_a_limit_is_read():
    with unsized(Stream(LIMIT + 1), JSON, limit=None):
        assert len(request.get_data()) == LIMIT + 1
