"""What is stored comes back the same, from SQLite as from PostgreSQL."""

import copy
import enum
import pickle
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from datetime import UTC
from decimal import Decimal
from secrets import token_hex
from typing import Any

import pytest
from conftest import db
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis.strategies import decimals
from hypothesis.strategies import floats
from hypothesis.strategies import integers
from sqlalchemy import ARRAY
from sqlalchemy import BigInteger
from sqlalchemy import DateTime
from sqlalchemy import delete
from sqlalchemy import insert
from sqlalchemy import Integer
from sqlalchemy import JSON
from sqlalchemy import MetaData
from sqlalchemy import Numeric
from sqlalchemy import select
from sqlalchemy import SmallInteger
from sqlalchemy import String
from sqlalchemy import text
from sqlalchemy import TIMESTAMP
from sqlalchemy import TypeDecorator
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.mutable import MutableDict
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

EAST, WEST = timezone(timedelta(hours=2)), timezone(timedelta(hours=-2))
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


class Base(db.Model):
    """The application's, for a table that is not among its own."""

    __abstract__ = True
    metadata = MetaData()


class Tags(TypeDecorator[Any]):
    impl = JSON
    cache_ok = True


class Flags(dict[str, Any]):
    """A class of the owner's."""


class FlagsType(TypeDecorator[Any]):
    impl = JSON
    cache_ok = True

    def process_result_value(self, value, dialect):
        return value and Flags(value)


class Money(TypeDecorator[Any]):
    impl = Numeric(20, 2)
    cache_ok = True


class Code(TypeDecorator[Any]):
    impl = String(3)
    cache_ok = True


class Row(Base):
    __tablename__ = "rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(20))
    code: Mapped[Any] = mapped_column(Code, nullable=True)
    small: Mapped[int | None] = mapped_column(SmallInteger)
    count: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    made: Mapped[datetime | None]
    seen: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    local: Mapped[datetime | None] = mapped_column(DateTime)
    price: Mapped[Decimal | None] = mapped_column(Numeric(20, 2))
    cost: Mapped[Any] = mapped_column(Money, nullable=True)
    exact: Mapped[Decimal | None]
    color: Mapped[Color | None]
    data: Mapped[Any] = mapped_column(JSON, default=lambda: {"names": []})
    tags: Mapped[Any] = mapped_column(Tags, nullable=True)
    flags: Mapped[Any] = mapped_column(FlagsType, nullable=True)
    counts: Mapped[Any] = mapped_column(MutableDict.as_mutable(JSON), nullable=True)
    names: Mapped[Any] = mapped_column(ARRAY(String).with_variant(JSON(), "sqlite"), nullable=True)


@pytest.fixture
def stored(lasting):
    """Store the values of a row, and give one of them as it is read again."""
    with lasting.app_context():
        Base.metadata.create_all(db.engine)

        def stored(name, value):
            db.session.execute(delete(Row))
            db.session.execute(insert(Row).values(**{name: value}))
            db.session.commit()
            return db.session.scalar(select(getattr(Row, name)))

        yield stored


@pytest.mark.parametrize("name", ["made", "seen"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOON, NOON),
        (NOON.astimezone(EAST), NOON),
        (NOON.replace(tzinfo=None), NOON),
        (datetime(2026, 1, 1, tzinfo=WEST, microsecond=1), datetime(2026, 1, 1, 2, 0, 0, 1, UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),) * 2,
        (None, None),
    ],
)
def test_a_time_is_read_in_utc(stored, name, value, expected):
    found = stored(name, value)
    assert found == expected
    assert found is None or found.utcoffset() == timedelta()


@pytest.mark.parametrize("name", ["made", "local"])
@pytest.mark.parametrize(
    "value", [datetime(9999, 12, 31, 23, tzinfo=WEST), datetime(1, 1, 1, tzinfo=EAST)]
)
def test_a_time_that_has_no_utc_is_not_stored(stored, name, value):
    with pytest.raises(StatementError) as error:
        stored(name, value)
    assert isinstance(error.value.orig, OverflowError)


@pytest.mark.parametrize("value", [NOON, NOON.astimezone(EAST), NOON.replace(tzinfo=None)])
def test_a_column_without_a_zone_has_the_same_time_without_one(stored, value):
    assert stored("local", value) == NOON.replace(tzinfo=None)


@pytest.mark.parametrize(
    "value", ["0.00", "9.90", "-0.01", "0.125", "0.135", "1234567890123.99", "1E+3"]
)
def test_a_decimal_is_exact_and_rounded_to_its_scale(stored, value):
    found = stored("price", Decimal(value))
    assert str(found) == str(Decimal(value).quantize(Decimal("0.01"), "ROUND_HALF_UP"))


@pytest.mark.parametrize("value", ["1e18", "-999999999999999999.999", "1e400"])
def test_a_decimal_that_does_not_fit_is_not_stored(stored, value):
    with pytest.raises((DBAPIError, StatementError)):
        stored("price", Decimal(value))


def test_a_decimal_without_a_scale_is_as_it_was(stored):
    assert stored("exact", Decimal("0.1234567")) == Decimal("0.1234567")


@given(value=decimals(-(10**9), 10**9, places=4) | floats(-1e9, 1e9) | integers(-(10**9), 10**9))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_decimal_is_compared_as_a_number(stored, value):
    found = stored("price", value)
    assert found == Decimal(str(value)).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    for other in (found * 2, found - 1):
        higher = select(Row.price).where(Row.price * 2 > other + found)
        assert db.session.scalars(higher).all() == ([] if other >= found else [found])


def test_what_a_decimal_is_compared_with_or_multiplied_by_is_not_rounded(stored):
    price = stored("price", Decimal("100"))
    assert db.session.scalar(select(Row.price).where(Row.price == Decimal("99.996"))) is None
    assert db.session.scalar(select(Row.price).where(Row.price < Decimal(10) ** 30)) == price
    assert db.session.scalar(select(Row.price * Decimal("1.075"))) == Decimal("107.5")
    db.session.execute(update(Row).values(price=Row.price * Decimal("1.075")))
    assert db.session.scalar(select(Row.price)) == Decimal("107.5")
    db.session.execute(update(Row).values(price=Decimal("1.005"), cost=Decimal("1.005")))
    assert db.session.scalar(select(Row.price).where(Row.price == Decimal("1.01"))) is not None
    assert db.session.scalar(select(Row.price).where(Row.cost == Decimal("1.01"))) is not None
    with pytest.raises((DBAPIError, StatementError)):
        db.session.execute(update(Row).values(price=Decimal(10) ** 18))


@pytest.mark.parametrize("value", ["1e400", "9" * 2000, "NaN", "Infinity"])
def test_a_decimal_is_stored_as_it_is_or_not_at_all(stored, value):
    try:
        found = stored("exact", Decimal(value))
    except (DBAPIError, StatementError):
        db.session.rollback()
        assert db.session.scalar(select(Row.exact)) is None
    else:
        assert str(found) == f"{Decimal(value):f}"


@pytest.mark.parametrize("value", ["dark blue", "GREEN", ""])
def test_a_text_that_is_in_no_enum_is_a_422(lasting, value):
    @lasting.post("/rows")
    def add():
        db.session.add(Row(color=value))
        db.session.commit()

    with lasting.app_context():
        Base.metadata.create_all(db.engine)
    assert lasting.test_client().post("/rows").status_code == 422


def test_an_enum_is_text(stored):
    assert stored("color", Color.DARK_BLUE) is Color.DARK_BLUE
    assert db.session.scalar(text("SELECT color FROM rows")) == "DARK_BLUE"


CHANGES = {
    "append": ([1], lambda data: data.append(2), [1, 2]),
    "clear": ([1], lambda data: data.clear(), []),
    "extend": ([1], lambda data: data.extend(iter([2, 3])), [1, 2, 3]),
    "insert": ([1], lambda data: data.insert(0, 0), [0, 1]),
    "pop of a list": ([1, 2], lambda data: data.pop(), [1]),
    "remove": ([1, 2], lambda data: data.remove(1), [2]),
    "reverse": ([1, 2], lambda data: data.reverse(), [2, 1]),
    "sort": ([2, 1], lambda data: data.sort(), [1, 2]),
    "an item": ([1, 2], lambda data: data.__setitem__(0, 7), [7, 2]),
    "a slice": ([1, 2, 3], lambda data: data.__setitem__(slice(1, 3), [{}]), [1, {}]),
    "del": ([1, 2], lambda data: data.__delitem__(0), [2]),
    "plus": ([1], lambda data: data.__iadd__([2]), [1, 2]),
    "times": ([1], lambda data: data.__imul__(2), [1, 1]),
    "a key": ({}, lambda data: data.__setitem__("a", 1), {"a": 1}),
    "del of a key": ({"a": 1}, lambda data: data.__delitem__("a"), {}),
    "clear of a dict": ({"a": 1}, lambda data: data.clear(), {}),
    "or": ({"a": 1}, lambda data: data.__ior__({"b": 2}), {"a": 1, "b": 2}),
    "pop": ({"a": 1}, lambda data: data.pop("a"), {}),
    "popitem": ({"a": 1}, lambda data: data.popitem(), {}),
    "setdefault": ({}, lambda data: data.setdefault("a", []).append(1), {"a": [1]}),
    "update": ({}, lambda data: data.update([("a", {})], b=1), {"a": {}, "b": 1}),
    "below": ({"a": [{}]}, lambda data: data["a"][0].update(b=1), {"a": [{"b": 1}]}),
    "in a list": ([[1]], lambda data: data[0].append(2), [[1, 2]]),
}


@pytest.mark.parametrize(("before", "change", "after"), CHANGES.values(), ids=CHANGES)
def test_a_change_in_place_to_json_is_saved(lasting, before, change, after):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row(data=before)
        db.session.add(row)
        db.session.commit()
        change(row.data)
        db.session.commit()
        assert db.session.scalar(select(Row.data)) == after


@pytest.mark.parametrize("name", ["tags", "names"])
def test_other_types_that_hold_lists_are_tracked_like_json(lasting, name):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row(**{name: ["a"]})
        db.session.add(row)
        db.session.commit()
        getattr(row, name).append("b")
        db.session.commit()
        assert db.session.scalar(select(getattr(Row, name))) == ["a", "b"]


def test_a_dict_of_another_class_is_left_as_it_is(lasting):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row(flags=Flags(a=1), counts={"a": 1})
        db.session.add(row)
        for _ in range(2):
            assert (type(row.flags), type(row.counts)) == (Flags, MutableDict)
            row.counts["a"] += 1
            db.session.commit()
        assert (row.flags, row.counts) == ({"a": 1}, {"a": 3})


def test_what_is_added_to_json_is_tracked_in_its_turn(lasting):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row()
        db.session.add(row)
        db.session.flush()
        row.data["names"].append("Ada")  # a default
        db.session.commit()
        row.data["more"] = {"names": []}
        db.session.flush()
        row.data["more"]["names"].append("Grace")
        assert row in db.session.dirty
        db.session.commit()
        row.data = [[]]
        db.session.flush()
        row.data[0].append("Mary")
        db.session.commit()
        assert db.session.scalar(select(Row.data)) == [["Mary"]]


@pytest.mark.parametrize("value", ["text", 7, 1.5, True, None])
def test_json_that_is_no_list_and_no_dict_stays_as_it_is(stored, value):
    assert stored("data", value) == value


def test_a_copy_of_json_is_plain_and_the_value_of_another_row_is_its_own(lasting):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        one, other = Row(data={"a": [1]}), Row()
        db.session.add_all([one, other])
        db.session.commit()
        for copied in (copy.deepcopy(one.data), pickle.loads(pickle.dumps(one.data))):
            assert (type(copied), type(copied["a"])) == (dict, list)
        other.data = one.data
        db.session.commit()
        other.data["a"].append(2)
        assert one not in db.session.dirty
        db.session.commit()
        assert [one.data, other.data] == [{"a": [1]}, {"a": [1, 2]}]


@pytest.mark.parametrize("name", ["made", "seen", "local"])
def test_the_same_time_is_no_change(lasting, name):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row(**{name: NOON.astimezone(EAST)})
        db.session.add(row)
        db.session.commit()
        for same in (NOON, NOON.astimezone(WEST), NOON.replace(tzinfo=None)):
            db.session.refresh(row)
            setattr(row, name, same)
            assert not db.session.is_modified(row)
        setattr(row, name, datetime(9999, 12, 31, 23, tzinfo=WEST))
        with pytest.raises(StatementError):
            db.session.commit()


def test_a_list_that_was_replaced_changes_nothing(lasting):
    with lasting.app_context():
        Base.metadata.create_all(db.engine)
        row = Row(data=[1])
        db.session.add(row)
        db.session.commit()
        old = row.data
        db.session.commit()
        old.append(2)
        assert row not in db.session.dirty


@pytest.mark.parametrize(
    ("name", "largest", "too_large"),
    [
        ("name", "é" * 20, "é" * 21),
        ("code", "abc", "abcd"),
        ("color", Color.DARK_BLUE, "PURPLE"),
        ("small", 2**15 - 1, 2**15),
        ("small", -(2**15), -(2**15) - 1),
        ("count", 2**31 - 1, 2**31),
        ("count", -(2**31), -(2**31) - 1),
        ("big", 2**63 - 1, 2**63),
    ],
)
def test_what_does_not_fit_its_column_is_a_422(lasting, name, largest, too_large):
    value = {"of": largest}

    @lasting.post("/rows/<way>")
    def add(way):
        given = {name: value["of"]}
        if way == "object":
            db.session.add(Row(**given))
        elif way == "changed":
            db.session.scalars(select(Row)).first().__setattr__(name, value["of"])
        elif way == "update":
            db.session.execute(update(Row).values(given))
        else:
            db.session.execute(insert(Row), [given, given] if way == "many" else given)
        db.session.commit()
        return {}

    with lasting.app_context():
        Base.metadata.create_all(db.engine)
    client = lasting.test_client()
    for way in ("object", "changed", "update", "insert", "many"):
        value["of"] = largest
        assert client.post(f"/rows/{way}").status_code == 200
        value["of"] = too_large
        assert client.post(f"/rows/{way}").status_code == 422
    with lasting.app_context():
        assert {*db.session.scalars(select(getattr(Row, name)))} == {largest}
        assert not db.session.scalars(select(Row).where(Row.name == "a" * 30)).all()


@pytest.mark.parametrize(
    ("name", "value"), [("name", "a" * 21), ("price", "1e18"), ("price", "no")]
)
def test_what_does_not_fit_in_plain_sql_is_a_422_on_postgresql(lasting, name, value):
    @lasting.post("/rows")
    def add():
        db.session.execute(text(f"INSERT INTO rows ({name}) VALUES (:value)"), {"value": value})

    with lasting.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite stores what does not fit")
        Base.metadata.create_all(db.engine)
    assert lasting.test_client().post("/rows").status_code == 422


def test_a_text_that_is_too_long_for_its_index_is_a_422_on_postgresql(lasting):
    @lasting.post("/slugs")
    def add():
        db.session.execute(text("INSERT INTO slugs VALUES (:value)"), {"value": token_hex(5000)})

    with lasting.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite indexes what is long")
        db.session.execute(text("CREATE TABLE slugs (slug text UNIQUE)"))
        db.session.commit()
    assert lasting.test_client().post("/slugs").status_code == 422
