# feature: cache
"""A cached view and the transaction of its request do not disturb each other."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest
from conftest import cache
from conftest import db
from flask import g
from flask import request
from flask.views import MethodView
from sqlalchemy import insert
from sqlalchemy import select
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


def test_a_cached_response_needs_no_database(client):
    assert client.get("/saying").json == {"text": "old"}
    change_elsewhere(client.application)
    assert client.get("/saying").json == {"text": "old"}


@pytest.mark.parametrize("in_session", [True, False])
def test_what_was_committed_before_a_refusal_is_shown(app, client, in_session):
    class Sayings(MethodView):
        @cache.cached_view()
        def get(self):
            return [saying.text for saying in db.session.scalars(select(Saying))]

        def post(self):
            if in_session:
                db.session.add(Saying(id=2, text="new"))
                db.session.commit()
            else:
                with db.engine.begin() as connection:
                    connection.execute(insert(Saying).values(id=2, text="new"))
            db.session.execute(insert(Saying).values(id=1, text="taken"))
            return {}

    app.add_url_rule("/sayings", view_func=Sayings.as_view("sayings"))
    assert client.get("/sayings").json == ["old"]
    assert client.post("/sayings").status_code == 409
    assert client.get("/sayings").json == ["old", "new"]


def test_what_the_request_read_before_a_miss_is_read_again(app, client):
    @app.before_request
    def read_before_the_change():
        assert db.session.get(Saying, 1).text == "old"
        change_elsewhere(app)

    assert client.get("/saying").json == {"text": "new"}


def test_what_a_hook_has_left_in_g_before_a_write_is_not_cached(app, client):
    writes = [lambda: None, lambda: (change_elsewhere(app), cache.invalidate("show"))]

    @app.before_request
    def read():
        g.text = db.session.scalar(text("SELECT text FROM test_sayings"))
        writes.pop()() if writes else None

    @app.get("/show")
    @cache.cached_view()
    def show():
        return {"text": g.text}

    assert client.get("/show").json == {"text": "old"}
    sleep(0.002)  # In the millisecond of the write nothing is cached yet.
    assert [client.get("/show").json["text"] for _ in range(3)] == ["new"] * 3
    assert client.get("/show").headers["Cache-Status"] == "carafe; hit"


@pytest.mark.parametrize("has_flushed", [False, True])
def test_an_uncommitted_change_is_neither_lost_nor_cached(app, client, has_flushed):
    changes = ["new"]

    @app.before_request
    def change():
        if changes:
            db.session.get(Saying, 1).text = changes.pop()
        if has_flushed:
            db.session.flush()

    assert client.get("/saying").json == {"text": "new"}
    assert client.get("/saying").json == {"text": "old"}


INSERT = "INSERT INTO test_sayings (id, text) VALUES (2, 'new')"
WRITES = {
    "text": lambda: db.session.execute(text(INSERT)),
    "common table": lambda: db.session.execute(text(f"WITH a AS (SELECT 1) {INSERT}")),
    "connection": lambda: db.session.connection().execute(insert(Saying).values(id=2, text="new")),
    "driver": lambda: db.session.connection().exec_driver_sql(f" {INSERT}"),
    "bulk": lambda: db.session.bulk_save_objects([Saying(id=2, text="new")]),
}


@pytest.mark.parametrize("way", WRITES)
def test_no_way_to_write_before_a_miss_is_lost(app, client, way):
    @app.before_request
    def write():
        WRITES[way]()

    @app.after_request
    def keep(response):
        db.session.commit()
        return response

    response = client.get("/saying")
    assert response.json == {"text": "old"}
    assert "stored" not in response.headers["Cache-Status"]
    with app.app_context():
        assert db.session.get(Saying, 2).text == "new"


@pytest.mark.parametrize("is_local", [True, False])
def test_what_a_hook_sets_for_the_transaction_stays_set(make_app, postgresql, is_local):
    app = make_app(DATABASE_URL=postgresql)
    setting = text("SELECT set_config('app.tenant', :tenant, :is_local)")

    @app.before_request
    def set_tenant():
        values = {"tenant": request.headers["X-Tenant"], "is_local": is_local}
        db.session.execute(setting, values)

    @app.get("/tenant")
    @cache.cached_view()
    def tenant():
        return {"tenant": db.session.scalar(text("SELECT current_setting('app.tenant')"))}

    for name in ("ada", "bob") * 2:
        response = app.test_client().get("/tenant", headers={"X-Tenant": name})
        assert response.json == {"tenant": name}


@pytest.mark.parametrize("snapshot", ["isolation", "bind"])
@pytest.mark.parametrize(
    "statement", ["SELECT set_config('app.tenant', '{}', true)", "SET LOCAL app.tenant = '{}'"]
)
def test_what_was_set_for_a_transaction_with_a_snapshot_is_neither_lost_nor_shared(
    make_app, postgresql, snapshot, statement
):
    config = {
        "isolation": {"SQLALCHEMY_ENGINE_OPTIONS": {"isolation_level": "REPEATABLE READ"}},
        "bind": {"SQLALCHEMY_BINDS": {"other": "sqlite://"}},
    }[snapshot]
    app = make_app(DATABASE_URL=postgresql, **config)
    show = "SELECT current_setting('app.tenant')"
    find = cache.memoize()(lambda: db.session.scalar(text(show)))

    @app.before_request
    def set_tenant():
        db.session.execute(text(statement.format(request.headers["X-Tenant"])))

    @app.get("/tenant")
    @cache.cached_view()
    def tenant():
        return {"tenant": db.session.scalar(text(show)), "memoized": find()}

    for name in ("ada", "bob") * 2:
        response = app.test_client().get("/tenant", headers={"X-Tenant": name})
        assert response.json == {"tenant": name, "memoized": name}


def test_the_tenant_of_a_session_is_not_that_of_the_next_one(app, client):
    @app.before_request
    def set_tenant():
        db.session.info["tenant"] = request.cookies["tenant"]

    @app.get("/tenant")
    @cache.cached_view(public=True)
    def tenant():
        return {"tenant": db.session.info["tenant"]}

    for name in ("ada", "bob"):
        client.set_cookie("tenant", name)
        assert client.get("/tenant").json == {"tenant": name}


@pytest.mark.parametrize("begin", ["begin", "begin_nested"])
def test_a_block_around_a_view_ends_its_own_transaction(app, client, begin):
    @app.get("/block")
    def block():
        with getattr(db.session, begin)():
            return app.view_functions["show_saying"]()

    for _ in range(2):
        assert client.get("/block").json == {"text": "old"}


def test_a_function_that_saw_what_nobody_else_sees_is_not_cached(app):
    count = cache.memoize()(lambda: db.session.scalar(text("SELECT count(*) FROM test_sayings")))
    with app.app_context():
        db.session.execute(text(INSERT))
        assert count() == 2
        db.session.rollback()
        assert count() == 1


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_savepoint_does_not_end_what_was_written_before_it(app, client, ends):
    @app.before_request
    def write():
        db.session.add(Saying(id=2, text="new"))
        db.session.flush()
        getattr(db.session.begin_nested(), ends)()

    @app.after_request
    def keep(response):
        db.session.commit()
        return response

    assert client.get("/saying").json == {"text": "old"}
    with app.app_context():
        assert db.session.get(Saying, 2).text == "new"


def test_a_list_is_cached_by_its_arguments_and_a_search_is_not(lasting):
    client = lasting.test_client()
    for query in ("", "sort=title", "sort=-title", "author_id=1", "author_id=1&limit=1"):
        found = [client.get(f"/books?{query}").headers["Cache-Status"] for _ in range(2)]
        assert [status.removeprefix("carafe; ") for status in found] == ["fwd=miss; stored", "hit"]
    for _ in range(2):
        assert "stored" not in client.get("/books?q=a").headers["Cache-Status"]
    for query in ("titel=a", "author_id=1&author_id=1", "limit=1&Limit=1"):
        assert client.get(f"/books?{query}").status_code == 422
