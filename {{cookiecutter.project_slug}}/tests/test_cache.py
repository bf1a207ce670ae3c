from conftest import cache
from conftest import create_app
from conftest import db
from sqlalchemy import text


def test_redis_is_used_where_it_is_named(monkeypatch):
    monkeypatch.setenv("FLASK_ENVIRONMENT", "development")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    app = create_app()
    assert app.config["CACHE_TYPE"] == "RedisCache"
    assert app.test_client().get("/health/live").status_code == 200


def test_without_its_cache_it_is_degraded_and_serves(make_app, database_url, migrated):
    app = make_app(DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:1")

    @app.get("/cached")
    @cache.cached_view()
    def show():
        return {"number": db.session.scalar(text("SELECT 7"))}

    ready = app.test_client().get("/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert app.test_client().get("/cached").json == {"number": 7}
