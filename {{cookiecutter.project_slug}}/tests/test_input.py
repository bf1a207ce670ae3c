"""What is sent to break things is refused with a problem document, and nothing breaks."""

import json
import time

import pytest

PROBLEM = "application/problem+json"
STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"

NOT_STRICTLY_JSON = {
    "nothing": b"",
    "malformed": b'{"name": ',
    "depth 1000": b'{"name": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "depth 100 000": b"[" * 100_000 + b"]" * 100_000,
    "a megabyte of brackets": b"[" * 1_000_000,
    "not a number": b'{"name": NaN}',
    "infinity": b'{"name": Infinity}',
    "an infinite number": b'{"name": 1e999}',
    "a name twice": b'{"name": "a", "name": "b"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "NUL": b'{"name": "a\\u0000"}',
    "5000 digits": b'{"name": ' + b"9" * 5000 + b"}",
    "no UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"name": "a"}',
}

NOT_TEXT = {
    "bytes in the path": ("/authors/\xff", ""),
    "NUL in the path": ("/authors/\0", ""),
    "a line break in the path": ("/authors/\r\nX-Evil: 1", ""),
    "bytes in the query": ("/authors", "cursor=%FF"),
    "raw bytes in the query": ("/authors", "cursor=\xff"),
    "NUL in the query": ("/authors", "limit=1%00"),
}


def refused(answer, status):
    """Check that it is a refusal, which tells nothing of the code."""
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM)
    assert answer.json["status"] == status
    assert not any(word in answer.text for word in ("Traceback", ".py", "site-packages"))
    return True


@pytest.mark.parametrize("body", NOT_STRICTLY_JSON.values(), ids=NOT_STRICTLY_JSON)
def test_what_is_not_strictly_json_is_a_400(writer, body):
    began = time.process_time()
    assert refused(writer.post("/authors", body, content_type="application/json"), 400)
    assert time.process_time() - began < 0.1  # 50 ms, on a machine that is half as fast
    assert writer.get("/authors").json["items"] == []


@pytest.mark.parametrize("body", [[], [{}], "name", 7, None, True])
def test_what_is_no_object_is_a_422(writer, body):
    sent = json.dumps(body)
    assert refused(writer.post("/authors", sent, content_type="application/json"), 422)


@pytest.mark.parametrize("number", [2**31, 2**63, 2**70, -1, 0, 1.5, 1e308])
def test_a_number_that_no_column_holds_is_a_422(writer, number):
    assert refused(writer.post("/books", {"title": "T", "author_id": number}), 422)


@pytest.mark.parametrize(
    "path", ["/books/2147483648", f"/books/{2**70}", "/books/-1", "/books/1.0"]
)
def test_a_number_that_no_column_holds_is_a_404_in_a_path(client, path):
    assert refused(client.get(path), 404)


@pytest.mark.parametrize(("path", "query"), NOT_TEXT.values(), ids=NOT_TEXT)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_address_that_is_not_text_is_a_400(client, method, path, query):
    sent = {"PATH_INFO": path, "QUERY_STRING": query}
    answer = client.open("/", method=method, environ_overrides=sent)
    assert refused(answer, 400)
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "text/json", "application/jsonp", None],
)
def test_a_body_that_does_not_say_it_is_json_is_a_415(writer, kind):
    assert refused(writer.post("/authors", '{"name": "a"}', content_type=kind), 415)


@pytest.mark.parametrize("limit", [0, 1, 100])
def test_no_page_is_longer_than_asked_for_and_none_is_longer_than_100(client, limit):
    assert client.get(f"/authors?limit={limit}").status_code == (200 if limit else 422)
    assert refused(client.get("/authors?limit=101"), 422)


class Endless:
    """A body that has no end."""

    def __init__(self):
        self.count = 0

    def read(self, size=-1):
        assert size > 0
        self.count += size
        return b" " * size


def test_a_body_that_is_too_long_is_not_read(writer, app):
    body, limit = Endless(), app.config["MAX_CONTENT_LENGTH"]
    sent = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(limit + 1)}
    sent["wsgi.input"] = body
    assert refused(writer.post("/authors", environ_overrides=sent), 413)
    assert body.count == 0


def test_a_body_of_unknown_length_is_read_up_to_the_limit(writer, app):
    body, limit = Endless(), app.config["MAX_CONTENT_LENGTH"]
    sent = {"CONTENT_TYPE": "application/json", "HTTP_TRANSFER_ENCODING": "chunked"}
    sent |= {"wsgi.input": body, "wsgi.input_terminated": True}
    assert refused(writer.post("/authors", environ_overrides=sent), 413)
    assert body.count <= limit + 1


@pytest.mark.parametrize("path", ["/authors", "/authors/1", "/health/live", "/openapi.json"])
@pytest.mark.parametrize("method", ["TRACE", "FOO", "PROPFIND"])
def test_a_method_that_is_not_there_is_a_405_that_lists_those_that_are(client, method, path):
    answer = client.open(path, method=method)
    assert refused(answer, 405)
    allowed = set(client.options(path).headers["Allow"].split(", "))
    assert set(answer.headers["Allow"].split(", ")) == allowed >= {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path", ["/authors", "/health/live", "/openapi.json", "/docs/"])
def test_options_tells_the_methods_and_nothing_else(client, path):
    answer = client.options(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [("/authors", 200), ("/nowhere", 404), ("/docs", 308)])
def test_head_is_get_without_a_body(client, path, status):
    whole, head = client.get(path), client.head(path)
    assert (whole.status_code, head.status_code, head.data) == (status, status, b"")
    assert head.headers.get("Content-Type") == whole.headers.get("Content-Type")


def test_a_redirect_is_no_page(client):
    assert client.get("/docs").data == b""


def test_another_method_in_a_header_is_ignored(writer, author):
    headers = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    place = f"/authors/{author['id']}"
    assert writer.get(place, headers=headers).status_code == 200
    assert writer.get(place).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:localhost", "", "a b", "[::1"]
)
def test_another_host_is_a_400_where_some_are_trusted(make_app, host):
    client = make_app(TRUSTED_HOSTS=["localhost", ".example.com"]).test_client()
    answer = client.get("/health/live", headers={"Host": host})
    assert refused(answer, 400)
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/live", headers={"Host": "api.example.com:81"}).status_code == 200


def test_a_host_that_was_forwarded_is_ignored(make_app):
    client = make_app(TRUSTED_HOSTS=["localhost"], PROXY_HOPS=1).test_client()
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    assert client.get("/docs", headers=headers).location == "http://localhost/docs/"


def test_https_that_was_forwarded_is_believed_of_a_proxy_alone(make_app):
    headers = {"X-Forwarded-Proto": "https"}
    for hops in (0, 1):
        app = make_app(ENVIRONMENT="production", SECRET_KEY=STRONG, PROXY_HOPS=hops)
        answer = app.test_client().get("/docs", headers=headers)
        assert answer.location.startswith("https:" if hops else "http:")
        assert ("Strict-Transport-Security" in answer.headers) == bool(hops)


def test_production_asks_browsers_for_a_year_of_https(make_app):
    client = make_app(ENVIRONMENT="production", SECRET_KEY=STRONG).test_client()
    answer = client.get("/health/live", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("path", ["/authors", "/authors/1", "/nowhere", "/docs", "/health/ready"])
def test_every_answer_tells_a_browser_to_do_no_more_than_to_read_it(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_no_other_site_is_let_in_by_default(client):
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    for method in ("GET", "POST", "OPTIONS"):
        answer = client.open("/authors", method=method, headers=headers)
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]


def test_what_fails_tells_nothing(make_app):
    app = make_app(TESTING=False)
    app.add_url_rule("/fails", view_func=lambda: 1 / 0)
    assert refused(app.test_client().get("/fails"), 500)
