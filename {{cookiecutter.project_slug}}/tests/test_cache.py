from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import cache
from conftest import create_app
from conftest import db
from flask import g
from sqlalchemy import text
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


def test_what_the_request_read_before_a_miss_is_read_again(make_app, tmp_path):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    mappers = db.Model.registry.mappers
    author = next(mapper.class_ for mapper in mappers if mapper.class_.__name__ == "Author")

    def rename():
        with app.app_context():
            db.session.execute(text("UPDATE authors SET name = 'new'"))
            db.session.commit()

    @app.before_request
    def read_before_the_rename():
        g.author = db.session.get(author, 1)
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(rename).result()

    with app.app_context():
        db.create_all()
        db.session.add(author(name="old"))
        db.session.commit()
    assert app.test_client().get("/authors/1").json["name"] == "new"


@pytest.mark.parametrize("has_flushed", [False, True])
def test_what_the_request_has_to_write_is_not_lost_and_its_answer_not_kept(
    make_app, tmp_path, has_flushed
):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    mappers = db.Model.registry.mappers
    author = next(mapper.class_ for mapper in mappers if mapper.class_.__name__ == "Author")

    @app.before_request
    def rename():
        db.session.get(author, 1).name = "new"
        if has_flushed:
            db.session.flush()

    with app.app_context():
        db.create_all()
        db.session.add(author(name="old"))
        db.session.commit()
        assert app.test_client().get("/authors/1").json["name"] == "new"
        assert cache.get("AuthorView:view:/authors/1") is None
