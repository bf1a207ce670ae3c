"""The migrations make what the models say, and what the database refuses is a problem document."""

import pytest
from conftest import db
from conftest import MIGRATIONS
from flask import request
from flask_migrate import check
from flask_migrate import downgrade
from sqlalchemy import CheckConstraint
from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import insert
from sqlalchemy import inspect
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import text

SECRET = "zq-4711-qz"

metadata = MetaData()
parents = Table("test_parents", metadata, Column("id", Integer, primary_key=True))
rows = Table(
    "test_rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(20), unique=True),
    Column("count", Integer, CheckConstraint("count >= 0")),
    Column("needed", Integer, nullable=False, default=1),
    Column("parent_id", ForeignKey("test_parents.id")),
)


def test_the_models_and_the_migrations_agree(migrated):
    with migrated.app_context():
        check(str(MIGRATIONS))


def test_every_migration_can_be_reverted(lasting):
    with lasting.app_context():
        downgrade(str(MIGRATIONS), "base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


def test_without_migrations_a_503_says_how_to_make_the_tables(make_app, tmp_path, caplog):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    app.add_url_rule("/rows", view_func=lambda: str(db.session.scalar(select(rows.c.id))))
    for path in ("/rows", "/health/ready"):
        refused = app.test_client().get(path)
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
        assert "flask db upgrade" in refused.json["detail"]
    assert "flask db upgrade" in caplog.text


def test_a_database_that_is_newer_than_the_code_is_ready(lasting):
    with lasting.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = 'from tomorrow'"))
        db.session.commit()
    assert lasting.test_client().get("/health/ready").status_code == 200


@pytest.fixture
def client(lasting):
    """A client of views that check nothing."""
    lasting.config["PROPAGATE_EXCEPTIONS"] = False

    @lasting.get("/rows")
    def show():
        return [row.id for row in db.session.execute(select(rows))]

    @lasting.post("/rows")
    def add():
        db.session.execute(insert(rows).values(**request.get_dict()))
        db.session.commit()
        return {}, 201

    @lasting.delete("/parents")
    def remove():
        db.session.execute(text("DELETE FROM test_parents"))
        db.session.commit()
        return {}

    @lasting.get("/mistake")
    def mistake():
        return {"number": db.session.scalar(text("SELECT nothing FROM test_rows"))}

    with lasting.app_context():
        metadata.create_all(db.engine)
        db.session.execute(insert(parents).values(id=1))
        db.session.execute(insert(rows).values(name=SECRET, parent_id=1))
        db.session.commit()
    return lasting.test_client()


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"name": SECRET}, 409),
        ({"parent_id": 1847110947}, 409),
        ({"count": -1847110947}, 409),
        ({"needed": None}, 409),
        ({"id": 1}, 409),
        ({"count": 2**70}, 422),
        ({"count": -(2**70)}, 422),
    ],
)
def test_what_cannot_be_stored_is_refused_and_told_to_nobody(client, caplog, row, status):
    refused = client.post("/rows", row)
    assert (refused.status_code, refused.mimetype) == (status, "application/problem+json")
    assert client.get("/rows").json == [1]
    assert client.post("/rows", {}).status_code == 201
    for value in (SECRET, "1847110947", str(2**70)):
        assert value not in refused.text + caplog.text


def test_a_row_that_others_refer_to_stays(client):
    assert client.delete("/parents").status_code == 409


def test_a_mistake_in_the_code_is_a_500(client):
    assert client.get("/mistake").status_code == 500
