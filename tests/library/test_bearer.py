import pytest
from carafe import FlaskCarafe
from carafe.request import bearer_of
from carafe.request import id_of
from carafe.request import TOKEN_PREFIX
from carafe.request import withhold_sessions
from flask import Flask
from flask import request
from flask import session
from flask.sessions import SecureCookieSessionInterface
from hypothesis import given
from hypothesis import strategies as st

LOOKALIKE = f"{TOKEN_PREFIX}{'a-_9' * 11}"[: len(TOKEN_PREFIX) + 43]


@pytest.mark.parametrize(
    ("sent", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer   abc=", "abc="),
        ("BEARER a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
        ("Bearer", ""),
        ("Bearer ", ""),
        ("Bearer\tabc", ""),
        ("Bearer abc def", ""),
        ("Bearer abc,Bearer abc", ""),
        ("Bearer abc, Basic eDp5", ""),
        ("Bearerabc", ""),
        ("Bearer é", ""),
        ("Basic eDp5,Bearer abc", ""),
        ("Basic eDp5,Basic eDp5", ""),
        ("Negotiate abc,bearer", ""),
        ("Basic eDp5", None),
        ("Basic eDp5,", ""),
        (",Basic eDp5", ""),
        (",", ""),
        ('Digest username="a, Bearer b", realm = "x"', None),
        ("Digest a=b, c=d,e=f", None),
        ("Token abc", None),
        ("", None),
    ],
)
def test_one_function_knows_a_bearer_request(sent, token):
    assert bearer_of({"HTTP_AUTHORIZATION": sent}) == token


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_follows_bearer_is_a_bearer_request(rest):
    assert bearer_of({"HTTP_AUTHORIZATION": f"Bearer{rest}"}) is not None


def test_a_request_without_credentials_is_no_bearer_request():
    assert bearer_of({}) is None


@pytest.fixture(params=["carafe", "flask"])
def app(request):
    app = FlaskCarafe(__name__)
    app.secret_key = "a key for tests"
    if request.param == "carafe":
        pytest.importorskip("carafe.ext.session").init_app(app)
    withhold_sessions(app)
    app.before_request(lambda: seen.append(dict(session)))
    seen = app.extensions["seen"] = []

    @app.post("/")
    def write():
        before, session["number"] = dict(session), 1
        session.permanent = True
        return before

    return app


def test_a_bearer_request_has_an_empty_session_that_is_not_saved(app):
    client = app.test_client()
    client.post("/")
    cookie = client.get_cookie("session").value
    for sent in ("Bearer abc", "bearer", "Basic x,Bearer y"):
        response = client.post("/", headers={"Authorization": sent})
        assert response.json == {}
        assert "Set-Cookie" not in response.headers
    assert client.get_cookie("session").value == cookie
    assert client.post("/", headers={"Authorization": "Basic eDp5"}).json["number"] == 1
    assert [bool(before) for before in app.extensions["seen"]] == [False] * 4 + [True]


def test_only_the_sessions_of_this_app_are_withheld(app):
    assert isinstance(app.session_interface, SecureCookieSessionInterface)
    other = Flask(__name__)
    other.secret_key = "a key for tests"
    other.post("/", endpoint="write")(app.view_functions["write"])
    client = other.test_client()
    client.post("/")
    assert client.post("/", headers={"Authorization": "Bearer abc"}).json["number"] == 1


def test_what_looks_like_a_token_is_no_request_id():
    for sent in (LOOKALIKE, f"x.{LOOKALIKE}", f"{LOOKALIKE}.x"):
        assert id_of({"HTTP_X_REQUEST_ID": sent}) != sent
    assert id_of({"HTTP_X_REQUEST_ID": LOOKALIKE[:-1]}) == LOOKALIKE[:-1]


def test_the_request_of_a_converter_has_no_session_either(app):
    with app.test_request_context(headers={"Authorization": "Bearer abc", "Cookie": "session=x"}):
        assert dict(session) == {}
        assert request.headers["Authorization"] == "Bearer abc"
