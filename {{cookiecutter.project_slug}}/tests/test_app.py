import pytest
from conftest import create_app

STRONG = "a0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch):
    for name in ("SECRET_KEY", "DATABASE_URL", "FLASK_ENVIRONMENT", "SECRET_KEY_FALLBACKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)  # feature: cache


@pytest.mark.parametrize("key", [None, "", STRONG[:31], "a" * 64, "change-me-" * 5])
def test_production_refuses_a_missing_or_weak_key(key):
    config = {} if key is None else {"SECRET_KEY": key}
    with pytest.raises(ValueError, match="SECRET_KEY") as refused:
        create_app(config)
    assert not key or key not in str(refused.value)


def test_production_refuses_a_weak_fallback():
    with pytest.raises(ValueError, match="such SECRET_KEY_FALLBACKS"):
        create_app({"SECRET_KEY": STRONG, "SECRET_KEY_FALLBACKS": ["short"]})


def test_production_starts_with_a_strong_key():
    app = create_app({"SECRET_KEY": STRONG})
    assert app.config["ENVIRONMENT"] == "production"
    assert app.config["SESSION_COOKIE_SECURE"] is True  # feature: session or auth
    assert app.config["SESSION_COOKIE_NAME"].startswith("__Host-")  # feature: session or auth


def test_development_makes_a_key_of_its_own(make_app):
    one, other = make_app(), make_app()
    assert len(one.secret_key) >= 32
    assert one.secret_key != other.secret_key


def test_all_bad_settings_are_named_at_once(monkeypatch):
    monkeypatch.setenv("FLASK_MAX_CONTENT_LENGTH", "much")
    with pytest.raises(ValueError) as refused:
        create_app({"ENVIRONMENT": "staging"})
    assert "ENVIRONMENT" in str(refused.value)
    assert "MAX_CONTENT_LENGTH" in str(refused.value)
    assert "much" not in str(refused.value)


def test_the_environment_configures_and_config_wins(monkeypatch):
    monkeypatch.setenv("FLASK_ENVIRONMENT", "development")
    monkeypatch.setenv("SECRET_KEY", "1234567890123456")
    monkeypatch.setenv("DATABASE_URL", "postgres://host/name")
    monkeypatch.setenv("FLASK_JSON_SORT_KEYS", "false")
    monkeypatch.setenv("FLASK_OPENAPI_TITLE", "Books")
    app = create_app()
    assert app.secret_key == "1234567890123456"
    assert app.config["SQLALCHEMY_DATABASE_URI"] == "postgresql://host/name"
    assert app.config["JSON_SORT_KEYS"] is False
    assert app.test_client().get("/openapi.json").json["info"]["title"] == "Books"
    assert create_app({"SECRET_KEY": STRONG}).secret_key == STRONG


def test_two_apps_run_side_by_side(make_app):
    one, other = make_app(), make_app()
    assert one.test_client().get("/health/live").json == {"status": "ok"}
    assert other.test_client().get("/health/live").json == {"status": "ok"}


def test_a_view_may_be_a_coroutine(make_app):
    app = make_app()

    @app.get("/later")
    async def later():
        return {"now": True}

    assert app.test_client().get("/later").json == {"now": True}


def test_an_error_names_the_request_that_it_ended(client):
    refused = client.get("/nowhere", headers={"X-Request-ID": "from-the-proxy.1"})
    assert refused.json["request_id"] == refused.headers["X-Request-ID"] == "from-the-proxy.1"
    assert "X-Request-ID" not in client.get("/openapi.json").headers
