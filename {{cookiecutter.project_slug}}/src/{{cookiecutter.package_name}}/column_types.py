"""What columns hold: times in UTC, exact decimals, and JSON whose changes are saved.

- A ``DateTime(timezone=True)``, as of ``Mapped[datetime]``, is a time in UTC: other time zones are
  converted, and a time without one is taken for UTC. A ``DateTime`` without a time zone stores the
  same time, and gives it back without a zone.
- A ``Numeric`` is a decimal on SQLite, too, exact to 15 digits. What is stored is rounded to the
  scale of its column; what a column is compared with, or multiplied by, is not, and on SQLite
  neither is what an expression of SQL stores.
- SQLite, too, refuses what does not fit a ``SmallInteger``, an ``Integer`` or a ``String(20)``.
- A list or a dict in a ``JSON`` or ``ARRAY`` column may be changed in place, at any depth: what you
  put in is copied. One of a class of your own is left as it is.

Values that are out of range raise OverflowError.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from datetime import UTC
from decimal import Context
from decimal import Decimal
from decimal import ROUND_HALF_UP
from functools import cached_property
from functools import partial
from functools import wraps
from math import isfinite
from typing import Any
from weakref import ref

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.orm import attributes
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeEngine

Processor = Callable[[Any], Any]

_ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)
"""Rounds as PostgreSQL does, with digits enough for any float."""


def use_on(engine: sa.Engine) -> None:
    """Store times in UTC, and on SQLite what PostgreSQL would store."""
    specs: dict[Any, Any] = dict(engine.dialect.colspecs)
    for kind in (sa.DateTime, sa.TIMESTAMP):
        specs[kind] = type("UTC", (_UTCDateTime, specs.get(kind, kind)), {})
    if engine.dialect.name == "sqlite":
        specs[sa.Numeric] = _ExactNumeric
        engine.dialect.statement_compiler = _StoringCompiler
    engine.dialect.colspecs = specs


class _UTCDateTime(sa.DateTime):
    """A time in UTC."""

    def bind_processor(self, dialect: sa.Dialect) -> Processor | None:
        process = super().bind_processor(dialect) or (lambda value: value)
        return lambda value: process(_utc(value, self.timezone))

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor | None:
        process = super().result_processor(dialect, coltype)
        if not self.timezone:
            return process
        return lambda value: _utc(process(value) if process else value)


def _utc(value: Any, has_zone: bool = True) -> Any:
    if not isinstance(value, datetime):
        return value
    in_utc = value if value.tzinfo is None else value.astimezone(UTC)
    return in_utc.replace(tzinfo=UTC if has_zone else None)


class _StoringCompiler(SQLiteCompiler):
    """Rounds decimals where they are stored, and refuses values that do not fit their columns."""

    @cached_property
    def _bind_processors(self) -> Any:
        processors: dict[str, Any] = dict(super()._bind_processors)
        for parameter, name in self.bind_names.items():
            if parameter._is_crud and (store := _stored_as(parameter.type, self.dialect)):
                processors[name] = partial(_in_turn, processors.get(name), store)
        return processors


def _in_turn(process: Processor | None, store: Processor, value: Any) -> Any:
    return store(process(value) if process else value)


def _stored_as(kind: TypeEngine[Any], dialect: sa.Dialect) -> Processor | None:
    """What has to be done to a value before SQLite stores it in a column of this kind."""
    on_sqlite = kind.dialect_impl(dialect)
    on_sqlite, kind = (getattr(each, "impl_instance", each) for each in (on_sqlite, kind))
    if isinstance(on_sqlite, _ExactNumeric):
        return on_sqlite.stored
    if isinstance(kind, sa.String) and kind.length:
        return partial(_text, kind.length)
    if isinstance(kind, sa.Integer):
        bits = (
            16
            if isinstance(kind, sa.SmallInteger)
            else 64
            if isinstance(kind, sa.BigInteger)
            else 32
        )
        return partial(_integer, 2 ** (bits - 1))
    return None


def _text(length: int, value: Any) -> Any:
    if isinstance(value, str) and len(value) > length:
        raise OverflowError("The text has too many characters.")
    return value


def _integer(bound: int, value: Any) -> Any:
    if isinstance(value, int) and not -bound <= value < bound:
        raise OverflowError("The number has too many digits.")
    return value


class _ExactNumeric(sa.Numeric[Any]):
    """A decimal, which SQLite stores as an integer or a float."""

    def bind_processor(self, dialect: sa.Dialect) -> Processor:
        return lambda value: None if value is None else _number(_decimal(value))

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Processor:
        kind = Decimal if self.asdecimal else float
        return lambda value: None if value is None else kind(self._rounded(_decimal(value)))

    def stored(self, number: int | float | None) -> int | float | None:
        """Return the number rounded to the scale of the column, if it fits."""
        if number is None or self.scale is None:
            return number
        rounded = self._rounded(_decimal(number))
        if self.precision is not None and rounded.adjusted() >= self.precision - self.scale:
            raise OverflowError("The number has too many digits.")
        return _number(rounded)

    def _rounded(self, value: Decimal) -> Decimal:
        if self.scale is None:
            return value
        return value.quantize(Decimal(1).scaleb(-self.scale), context=_ROUNDING)


def _decimal(value: Any) -> Decimal:
    """*value* as a decimal; a float is taken as it is written, not as its binary fraction."""
    return Decimal(repr(value) if isinstance(value, float) else value)


def _number(value: Decimal) -> int | float:
    """*value* as SQLite stores it; text would be compared with expressions as text."""
    is_whole = value.is_finite() and value.adjusted() < 18 and value == value.to_integral_value()
    number = int(value) if is_whole else float(value)
    if not isfinite(number):
        raise OverflowError("The number has too many digits.")
    return number


def track(base: type) -> None:
    """Save changes in place to JSON columns of models that inherit from *base*.

    A time that is set is the stored one at once, so that the same time is no change.
    """
    sa.event.listen(base, "mapper_configured", _on_mapped, propagate=True)


def _on_mapped(mapper: Mapper[Any], model: type) -> None:
    kinds = {each.key: each.columns[0].type for each in mapper.column_attrs}
    for name, kind in kinds.items():
        if isinstance(kind, sa.DateTime):
            listener = partial(_on_set_time, kind.timezone)
            sa.event.listen(getattr(model, name), "set", listener, retval=True)
    names = [name for name, kind in kinds.items() if _holds_json(kind)]
    if not names:
        return

    def on_load(target: object, *_: Any) -> None:
        loaded = attributes.instance_dict(target)
        for name in names:
            if name in loaded:
                loaded[name] = _tracked(loaded[name], partial(_save, ref(target), name))

    for moment in ("load", "refresh", "refresh_flush"):
        sa.event.listen(model, moment, on_load)
    for name in names:
        sa.event.listen(getattr(model, name), "set", partial(_on_set, name), retval=True)


def _on_set_time(has_zone: bool, target: object, value: Any, old: Any, initiator: Any) -> Any:
    with suppress(OverflowError):  # It is refused when it is stored.
        return _utc(value, has_zone)
    return value


def _holds_json(kind: TypeEngine[Any]) -> bool:
    return isinstance(getattr(kind, "impl_instance", kind), sa.ARRAY | sa.JSON)


def _on_set(name: str, target: object, value: Any, old: Any, initiator: Any) -> Any:
    return _tracked(value, partial(_save, ref(target), name))


def _save(reference: "ref[object]", name: str) -> None:
    """Mark the attribute as changed, if its object still has a value there."""
    target = reference()
    if target is not None and name in attributes.instance_dict(target):
        attributes.flag_modified(target, name)


def _tracked(value: Any, save: Callable[[], None]) -> Any:
    """*value*, in which each list and each dict calls *save* after a change."""
    if type(value) in (list, TrackedList):
        tracked: Any = TrackedList(_tracked(each, save) for each in value)
    elif type(value) in (dict, TrackedDict):
        tracked = TrackedDict((key, _tracked(each, save)) for key, each in value.items())
    else:
        return value
    tracked.save = save
    return tracked


def _saving(kind: Any, name: str) -> Callable[..., Any]:
    """The method of *kind*, which then tracks what was put in, and calls ``save``."""
    method = getattr(kind, name)

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        returned = method(self, *args, **kwargs)
        for key, value in list(self.items() if kind is dict else enumerate(self)):
            if isinstance(value, list | dict) and getattr(value, "save", None) is not self.save:
                kind.__setitem__(self, key, _tracked(value, self.save))
        self.save()
        return self[args[0]] if name == "setdefault" else returned

    return call


class TrackedList(list[Any]):
    """A list in a JSON column. Its copies are plain lists."""

    save: Callable[[], None]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, ([*self],)


class TrackedDict(dict[Any, Any]):
    """A dict in a JSON column. Its copies are plain dicts."""

    save: Callable[[], None]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({**self},)


_CHANGING: dict[type, str] = {
    TrackedList: "__delitem__ __iadd__ __imul__ __setitem__ append clear extend insert pop remove "
    "reverse sort",
    TrackedDict: "__delitem__ __ior__ __setitem__ clear pop popitem setdefault update",
}
for _tracking, _names in _CHANGING.items():
    for _name in _names.split():
        setattr(_tracking, _name, _saving(_tracking.__base__, _name))
