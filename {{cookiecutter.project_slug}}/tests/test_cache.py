from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import cache
from conftest import create_app
from conftest import db
from sqlalchemy import text
from sqlalchemy import update
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column


class Base(DeclarativeBase):
    """For a table of these tests, of which no migration knows."""


class Saying(Base):
    __tablename__ = "test_sayings"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture
def app(make_app, tmp_path):
    """An application that caches what it shows at ``/saying``, which is "old"."""
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")

    @app.get("/saying")
    @cache.cached_view()
    def show_saying():
        return {"text": db.session.get(Saying, 1).text}

    with app.app_context():
        Base.metadata.create_all(db.engine)
        db.session.add(Saying(id=1, text="old"))
        db.session.commit()
    return app


def change_elsewhere(app):
    """Commit "new" as another process does, which the cache does not see."""

    def change():
        with app.app_context():
            db.session.execute(update(Saying).values(text="new"))
            db.session.commit()

    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(change).result()


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


def test_a_cached_response_needs_no_database(client):
    assert client.get("/saying").json == {"text": "old"}
    change_elsewhere(client.application)
    assert client.get("/saying").json == {"text": "old"}
