"""How values of two types are stored, so that SQLite and PostgreSQL give back the same.

A ``DateTime(timezone=True)``, which is what ``Mapped[datetime]`` becomes, is a time in UTC: what
has another zone is converted, what has none is taken for UTC. A ``Numeric`` is a decimal on SQLite,
too, and exact to 15 digits. What is out of range raises OverflowError.
"""

from collections.abc import Callable
from datetime import datetime
from datetime import UTC
from decimal import Decimal
from decimal import ROUND_HALF_UP
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy import Dialect
from sqlalchemy import Engine
from sqlalchemy import Numeric
from sqlalchemy import TIMESTAMP

Processor = Callable[[Any], Any]


def install(engine: Engine) -> None:
    """Store the values of *engine* so."""
    specs: dict[Any, Any] = dict(engine.dialect.colspecs)
    for kind in (DateTime, TIMESTAMP):
        specs[kind] = type("UTCDateTime", (_UTC, specs.get(kind, kind)), {})
    if engine.dialect.name == "sqlite":
        specs[Numeric] = _ExactNumeric
    engine.dialect.colspecs = specs


class _UTC(DateTime):
    """A time with a zone, which is UTC."""

    def bind_processor(self, dialect: Dialect) -> Processor | None:
        return self._in_utc(super().bind_processor(dialect), is_result=False)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        return self._in_utc(super().result_processor(dialect, coltype), is_result=True)

    def _in_utc(self, process: Processor | None, is_result: bool) -> Processor | None:
        if not self.timezone:
            return process
        run = process or (lambda value: value)
        if is_result:
            return lambda value: _utc(run(value))
        return lambda value: run(_utc(value))


def _utc(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _ExactNumeric(Numeric[Any]):
    """A decimal, which SQLite takes as text and stores as a number."""

    def bind_processor(self, dialect: Dialect) -> Processor:
        return lambda value: None if value is None else str(self._rounded(Decimal(value)))

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        kind = Decimal if self.asdecimal else float
        return lambda value: None if value is None else kind(self._rounded(Decimal(str(value))))

    def _rounded(self, value: Decimal) -> Decimal:
        """As PostgreSQL does it."""
        if self.scale is None or not value.is_finite():
            return value
        if self.precision is not None and value.adjusted() >= self.precision:
            raise OverflowError("The number has too many digits.")
        rounded = value.quantize(Decimal(1).scaleb(-self.scale), ROUND_HALF_UP)
        if self.precision is not None and rounded.adjusted() >= self.precision - self.scale:
            raise OverflowError("The number has too many digits.")
        return rounded
