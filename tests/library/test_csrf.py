import pytest
from carafe import errors
from carafe import security
from carafe.ext import csrf
from carafe.operation import operation
from carafe.schema import Body
from flask import Flask

HERE, APP = "http://localhost", "https://app.example.com"
UNSAFE = ["POST", "PUT", "PATCH", "DELETE", "PURGE"]


def make_client(**config):
    app = Flask(__name__)
    app.config.update(config)
    errors.init_app(app)
    csrf.init_app(app)
    app.add_url_rule("/", view_func=lambda: {}, methods=["GET", "OPTIONS", *UNSAFE])
    return app.test_client()


@pytest.fixture
def client():
    return make_client(CARAFE_CSRF_TRUSTED_ORIGINS=[APP])


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        (None, None, 200),  # no browser
        (HERE, None, 200),
        (HERE, "same-origin", 200),
        (None, "same-origin", 200),
        (None, "none", 200),  # typed by hand
        (None, "same-site", 403),
        (None, "cross-site", 403),
        (None, "", 403),
        (None, "SAME-ORIGIN", 403),
        (HERE, "cross-site", 403),
        ("https://evil.example", None, 403),
        ("https://evil.example", "cross-site", 403),
        ("http://localhost.evil.example", None, 403),
        ("http://localhost:81", None, 403),
        ("http://x@localhost", None, 403),
        ("null", None, 403),
        ("null", "cross-site", 403),
        ("", None, 403),
        ("localhost", None, 403),
        ("http://[", None, 403),
        (APP, None, 200),
        (APP, "cross-site", 200),
        (f"{APP}.evil.example", "cross-site", 403),
        (APP.replace("https", "http"), None, 403),
    ],
)
def test_only_this_site_and_those_it_trusts_may_write(client, method, origin, site, status):
    headers = {"Origin": origin, "Sec-Fetch-Site": site}
    sent = {name: value for name, value in headers.items() if value is not None}
    answer = client.open("/", method=method, headers=sent)
    assert answer.status_code == status
    assert status == 200 or answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    ("url", "origin", "status"),
    [
        ("http://localhost", "https://localhost", 403),
        ("http://localhost", "foo://localhost", 403),
        ("http://localhost", "//localhost", 403),
        ("http://localhost", "http:localhost", 403),
        ("http://localhost", "http://localhost/", 403),
        ("http://localhost", "http://localhost/path", 403),
        ("http://localhost", "http://", 403),
        ("http://localhost", "http://localhost:80", 200),
        ("http://localhost", "http://localhost:443", 403),
        ("http://localhost", "http://localhost:80:80", 403),
        ("http://localhost:80", "http://localhost", 200),
        ("http://LocalHost", "http://localhost", 200),
        ("http://localhost", "http://LOCALHOST", 200),
        ("http://localhost:5000", "http://localhost:5000", 200),
        ("http://localhost:5000", "http://localhost", 403),
        ("https://localhost", "http://localhost", 403),
        ("https://localhost", "https://localhost", 200),
        ("https://localhost", "https://localhost:443", 200),
        ("https://localhost", "https://localhost:80", 403),
        ("https://localhost", "https://localhost:8443", 403),
        ("https://[2001:db8::1]", "https://[2001:db8::1]", 200),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]", 403),
    ],
)
def test_without_sec_fetch_site_scheme_host_and_port_have_to_be_the_same(
    client, url, origin, status
):
    assert client.post("/", base_url=url, headers={"Origin": origin}).status_code == status


@pytest.mark.parametrize(("hops", "status"), [(0, 403), (1, 200)])
def test_behind_a_trusted_proxy_the_scheme_is_that_of_the_client(client, hops, status):
    security.init_app(client.application, hops=hops)
    headers = {"Origin": "https://localhost", "X-Forwarded-Proto": "https"}
    assert client.post("/", headers=headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_everybody_may_read(client, method):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.open("/", method=method, headers=headers, content_type="text/plain", data="x")
    assert answer.status_code == 200


@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (None, b"", 200),
        (None, b"{}", 415),
        ("application/json", b"{}", 200),
        ("application/merge-patch+json; charset=utf-8", b"{}", 200),
        ("image/png", b"png", 200),
        ("text/plain", b"{}", 415),
        ("TEXT/PLAIN; charset=utf-8", b"{}", 415),
        ("text/plain", b"", 415),
        ("application/x-www-form-urlencoded", b"a=1", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
    ],
)
def test_what_any_page_can_send_is_refused(client, method, content_type, body, status):
    answer = client.open("/", method=method, content_type=content_type, data=body)
    assert answer.status_code == status


def test_no_other_site_can_have_sent_a_token(client):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/", headers=headers).status_code == 403
    assert client.post("/", headers={**headers, "Authorization": "Basic eDp5"}).status_code == 403
    for sent in ("Bearer x", "bearer", "Bearer x y", "Basic eDp5,Bearer x"):
        assert client.post("/", headers={**headers, "Authorization": sent}).status_code == 200


def test_a_request_that_no_view_takes_is_refused_as_such(client):
    form = {"data": "a=1", "content_type": "application/x-www-form-urlencoded"}
    assert client.post("/unknown", **form).status_code == 404
    assert client.open("/", method="QUERY", **form).status_code == 405


def test_a_body_of_unknown_length_needs_a_content_type(client):
    answer = client.post("/", headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 415


def test_forms_can_be_accepted_from_this_site():
    client = make_client(CARAFE_CSRF_FORMS=True)
    assert client.post("/", data={"a": 1}).status_code == 200
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/", data={"a": 1}, headers=headers).status_code == 403


def test_protection_can_be_off():
    client = make_client(CARAFE_CSRF_ENABLED=False)
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/", data={"a": 1}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origins", [APP, ["*"], ["app.example.com"], [f"{APP}/"], [f"{APP}/path"], [""]]
)
def test_an_origin_that_is_none_is_refused_at_start(origins):
    with pytest.raises(ValueError, match="CARAFE_CSRF_TRUSTED_ORIGINS is not a list of origins"):
        make_client(CARAFE_CSRF_TRUSTED_ORIGINS=origins)


def test_a_second_init_app_is_refused(client):
    with pytest.raises(RuntimeError, match="Call init_app once"):
        csrf.init_app(client.application)


def test_a_view_that_takes_a_form_gets_one_from_its_own_site_alone(client):
    class Form(Body):
        title: str

    @operation(204)
    def take(form: Form) -> None:
        """Take a form."""

    client.application.add_url_rule("/forms", view_func=take, methods=["POST"])
    assert client.post("/forms", data={"title": "a"}).status_code == 204
    assert client.post("/", data={"title": "a"}).status_code == 415
    for headers in [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}]:
        assert client.post("/forms", data={"title": "a"}, headers=headers).status_code == 403
