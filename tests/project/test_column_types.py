"""What is stored comes back the same, from SQLite as from PostgreSQL."""

import enum
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from datetime import UTC
from decimal import Decimal

import pytest
from conftest import db
from sqlalchemy import DateTime
from sqlalchemy import delete
from sqlalchemy import insert
from sqlalchemy import Numeric
from sqlalchemy import select
from sqlalchemy import text
from sqlalchemy import TIMESTAMP
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import mapped_column

EAST, WEST = timezone(timedelta(hours=2)), timezone(timedelta(hours=-2))
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


class Base(DeclarativeBase):
    """Like the application's, with a table that is not its."""

    type_annotation_map = db.Model.registry.type_annotation_map


class Row(Base):
    __tablename__ = "rows"

    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[datetime | None]
    seen: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    local: Mapped[datetime | None] = mapped_column(DateTime)
    price: Mapped[Decimal | None] = mapped_column(Numeric(20, 2))
    exact: Mapped[Decimal | None]
    color: Mapped[Color | None]


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


@pytest.mark.parametrize(
    "value", [datetime(9999, 12, 31, 23, tzinfo=WEST), datetime(1, 1, 1, tzinfo=EAST)]
)
def test_a_time_that_has_no_utc_is_not_stored(stored, value):
    with pytest.raises(StatementError) as error:
        stored("made", value)
    assert isinstance(error.value.orig, OverflowError)


def test_a_column_without_a_zone_has_none(stored):
    assert stored("local", NOON.replace(tzinfo=None)) == NOON.replace(tzinfo=None)


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


def test_an_enum_is_text(stored):
    assert stored("color", Color.DARK_BLUE) is Color.DARK_BLUE
    assert db.session.scalar(text("SELECT color FROM rows")) == "DARK_BLUE"
