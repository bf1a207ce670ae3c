from conftest import create_app
from sqlalchemy.orm import Session


def test_redis_is_used_where_it_is_named(monkeypatch):
    monkeypatch.setenv("FLASK_ENVIRONMENT", "development")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    app = create_app()
    assert app.config["CACHE_TYPE"] == "RedisCache"
    assert app.test_client().get("/health/live").status_code == 200


def test_without_its_cache_it_is_degraded_and_serves(make_app, database_url, migrated):
    client = make_app(DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:1").test_client()
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert client.get("/books").status_code == 200


def test_what_was_read_before_is_answered_without_the_database(writer, author, monkeypatch):
    first = writer.get("/authors").json
    monkeypatch.setattr(Session, "scalars", None)
    assert writer.get("/authors").json == first
