"""Runs the migrations on the application's database, for ``flask db``."""

import re
from contextlib import suppress
from graphlib import CycleError
from graphlib import TopologicalSorter

from alembic import context
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.ops import DropTableOp
from flask import current_app
from sqlalchemy import BLOB
from sqlalchemy import Boolean
from sqlalchemy import Date
from sqlalchemy import DATETIME
from sqlalchemy import DateTime
from sqlalchemy import DOUBLE
from sqlalchemy import func
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.dialects.postgresql import JSONB

db = current_app.extensions["migrate"].db

PORTABLE_TYPES = {
    BLOB: "sa.LargeBinary()",
    BYTEA: "sa.LargeBinary()",
    DATETIME: "sa.DateTime(timezone=True)",
    DOUBLE: "sa.Double()",
    INTERVAL: "sa.Interval()",
}
"""Of the types that a database finds in a table, those that the other one lacks."""


PORTABLE_DEFAULTS = {
    "false": "sa.false()",
    "true": "sa.true()",
    "current_timestamp": "sa.func.now()",
    "now()": "sa.func.now()",
}
"""The expressions that each database spells in its own way."""


def render_item(kind, value, context):
    """Let a migration that is generated on one database run on the other, too."""
    if kind == "server_default":
        expression = getattr(value, "arg", None)
        if expression is None or isinstance(expression, str):
            return False
        found = str(expression)
        if isinstance(value.column.type, Boolean):
            found = {"0": "false", "1": "true"}.get(found, found)
        plain = re.sub(r"^('.*'|[\d.-]+)::[a-z ]+(\(\d+\))?$", r"\1", found)
        rendered = False if plain == found else f"sa.text({plain!r})"
        return PORTABLE_DEFAULTS.get(plain.lower(), rendered)
    if any(isinstance(each, JSONB) for each in getattr(value, "_variant_mapping", {}).values()):
        context.imports.add("from sqlalchemy import Text")  # Alembic writes it in the variant.
    return PORTABLE_TYPES.get(type(value), False)


class SQLiteMigrations(SQLiteImpl):
    """Keeps the values of a date that becomes a time, or the reverse: a CAST gives the year."""

    __dialect__ = "sqlite"

    def cast_for_batch_migrate(self, existing, existing_transfer, new_type) -> None:
        convert = {Date: func.date, DateTime: func.datetime}
        old, new = existing.type._type_affinity, new_type._type_affinity
        if old is not new and {old, new} == convert.keys():
            existing_transfer["expr"] = convert[new](existing_transfer["expr"])
        else:
            super().cast_for_batch_migrate(existing, existing_transfer, new_type)


def prepare(migration, revision, directives) -> None:
    """Generate no empty migration, and drop tables before those that they refer to.

    Tables that refer to each other keep their order. PostgreSQL drops them after a constraint.
    """
    is_generated = getattr(context.config.cmd_opts, "autogenerate", False)  # and not only checked
    if is_generated and directives[0].upgrade_ops.is_empty():
        directives.clear()
    for script in directives:
        changes = script.upgrade_ops.ops
        drops = {change.table_name: change for change in changes if isinstance(change, DropTableOp)}
        order = TopologicalSorter({name: set() for name in drops})
        for child, drop in drops.items():
            for key in drop.to_table().foreign_keys:
                parent = key.target_fullname.rpartition(".")[0]
                if parent in drops and parent != child:
                    order.add(parent, child)
        with suppress(CycleError):
            drops = {name: drops[name] for name in order.static_order()}
        others = [change for change in changes if not isinstance(change, DropTableOp)]
        script.upgrade_ops.ops = [*others, *drops.values()]
        script.upgrade_ops.reverse_into(script.downgrade_ops)


options = {
    "target_metadata": db.metadata,
    "process_revision_directives": prepare,
    "render_item": render_item,
    **current_app.extensions["migrate"].configure_args,
}


def write_sql() -> None:
    """Print the SQL instead of running it: ``flask db upgrade --sql``."""
    url = db.engine.url.render_as_string(hide_password=True)
    context.configure(url=url, literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()


def migrate() -> None:
    """Bring the database to the wanted revision, or leave it as it was."""
    with db.migrating() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    write_sql()
else:
    migrate()
