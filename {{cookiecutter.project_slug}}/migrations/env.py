"""Runs the migrations on the application's database, for ``flask db``."""

import re
from contextlib import nullcontext
from contextlib import suppress
from graphlib import CycleError
from graphlib import TopologicalSorter

import sqlalchemy as sa
from alembic import context
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.ops import DropTableOp
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex

db = current_app.extensions["migrate"].db

PORTABLE_TYPES = {
    sa.BLOB: "sa.LargeBinary()",
    BYTEA: "sa.LargeBinary()",
    sa.DATETIME: "sa.DateTime(timezone=True)",
    sa.DOUBLE: "sa.Double()",
    INTERVAL: "sa.Interval()",
    sa.UUID: "sa.Uuid()",
}
"""Of the types that a database finds in a table, those that the other one lacks."""


CONVERSIONS = {
    (sa.Date, sa.DateTime): sa.func.datetime,
    (sa.DateTime, sa.Date): sa.func.date,
    (sa.DateTime, sa.Time): lambda value: sa.func.substr(value, len("2026-11-26 ") + 1),
}
"""What keeps the values of a column on SQLite, where a CAST would give the year."""

STORED_AS_TEXT = {sa.Date, sa.DateTime, sa.JSON, sa.String, sa.Time}
"""The types of which SQLite holds texts."""

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
        if isinstance(value.column.type, sa.Boolean):
            found = {"0": "false", "1": "true"}.get(found, found)
        plain = re.sub(r"^('.*'|[\d.-]+)::[a-z ]+(\(\d+\))?$", r"\1", found)
        rendered = False if plain == found else f"sa.text({plain!r})"
        return PORTABLE_DEFAULTS.get(plain.lower(), rendered)
    if any(isinstance(each, JSONB) for each in getattr(value, "_variant_mapping", {}).values()):
        context.imports.add("from sqlalchemy import Text")  # Alembic writes it in the variant.
    return PORTABLE_TYPES.get(type(value), False)


class SQLiteMigrations(SQLiteImpl):
    """Changes a table by a copy that has all of the table.

    SQLAlchemy finds no triggers, no indexes of expressions, and neither AUTOINCREMENT, nor what an
    index or a column is sorted by.
    """

    __dialect__ = "sqlite"

    def cast_for_batch_migrate(self, existing, existing_transfer, new_type) -> None:
        """Keep the values of a column whose type changes, or refuse: a CAST makes 0 of "yes"."""
        old, new = existing.type._type_affinity, new_type._type_affinity
        if (old, new) in CONVERSIONS:
            existing_transfer["expr"] = CONVERSIONS[old, new](existing_transfer["expr"])
        elif old not in STORED_AS_TEXT:
            super().cast_for_batch_migrate(existing, existing_transfer, new_type)
        elif new not in STORED_AS_TEXT or not (old is new or sa.String in {old, new}):
            raise CommandError(
                f"The values of {existing.name} do not become {new_type!r} by themselves. "
                "Add a column in the migration, fill it, and drop the old one."
            )

    def prep_table_for_batch(self, batch_impl, table) -> None:
        """Before *table* is copied, find what the copy would lack."""
        query = "SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL"
        made = dict(self.connection.exec_driver_sql(query, (table.name,)).all())
        definition = made.pop(table.name, "")
        self.indexes = {each.name: made.pop(each.name, "") for each in table.indexes}
        self.others = made
        copy = batch_impl.new_table
        copy.dialect_options["sqlite"]["autoincrement"] = "AUTOINCREMENT" in definition.upper()
        for column in copy.columns:
            collate = rf'[\s(,"]{re.escape(column.name)}["\s][^,\n]*\bCOLLATE "?(\w+)'
            if found := re.search(collate, definition, re.IGNORECASE):
                column.type.collation = found[1]
            if column.computed is not None:
                batch_impl.column_transfers[column.name].pop("expr", None)

    def rename_table(self, old_table_name, new_table_name, schema=None) -> None:
        """Make for a copy, which gets the name of the table, what it lacks."""
        if not old_table_name.startswith("_alembic_tmp_"):
            super().rename_table(old_table_name, new_table_name, schema)
            return
        # A view or a trigger of another table may name the table that is missing now.
        self.connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
        super().rename_table(old_table_name, new_table_name, schema)
        self.connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")
        for name, statement in self.others.items():
            try:
                self.connection.exec_driver_sql(statement)
            except DBAPIError as error:
                raise CommandError(
                    f"{name} does not fit the changed table {new_table_name}: {error.orig}. "
                    "Drop it first in the migration, and create it again at the end."
                ) from None

    def create_index(self, index, **options) -> None:
        """Create an index; that of a copy as it was, if it is the same but for its order."""
        before = getattr(self, "indexes", {}).pop(index.name, "")
        statement = str(CreateIndex(index).compile(dialect=self.dialect))
        if self.without_order(before) == self.without_order(statement):
            self.connection.exec_driver_sql(before)
        else:
            super().create_index(index, **options)

    @staticmethod
    def without_order(statement):
        """A statement that creates an index, without collations, directions and quotes."""
        return re.sub(r'COLLATE "?\w+|\b(A|DE)SC\b|[\s"]', "", statement, flags=re.IGNORECASE)


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


SCHEMAS = {None, *(table.schema for table in db.metadata.tables.values())}


def is_ours(name, kind, parents) -> bool:
    """Whether Alembic compares it: of the schemas, those that models are in."""
    return kind != "schema" or name in SCHEMAS


options = {
    "target_metadata": db.metadata,
    "include_schemas": len(SCHEMAS) > 1,
    "include_name": is_ours,
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
        if connection.dialect.name == "sqlite":  # All is one transaction, and nothing needs none.
            context.get_context().autocommit_block = nullcontext
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    write_sql()
else:
    migrate()
