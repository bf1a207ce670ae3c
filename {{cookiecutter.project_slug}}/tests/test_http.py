"""What the application promises to every client, and to no other site."""

import pytest
from notes import PATH

APP, OTHER = "https://app.example.com", "https://evil.example"

NOT_STRICTLY_JSON = {
    "nothing": b"",
    "malformed": b'{"text": ',
    "depth 100 000": b"[" * 100_000 + b"]" * 100_000,
    "not a number": b'{"text": NaN}',
    "a name twice": b'{"text": "a", "text": "b"}',
    "NUL": b'{"text": "a\\u0000"}',
    "no UTF-8": b'{"text": "\xff"}',
}


def refused(response, status):
    """Check that it is a problem document, which tells nothing of the code."""
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["status"] == status
    assert not any(word in response.text for word in ("Traceback", ".py", "site-packages"))
    return True


@pytest.mark.parametrize("body", NOT_STRICTLY_JSON.values(), ids=NOT_STRICTLY_JSON)
def test_a_body_that_is_not_strictly_json_is_a_400(writer, body):
    assert refused(writer.post(PATH, body, content_type="application/json"), 400)


def test_a_body_that_does_not_match_is_a_422(writer):
    for body in ("[]", "7", '{"text": 7}', '{"text": "a", "no_such_field": 7}'):
        assert refused(writer.post(PATH, body, content_type="application/json"), 422)


def test_a_body_of_another_content_type_is_a_415(writer):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "text/json", None):
        assert refused(writer.post(PATH, '{"text": "a"}', content_type=kind), 415)


@pytest.mark.parametrize(
    ("path", "query"),
    [("/\xff", ""), ("/\0", ""), ("/\r\nX-Evil: 1", ""), (PATH, "q=%FF"), (PATH, "q=1%00")],
)
def test_a_url_that_is_not_text_is_a_400(client, path, query):
    sent = {"PATH_INFO": path, "QUERY_STRING": query}
    response = client.open("/", environ_overrides=sent)
    assert refused(response, 400)
    assert "X-Evil" not in response.headers


def test_a_method_that_is_not_allowed_is_a_405_that_lists_those_that_are(client):
    response = client.delete(PATH)
    assert refused(response, 405)
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:localhost", "", "a b", "[::1"]
)
def test_another_host_is_a_400_where_some_are_trusted(make_app, host):
    client = make_app(TRUSTED_HOSTS=["localhost", ".example.com"]).test_client()
    assert refused(client.get("/health/live", headers={"Host": host}), 400)
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/live", headers={"Host": "api.example.com:81"}).status_code == 200


@pytest.mark.parametrize("path", [PATH, "/nowhere", "/docs", "/health/ready"])
def test_no_browser_does_more_with_a_response_than_to_read_it(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_an_unexpected_error_tells_nothing(make_app):
    app = make_app(TESTING=False)
    app.add_url_rule("/fails", view_func=lambda: 1 / 0)
    assert refused(app.test_client().get("/fails"), 500)


def test_an_error_names_the_request_that_it_ended(client):
    refused = client.get("/nowhere", headers={"X-Request-ID": "from-the-proxy.1"})
    assert refused.json["request_id"] == refused.headers["X-Request-ID"] == "from-the-proxy.1"


@pytest.mark.parametrize("path", [PATH, "/docs/", "/docs", "/openapi.json", "/nowhere", "/%ff"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_every_response_has_the_id_of_its_request(client, path, method):
    for sent in ("from-the-proxy.1", "malformed, doubled"):
        response = client.open(path, method=method, headers={"X-Request-ID": sent})
        (found,) = response.headers.getlist("X-Request-ID")
        assert (found == sent) == (sent == "from-the-proxy.1")


def test_no_other_site_is_let_in_by_default(client):
    headers = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "POST", "OPTIONS"):
        response = client.open(PATH, method=method, headers=headers)
        assert not [name for name in response.headers.keys() if name.startswith("Access-Control")]


@pytest.fixture
def shared(make_app):
    """A client of an application that a listed site may use."""
    return make_app(CORS_ORIGINS=[APP]).test_client()


def test_each_site_gets_its_own_response_whichever_asked_before(shared):
    for origin, told in [(APP, APP), (OTHER, None), (None, None), (APP, APP)]:
        headers = {"Origin": origin} if origin else {}
        response = shared.get("/openapi.json", headers=headers)
        assert response.status_code == 200
        assert response.headers.get("Access-Control-Allow-Origin") == told
        assert "Origin" in response.headers["Vary"]


def test_a_listed_site_reads_errors_and_learns_the_methods(shared):
    error = shared.get("/%00", headers={"Origin": APP})
    assert error.headers["Access-Control-Allow-Origin"] == APP
    headers = {"Origin": APP, "Access-Control-Request-Method": "POST"}
    response = shared.options(PATH, headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
