"""Runs the migrations on the application's database, for ``flask db``."""

from contextlib import suppress
from graphlib import CycleError
from graphlib import TopologicalSorter

from alembic import context
from alembic.operations.ops import DropTableOp
from flask import current_app
from sqlalchemy import BLOB
from sqlalchemy import DATETIME
from sqlalchemy import DOUBLE

db = current_app.extensions["migrate"].db

PORTABLE_TYPES = {
    BLOB: "sa.LargeBinary()",
    DATETIME: "sa.DateTime(timezone=True)",
    DOUBLE: "sa.Double()",
}
"""Of the types that SQLite finds in a table, those that PostgreSQL lacks."""


def render_item(kind, value, context):
    """Let a migration that is generated on SQLite be reverted on PostgreSQL."""
    return PORTABLE_TYPES.get(type(value), False)


def drop_children_first(migration, revision, directives) -> None:
    """Let a generated migration drop tables before those that they refer to.

    Tables that refer to each other keep their order. PostgreSQL drops them after a constraint.
    """
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
    "process_revision_directives": drop_children_first,
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
