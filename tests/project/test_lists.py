"""Lists of any table, sorted, filtered, searched and in pages, on SQLite and PostgreSQL."""

import enum
import random
import re
import string
import time
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import UTC
from decimal import Decimal
from itertools import product
from urllib.parse import urlencode
from uuid import UUID
from uuid import uuid4

import pytest
from accounts import log_in  # feature: auth
from conftest import create_app
from conftest import db
from flask import Blueprint
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy import event
from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import Interval
from sqlalchemy import JSON
from sqlalchemy import MetaData
from sqlalchemy import Numeric
from sqlalchemy import REAL
from sqlalchemy import select
from sqlalchemy import String
from sqlalchemy import text
from sqlalchemy import TypeDecorator
from sqlalchemy.orm import aliased
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column
from werkzeug.utils import import_string

PACKAGE = create_app.__module__
lists = import_string(f"{PACKAGE}.lists")
models = import_string(f"{PACKAGE}.models")
operation = import_string(f"{PACKAGE}.carafe.operation:operation")
schema = import_string(f"{PACKAGE}.carafe.schema")
Representation, optional = schema.Representation, schema.optional
Page, PageQuery, page, sortable = lists.Page, lists.PageQuery, lists.page, lists.sortable


class Color(enum.Enum):
    RED = "red"
    BLUE = ("dark", "blue")


class Money:
    """A value of the owner's, which neither JSON nor the database knows."""

    def __init__(self, cents):
        self.cents = cents


class Cents(TypeDecorator):
    impl = Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value.cents

    def process_result_value(self, value, dialect):
        return None if value is None else Money(value)


class Base(db.Model):
    """The application's, for tables that are not among its own."""

    __abstract__ = True
    metadata = MetaData()


class Row(Base):
    __tablename__ = "rows"

    first: Mapped[UUID] = mapped_column(primary_key=True)
    second: Mapped[str] = mapped_column(String(5), primary_key=True)
    number: Mapped[int]
    name: Mapped[str]
    nick: Mapped[str | None]
    real: Mapped[float] = mapped_column(REAL)
    double: Mapped[float | None]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    on: Mapped[date | None]
    at: Mapped[datetime]
    color: Mapped[Color | None]
    yes: Mapped[bool]
    data: Mapped[bytes]
    took: Mapped[timedelta | None] = mapped_column(Interval)
    cost: Mapped[Money | None] = mapped_column(Cents)


COLUMNS = [column.key for column in Row.__table__.columns]
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))
VALUES = {
    "number": st.integers(-2, 2) | st.integers(-(2**31), 2**31 - 1),
    "name": st.sampled_from("aAbé") | TEXT,
    "nick": st.none() | st.sampled_from("ab") | TEXT,
    "real": st.sampled_from([0.1, 0.2, -0.1, 1e30]) | st.floats(width=32, allow_nan=False),
    "double": st.none() | st.floats(allow_nan=False) | st.just(0.1),
    "price": st.decimals(-9, 9, places=2) | st.decimals(-1e6, 1e6, places=2),
    "on": st.none() | st.dates(),
    "at": TIMES.map(lambda time: time.replace(tzinfo=UTC)),
    "color": st.none() | st.sampled_from(Color),
    "yes": st.booleans(),
    "data": st.binary(max_size=3),
    "took": st.none() | st.timedeltas(timedelta(), timedelta(days=9)),
    "cost": st.none() | st.integers(-9, 9).map(Money),
}
KEYS = {"first": st.uuids(), "second": st.text(string.printable.strip(), max_size=5)}
ROWS = st.lists(
    st.fixed_dictionaries(KEYS | VALUES),
    max_size=12,
    unique_by=lambda row: (row["first"], row["second"]),
)
ORDERS = st.lists(st.sampled_from(COLUMNS), max_size=4, unique=True).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"-{name}"]) for name in names))
)


class AnyRow(Representation):
    """A row that shows what the tests look at."""

    first: UUID
    second: str


SHOWN = type("Shown", (AnyRow,), {"__annotations__": dict.fromkeys(COLUMNS, object)})
BY_COLUMN = [getattr(Row, name) for name in COLUMNS]


class RowQuery(PageQuery):
    sort: lists.Sort = sortable(SHOWN, *BY_COLUMN)
    q: lists.Search = lists.searched(Row.name, Row.nick)
    number: int = optional()
    number_min: int = optional()
    number_max: int = optional()
    real: float = optional()
    on_min: date = optional()
    at: schema.Timestamp = optional()
    at_min: schema.Timestamp = optional()
    at_max: schema.Timestamp = optional()
    color: list[Color] = []
    yes: bool = optional()
    other: str = optional()


@pytest.fixture
def rows(lasting):
    """An application with lists of rows, in a database of its own."""

    @lasting.get("/rows")
    @operation()
    def list_rows(query: RowQuery) -> tuple[Page[AnyRow], dict[str, str]]:
        return page(AnyRow, select(Row), query)

    @lasting.get("/rows/<name>")
    @operation()
    def list_named_rows(name: str, query: RowQuery) -> tuple[Page[AnyRow], dict[str, str]]:
        alias = aliased(Row)
        return page(AnyRow, select(alias).where(alias.name == name), query)

    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        yield lasting


def add(*rows):
    db.session.execute(delete(Row))
    for row in rows:
        db.session.add(Row(**row))
    db.session.commit()


SIMPLE = {
    "first": UUID(int=1),
    "second": "a",
    "number": 1,
    "name": "a",
    "real": 1.0,
    "price": 1,
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "yes": True,
    "data": b"",
}


def row(**values):
    return SIMPLE | {"first": uuid4()} | values


def names(client, **query):
    found = client.get(f"/rows?{urlencode(query)}")
    assert found.status_code == 200, found.json
    return [item["second"] for item in found.json["items"]]


def walk(client, url):
    """The items of all pages, one after another."""
    while url:
        found = client.get(url)
        assert found.status_code == 200, found.json
        yield from found.json["items"]
        url = found.json["next"] and found.headers["Link"].split(">")[0].strip("<")


@settings(
    max_examples=150,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ROWS, ORDERS, st.integers(1, 5))
def test_each_row_comes_once_in_the_order_of_the_database(rows, stored, order, limit):
    add(*stored)
    client, query = rows.test_client(), {"sort": ",".join(order)} if order else {}
    at_once = client.get("/rows", query | {"limit": 100}).json["items"]
    assert len(at_once) == len(stored)
    assert [*walk(client, f"/rows?{urlencode(query | {'limit': limit})}")] == at_once


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_list_is_sorted_with_nulls_last(rows, name, sign):
    values = {"a": 1, "b": 2, "c": None}
    kinds = {
        "first": lambda number: UUID(int=number),
        "second": str,
        "real": float,
        "double": float,
        "on": lambda number: date(2026, 1, number),
        "at": lambda number: datetime(2026, 1, number, tzinfo=UTC),
        "color": [None, Color.BLUE, Color.RED].__getitem__,
        "yes": lambda number: number == 2,
        "data": lambda number: bytes([number]),
        "took": lambda number: timedelta(number),
        "cost": Money,
        "number": int,
        "price": Decimal,
    }
    kind, is_nullable = kinds.get(name, str), Row.__table__.c[name].nullable
    if not is_nullable:
        del values["c"]
    stored = [
        row(**{"second": key} | {name: value and kind(value)}) for key, value in values.items()
    ]
    add(*random.sample(stored, len(stored)))
    expected = "12" if name == "second" else "ab"
    expected = (expected[::-1] if sign else expected) + "c" * is_nullable
    items = walk(rows.test_client(), f"/rows?sort={sign}{name}&limit=1")
    assert "".join(item["second"] for item in items) == expected


def test_the_primary_key_goes_the_way_of_the_last_column(rows):
    add(
        *(
            row(first=UUID(int=1), second=name, number=number)
            for name, number in [("a", 1), ("b", 1), ("c", 2)]
        )
    )
    orders = {"": "abc", "sort=-number": "cba", "sort=number,-name": "bac", "sort=-second": "cba"}
    for query, found in orders.items():
        items = walk(rows.test_client(), f"/rows?limit=1&{query}")
        assert "".join(item["second"] for item in items) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"number": 2}, "b"),
        ({"number_min": 2}, "bc"),
        ({"number_max": 2}, "ab"),
        ({"number_min": 2, "number_max": 2}, "b"),
        ({"real": 0.1}, "a"),
        ({"on_min": "2026-01-02"}, "b"),
        ({"at_max": "2026-01-01T02:00:00+02:00"}, "ab"),
        ({"yes": "false"}, "c"),
        ({"color": "red"}, "a"),
        ({"other": "x"}, "abc"),
        ({"number_min": 2, "sort": "-number"}, "cb"),
    ],
)
def test_a_field_named_like_a_column_is_a_filter(rows, query, found):
    add(
        row(
            second="a", first=UUID(int=1), number=1, real=0.1, on=date(2026, 1, 1), color=Color.RED
        ),
        row(second="b", first=UUID(int=2), number=2, on=date(2026, 1, 2)),
        row(
            second="c",
            first=UUID(int=3),
            number=3,
            yes=False,
            at=SIMPLE["at"] + timedelta.resolution,
        ),
    )
    assert "".join(names(rows.test_client(), **query)) == found


TEXTS = ["50%", "a_b", "aXb", "a\\b", "a/b", "É", "é", "ABC", "O'Neil\"", "--;", "ſs", "İ", "b cd"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("%", {"50%"}),
        ("_", {"a_b"}),
        ("\\", {"a\\b"}),
        ("/", {"a/b"}),
        ("A_B", {"a_b"}),
        ("axb", {"aXb"}),
        ("bc", {"ABC"}),
        ("É", {"É"}),
        ("é", {"é"}),
        ("S", {"ſs"}),
        ("i", {"O'Neil\""}),
        ("'", {"O'Neil\""}),
        ('"', {"O'Neil\""}),
        ("--;", {"--;"}),
        ("a%b", set()),
        ("ab", {"ABC"}),
        (" c", {"b cd"}),
        ("b d", set()),
        ("x" * 100, set()),
    ],
)
@pytest.mark.parametrize("column", ["name", "nick"])
def test_a_search_finds_a_text_whatever_its_characters(rows, column, q, found):
    add(
        *(
            row(name="?" if column == "nick" else "") | {column: text, "second": f"{at}"}
            for at, text in enumerate(TEXTS)
        )
    )
    assert {TEXTS[int(at)] for at in names(rows.test_client(), q=q)} == found


@pytest.mark.parametrize(
    "query",
    [
        *("sort=", "sort=,name", "sort=name,", "sort=name,name", "sort=name,-name", "sort=+name"),
        *("sort=%2Bname", "sort=Name", "sort=--name", "sort=name%20", "sort=name;number"),
        *("sort=name&sort=number", "sort=__class__", "sort=metadata", "sort=Row.name"),
        *("sort=name%20desc", "sort=" + "name," * 2000, "sort=" + "x" * 5000, "sort[]=name"),
        *("q=", "q=" + "x" * 101, "q=a&q=b", "Q=a", "number=1&number=1", "number=x"),
        *("number_min=", "at_max=2026-01-01T00:00:00", "at_max=0", "on_min=0", "on_min=-1.5"),
        *("color=green", "numbr=1", "limit=1&limit=1", "limit=0", "limit=101", "=", "name=a"),
        *("real=nan", "real=inf", "real=-Infinity", "real=1e999"),
        *(
            "cursor=",
            "cursor=x",
            "cursor=.",
            "cursor=" + "x" * 5000,
            "at_max=9999-12-31T23:59:59-02:00",
        ),
    ],
)
def test_what_is_wrong_in_a_query_is_refused(rows, query):
    add(row())
    refused = rows.test_client().get(f"/rows?{query}")
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    assert {fault["place"] for fault in refused.json["errors"]} == {"query"}
    assert all(len(fault["path"]) <= 100 for fault in refused.json["errors"])


@pytest.mark.parametrize(
    ("query", "nearest"),
    [
        ("sort=nam", "'name'"),
        ("sort=%2Bname", "'name'"),
        ("sort=NAME", "'name'"),
        ("sort=-Name", "'-name'"),
        ("sort=name,name", "'name'"),
        ("sort=name,", "Did you mean '"),
        ("numbr=1", "'number'"),
        ("number_mni=1", "'number_min'"),
        ("Limit=1", "'limit'"),
    ],
)
def test_a_refusal_names_the_nearest(rows, query, nearest):
    [fault] = rows.test_client().get(f"/rows?{query}").json["errors"]
    assert nearest in fault["detail"]


def test_a_value_that_is_out_of_range_is_refused(rows):
    assert rows.test_client().get(f"/rows?number={2**70}").status_code == 422


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    tags: Mapped[list[str]] = mapped_column(JSON)


class NoteQuery(PageQuery):
    tags: list[str] = optional()


def test_a_column_of_json_is_no_filter(rows):
    with rows.test_request_context("/"), pytest.raises(TypeError, match="Note.tags holds JSON"):
        page(AnyRow, select(Note), NoteQuery(tags=["a"]))


def test_a_time_with_and_one_without_a_fraction_that_is_zero_are_in_one_order(rows):
    seconds = {str(each): each % 3 for each in range(10)}
    times = {
        name: datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC) for name, second in seconds.items()
    }
    add(*(row(second=name, number=int(name), at=time) for name, time in times.items()))
    if db.engine.dialect.name == "sqlite":  # As CURRENT_TIMESTAMP is written.
        db.session.execute(text("UPDATE rows SET at = substr(at, 1, 19) WHERE number < 5"))
        db.session.commit()
    client = rows.test_client()
    for order in ("at", "-at"):
        found = [each["second"] for each in walk(client, f"/rows?sort={order}&limit=2")]
        assert sorted(found) == [*seconds]
        found = [seconds[name] for name in found]
        assert found == sorted(found, reverse=order == "-at")
    for bound, expected in {"at": "147", "at_min": "124578", "at_max": "0134679"}.items():
        assert "".join(sorted(names(client, **{bound: times["1"].isoformat()}))) == expected


@pytest.fixture
def cursor(rows):
    """The cursor of ``/rows?sort=number&limit=1``."""
    add(*(row(second=name, number=at, name="a") for at, name in enumerate("abc")))
    return rows.test_client().get("/rows?sort=number&limit=1").json["next"]


def test_a_cursor_is_bound_to_its_list_and_its_order(rows, cursor):
    client = rows.test_client()
    assert names(client, sort="number", cursor=cursor) == ["b", "c"]
    assert names(client, sort="number", cursor=cursor, limit=1, number_min=2) == ["c"]
    for other in ("sort=-number", "sort=number,name", "sort=name", ""):
        assert client.get(f"/rows?{other}&cursor={cursor}").status_code == 422, other
    named = client.get("/rows/a?sort=number&limit=1").json["next"]
    assert client.get(f"/rows/a?sort=number&cursor={named}").status_code == 200
    for path in ("/rows", "/rows/b"):
        assert client.get(f"{path}?sort=number&cursor={named}").status_code == 422


def test_a_cursor_with_one_other_character_is_refused(rows, cursor):
    client = rows.test_client()
    for at in range(len(cursor)):
        for other in {"A", "b", "0", "-", "_", ".", "="} - {cursor[at]}:
            changed = f"{cursor[:at]}{other}{cursor[at + 1 :]}"
            assert client.get(f"/rows?sort=number&cursor={changed}").status_code == 422
    for changed in (cursor[:-1], cursor[1:], f"{cursor}0", f"{cursor}=", f"{cursor}.{cursor}"):
        assert client.get(f"/rows?sort=number&cursor={changed}").status_code == 422


def test_a_cursor_outlives_a_change_of_keys_while_the_old_one_is_a_fallback(rows, cursor):
    url, old = f"/rows?sort=number&cursor={cursor}", rows.config["SECRET_KEY"]
    rows.config.update(SECRET_KEY="k" * 32, SECRET_KEY_FALLBACKS=["j" * 32, old])
    client = rows.test_client()
    assert client.get(url).status_code == 200
    new = client.get("/rows?sort=number&limit=1").json["next"]
    rows.config.update(SECRET_KEY_FALLBACKS=["j" * 32])
    assert client.get(url).status_code == 422
    assert names(client, sort="number", cursor=new) == ["b", "c"]


def test_a_cursor_is_the_same_each_time(rows, cursor):
    assert rows.test_client().get("/rows?limit=1&sort=number").json["next"] == cursor


class Shelf(Base):
    __tablename__ = "shelves"

    id: Mapped[str] = mapped_column(primary_key=True)


def test_a_cursor_from_before_a_column_had_its_type_is_refused(rows):
    class Thing(Representation):
        id: int | str

    @rows.get("/things")
    @operation()
    def list_things(query: PageQuery) -> tuple[Page[Thing], dict[str, str]]:
        return page(Thing, select(kind), query)

    kind, client = Shelf, rows.test_client()
    db.session.add_all(Shelf(id=id) for id in "ab")
    db.session.commit()
    url = f"/things?cursor={client.get('/things?limit=1').json['next']}"
    assert client.get(url).json["items"] == [{"id": "b"}]
    kind = Note
    assert client.get(url).status_code == 422


def test_the_link_keeps_every_argument_below_the_prefix(rows):
    colors = [("color", "red")] * 2
    query = urlencode([("q", "&B=%/é"), *colors, ("other", "_external"), ("limit", 1)])
    add(*(row(second=name, name="a&b=%/é", color=Color.RED) for name in "abc"))
    found = rows.test_client().get(f"/rows?{query}", base_url="http://localhost/svc")
    link = f"/svc/rows?{query}&cursor={found.json['next']}"
    assert found.headers["Link"] == f'<{link}>; rel="next"'
    assert len([*walk(rows.test_client(), f"/rows?{query}")]) == 3


def test_a_cursor_is_good_below_every_prefix(rows, cursor):
    url, below = f"/rows?sort=number&cursor={cursor}", "http://localhost/svc"
    assert rows.test_client().get(url, base_url=below).status_code == 200


def test_a_list_may_have_a_path_of_which_the_view_does_not_see_all(rows):
    bp = Blueprint("shelves", __name__, url_prefix="/<place>")
    bp.url_value_preprocessor(lambda endpoint, values: values.pop("place"))

    @bp.get("/rows")
    @operation()
    def list_shelf(query: RowQuery) -> tuple[Page[AnyRow], dict[str, str]]:
        return page(AnyRow, select(Row), query)

    rows.register_blueprint(bp)
    add(*(row(second=name) for name in "abc"))
    client = rows.test_client()
    items = [*walk(client, "/d%C3%A9j%C3%A0%20vu%3F/rows?limit=1&sort=second")]
    assert [item["second"] for item in items] == ["a", "b", "c"]
    cursor = client.get("/here/rows?limit=1").json["next"]
    assert client.get(f"/there/rows?limit=1&cursor={cursor}").status_code == 422


class Maker(Base):
    __tablename__ = "makers"

    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def test_a_joined_list_is_searched_in_the_columns_of_both_tables(rows):
    boss = aliased(Maker)

    class MadeQuery(PageQuery):
        q: lists.Search = lists.searched(Row.name, Maker.name, boss.name)

    @rows.get("/made")
    @operation()
    def list_made(query: MadeQuery) -> tuple[Page[AnyRow], dict[str, str]]:
        joined = select(Row).join(Maker, Maker.number == Row.number).join(boss, boss.number == 3)
        return page(AnyRow, joined, query)

    add(row(second="a", name="x", number=1), row(second="b", name="y", number=2))
    db.session.execute(delete(Maker))
    db.session.add_all(Maker(number=at, name=name) for at, name in enumerate(["", "y", "z", "o"]))
    db.session.commit()
    client = rows.test_client()
    for q, found in (("x", "a"), ("y", "ab"), ("z", "b"), ("O", "ab"), ("?", "")):
        items = client.get("/made", {"q": q}).json["items"]
        assert "".join(sorted(item["second"] for item in items)) == found


def test_only_what_is_shown_may_be_sorted_by():
    class Hidden(Representation):
        name: str
        number: int = schema.Field(exclude=True)

    for column in (Row.price, Row.number):
        with pytest.raises(ValueError, match=f"Hidden does not show Row.{column.key}"):
            sortable(Hidden, column)
    with pytest.raises(ValueError, match="Shelf.id is not of the model of Row.name"):
        sortable(Hidden, Row.name, Shelf.id)
    with pytest.raises(TypeError, match="Note.tags holds JSON or an array"):
        sortable(Hidden, Note.tags)
    with pytest.raises(TypeError, match="Row.number has no strings"):
        lists.searched(Row.name, Row.number)


def test_a_select_may_have_more_columns(rows):
    @rows.get("/labelled")
    @operation()
    def labelled(query: PageQuery) -> tuple[Page[AnyRow], dict[str, str]]:
        return page(AnyRow, select(Row, (Row.number + 1).label("next")), query)

    add(*(row(second=name, number=at) for at, name in enumerate("abc")))
    found = [item["second"] for item in walk(rows.test_client(), "/labelled?limit=1")]
    assert sorted(found) == ["a", "b", "c"]


def test_columns_have_the_names_that_clients_see(rows):
    class Camel(Representation):
        model_config = {"alias_generator": lambda name: "".join(map(str.title, name.split("_")))}
        second: str
        number: int

    class CamelQuery(PageQuery):
        sort: lists.Sort = sortable(Camel, Row.number, default="-Number")

    @rows.get("/camel")
    @operation()
    def list_camels(query: CamelQuery) -> tuple[Page[Camel], dict[str, str]]:
        return page(Camel, select(Row).order_by(Row.name), query)

    add(*(row(second=name, number=at) for at, name in enumerate("abc")))
    client = rows.test_client()
    for query, found in (("", "cba"), ("sort=Number", "abc"), ("sort=-Number&limit=1", "cba")):
        assert "".join(item["Second"] for item in walk(client, f"/camel?{query}")) == found
    assert client.get("/camel?sort=number").status_code == 422


def test_a_search_is_not_cached(lasting):  # feature: cache
    client, found = lasting.test_client(), {}
    with lasting.app_context():
        db.session.add(models.Author(id=1, name="A"))
        for title in ("one", "none"):
            db.session.add(models.Book(title=title, author_id=1))
            db.session.commit()
            for query in ("limit=9", "q=one"):
                items = client.get(f"/books?{query}").json["items"]
                found.setdefault(query, []).append(len(items))
    assert found == {"limit=9": [1, 1], "q=one": [1, 2]}


BOOKS = 10_000
ORDERS_OF_BOOKS = ["", "title", "-title", "created_at", "-created_at"]
OTHER_ORDERS = ["published_on", "-published_on", "title,-created_at", "-published_on,title"]


@pytest.fixture
def library(lasting):
    """An application with 10,000 books, many of which have the same title."""
    with lasting.app_context():
        db.session.add(models.Author(id=1, name="A"))
        db.session.flush()
        for first in range(0, BOOKS, 1000):
            add_books(range(first, first + 1000))
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("ANALYZE"))
            db.session.commit()
        yield lasting


def add_books(numbers):
    books = []
    for number in numbers:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number * 7919 % 5000)
        published = date(1800, 1, 1) + timedelta(days=number % 300) if number % 3 else None
        title, times = f"Title {number * 31 % 997}", {"created_at": at, "updated_at": at}
        books.append({"title": title, "author_id": 1, "published_on": published, **times})
    db.session.execute(insert(models.Book).values(books))
    db.session.commit()


def test_no_row_that_stays_is_lost_or_doubled_while_others_come_and_go(library):
    client, chance = library.test_client(), random.Random(7)
    for order in ORDERS_OF_BOOKS + OTHER_ORDERS:
        there = [*db.session.scalars(select(models.Book.id))]
        db.session.rollback()
        go = chance.sample(there, 2000)
        stay, seen = set(there) - {*go}, []
        for item in walk(client, f"/books?{urlencode({'sort': order} if order else {})}&limit=100"):
            seen.append(item["id"])
            if len(seen) % 100 == 0:
                leaving = [go.pop() for _ in range(min(len(go), 15))] + list({*seen[-2:]} & {*go})
                db.session.execute(delete(models.Book).where(models.Book.id.in_(leaving)))
                add_books(chance.randrange(BOOKS) for _ in range(15))
        assert len(seen) == len(set(seen)), order
        assert stay <= set(seen), order


def test_page_500_costs_what_page_1_costs(library):
    client, is_sqlite = library.test_client(), db.engine.dialect.name == "sqlite"
    for order in ORDERS_OF_BOOKS:
        query, cursor = {"sort": order} if order else {}, {}
        plans = [plan_of(library, query | {"limit": 10})]
        for limit in [100] * 49 + [10] * 9:  # A cursor is not bound to the limit.
            found = client.get("/books", query | cursor | {"limit": limit})
            cursor = {"cursor": found.json["next"]}
        plans.append(plan_of(library, query | cursor | {"limit": 10}))
        for plan in plans:
            assert not re.search("(?im)sort |temp b-tree|^ +filter", "\n".join(plan)), plan
            [access] = [line for line in plan if re.search(" on books|(SEARCH|SCAN) books", line)]
            if is_sqlite:
                used = "SEARCH books USING .*[<>]" if plan is plans[1] else "SCAN books"
                assert re.search(used, access), plan
            else:
                assert "Index Scan" in access or "Index Only Scan" in access, plan
                assert float(re.search(r"rows=([\d.]+)", access)[1]) <= 30, plan


def plan_of(app, query):
    """What the database does for a page of books, a line for each step."""
    statements = []

    def keep(connection, cursor, statement, parameters, context, executemany):
        if "FROM books" in statement:
            statements.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", keep)
    assert app.test_client().get("/books", query).status_code == 200
    event.remove(db.engine, "before_cursor_execute", keep)
    [(statement, parameters)] = statements
    is_sqlite = db.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)"
    with db.engine.connect() as connection:
        found = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return [line[-1] for line in found]


@pytest.fixture
def editor(lasting):
    client = lasting.test_client()
    client = log_in(lasting, "editor")  # feature: auth
    return client


def test_times_are_set_by_the_database_layer(lasting, editor):
    author = editor.post("/authors", {"name": "A"})
    sent = editor.post("/books", {"title": "B", "author_id": author.json["id"]})
    book, path = sent.json, sent.location
    for added in (author.json, book):
        assert added["created_at"] == added["updated_at"]
        assert added["created_at"].endswith("Z") and len(added["created_at"]) in (20, 27)
    body = {"title": "B", "author_id": book["author_id"]}
    assert editor.put(path, body).json == book
    assert editor.patch(path, {}).json == book
    assert (
        editor.patch(author.location, {"name": "C"}).json["updated_at"] > author.json["updated_at"]
    )
    assert editor.get(path).json["updated_at"] == book["updated_at"]
    changed = editor.put(path, body | {"published_on": "1818-01-01"}).json
    assert changed["updated_at"] > book["updated_at"]
    assert changed["created_at"] == book["created_at"]
    assert editor.put(path, body).json["published_on"] is None
    for place, name in product((path, author.location), ("created_at", "updated_at")):
        assert editor.patch(place, {name: book[name]}).status_code == 422
    with lasting.app_context():
        db.session.execute(models.Book.__table__.update().values(title="D"))
        db.session.commit()
    assert editor.get(path).json["updated_at"] > changed["updated_at"]


@pytest.fixture
def east(monkeypatch):
    """A machine on which it is later than in UTC."""
    use_zone = getattr(time, "tzset", lambda: None)  # Windows has none.
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        use_zone()
        yield
    use_zone()


def test_times_are_those_of_the_application_when_it_flushes(lasting, east):
    authors = [models.Author(name=name) for name in "abc"]
    with lasting.app_context():
        db.session.execute(select(1))  # The transaction is older.
        for author in authors:
            before = datetime.now(UTC)
            db.session.add(author)
            db.session.flush()
            db.session.refresh(author)
            assert before <= author.created_at == author.updated_at <= datetime.now(UTC)
        assert any(author.created_at.microsecond % 1000 for author in authors)


def test_the_document_has_the_orders_of_a_list(lasting):
    document = lasting.test_client().get("/openapi.json").json
    parameters = document["paths"]["/books"]["get"]["parameters"]
    sort = next(each for each in parameters if each["name"] == "sort")
    assert sort["explode"] is False and sort["required"] is False
    columns = ["title", "created_at", "published_on"]
    assert sort["schema"]["type"] == "array"
    assert set(sort["schema"]["items"]["enum"]) == {*columns, *(f"-{name}" for name in columns)}


def test_every_kind_of_insert_sets_the_times(lasting):
    with lasting.app_context():
        db.session.add(models.Author(id=1, name="A"))
        db.session.commit()
        values = [{"title": title, "author_id": 1} for title in "ab"]
        db.session.execute(insert(models.Book), values)
        db.session.execute(insert(models.Book).values(values))
        db.session.execute(insert(models.Book).values(**values[0], created_at=func.now()))
        origin = select(models.Author.name, models.Author.id)
        db.session.execute(insert(models.Book).from_select(["title", "author_id"], origin))
        db.session.commit()
        times = db.session.execute(select(models.Book.created_at, models.Book.updated_at)).all()
        assert len(times) == 6 and all(None not in pair for pair in times)
