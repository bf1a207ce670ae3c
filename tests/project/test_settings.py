"""Where settings come from, how they are read, and what they change."""

from conftest import create_app
from flask import request
from test_start import STRONG


def test_the_environment_configures_and_config_wins(monkeypatch):
    monkeypatch.setenv("FLASK_ENVIRONMENT", "development")
    monkeypatch.setenv("SECRET_KEY", "1234567890123456")
    monkeypatch.setenv("DATABASE_URL", "postgres://host/name")
    monkeypatch.setenv("FLASK_JSON_SORT_KEYS", "false")
    monkeypatch.setenv("REQUIRE_IF_MATCH", "true")
    monkeypatch.setenv("FLASK_OPENAPI_TITLE", "Books")
    app = create_app()
    assert app.secret_key == "1234567890123456"
    assert app.config["SQLALCHEMY_DATABASE_URI"] == "postgresql://host/name"
    assert app.config["JSON_SORT_KEYS"] is False
    assert app.config["REQUIRE_IF_MATCH"] is True
    assert app.test_client().get("/openapi.json").json["info"]["title"] == "Books"
    assert create_app({"SECRET_KEY": STRONG}).secret_key == STRONG


def test_a_switch_of_flask_may_be_a_word_or_empty(make_app, monkeypatch):
    monkeypatch.setenv("FLASK_PROVIDE_AUTOMATIC_OPTIONS", "False")
    monkeypatch.setenv("FLASK_TRAP_HTTP_EXCEPTIONS", "")
    config = make_app().config
    assert config["PROVIDE_AUTOMATIC_OPTIONS"] is config["TRAP_HTTP_EXCEPTIONS"] is False


def test_text_that_is_given_counts_as_in_the_environment(make_app):
    app = make_app(REQUIRE_IF_MATCH="false", TRUSTED_HOSTS=["API.example.com"], PROXY_HOPS="1")
    assert (app.config["REQUIRE_IF_MATCH"], app.config["PROXY_HOPS"]) == (False, 1)
    for host in ("api.example.com", "Api.Example.COM", "localhost"):
        assert app.test_client().get("/health/live", headers={"Host": host}).status_code == 200


def test_text_that_looks_like_a_number_stays_text(monkeypatch, make_app):
    monkeypatch.setenv("FLASK_OPENAPI_TITLE", "2024")
    monkeypatch.setenv("FLASK_OPENAPI_VERSION", "1.10")
    info = make_app().test_client().get("/openapi.json").json["info"]
    assert (info["title"], info["version"]) == ("2024", "1.10")


def test_two_apps_run_side_by_side(make_app):
    for app in (make_app(), make_app()):
        assert app.test_client().get("/health/live").json == {"status": "ok"}


def test_a_view_may_be_a_coroutine(make_app):
    app = make_app()

    @app.get("/later")
    async def later():
        return {"now": True}

    assert app.test_client().get("/later").json == {"now": True}


def test_the_address_of_a_client_is_what_a_trusted_proxy_says(make_app):
    headers = {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
    for count, address in [(0, "127.0.0.1"), (1, "192.0.2.2"), (2, "192.0.2.1")]:
        with make_app(PROXY_HOPS=count).test_client() as client:
            client.get("/health/live", headers=headers)
            assert request.remote_addr == address


def test_a_forwarded_host_is_ignored(make_app):
    client = make_app(TRUSTED_HOSTS=["localhost"], PROXY_HOPS=1).test_client()
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    assert client.get("/docs", headers=headers).location == "http://localhost/docs/"


def test_forwarded_https_is_believed_of_a_proxy_alone(make_app):
    headers = {"X-Forwarded-Proto": "https"}
    for hops in (0, 1):
        app = make_app(ENVIRONMENT="production", SECRET_KEY=STRONG, PROXY_HOPS=hops)
        response = app.test_client().get("/docs", headers=headers)
        assert response.location.startswith("https:" if hops else "http:")
        assert ("Strict-Transport-Security" in response.headers) == bool(hops)


def test_production_asks_browsers_for_a_year_of_https(make_app):
    client = make_app(ENVIRONMENT="production", SECRET_KEY=STRONG).test_client()
    response = client.get("/health/live", base_url="https://localhost")
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
