"""What the database refuses is a problem document, without a value."""

import pytest
from conftest import db
from conftest import schema
from flask import request
from sqlalchemy import CheckConstraint
from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from sqlalchemy.orm import relationship

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


class Base(DeclarativeBase):
    pass


class Land(Base):
    __tablename__ = "test_lands"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    towns: Mapped[list["Town"]] = relationship()


class Town(Base):
    __tablename__ = "test_towns"

    land_code: Mapped[str] = mapped_column(ForeignKey(Land.code), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)


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

    @lasting.delete("/lands")
    def remove_land():
        db.session.delete(db.session.scalars(select(Land)).one())
        db.session.commit()
        return {}

    @lasting.get("/assertion")
    def fail():
        raise AssertionError("It should be.")

    @lasting.get("/mistake")
    def mistake():
        return {"number": db.session.scalar(text("SELECT nothing FROM test_rows"))}

    with lasting.app_context():
        metadata.create_all(db.engine)
        Base.metadata.create_all(db.engine)
        db.session.add(Land(code="de", towns=[Town(number=1)]))
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


@pytest.mark.parametrize("path", ["/parents", "/lands"])
def test_a_row_that_others_refer_to_stays(client, path):
    refused = client.delete(path)
    assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")


def test_what_an_assertion_of_the_owner_says_is_a_500(client):
    assert client.get("/assertion").status_code == 500


def test_a_lock_of_another_request_is_no_outage(make_app):
    with schema() as url:
        app = make_app(DATABASE_URL=url)

        @app.post("/locked")
        def lock():
            db.session.execute(text("LOCK TABLE taken NOWAIT"))
            return {}

        with app.app_context():
            with db.engine.begin() as connection:
                connection.execute(text("CREATE TABLE taken ()"))
            with db.engine.begin() as connection:
                connection.execute(text("LOCK TABLE taken"))
                response = app.test_client().post("/locked")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.json["detail"] == "Other requests were changing the same rows."


def test_a_mistake_in_the_code_is_a_500(client):
    assert client.get("/mistake").status_code == 500
