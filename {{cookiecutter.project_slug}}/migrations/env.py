"""How Alembic meets the application's database: called by ``flask db``."""

from alembic import context
from flask import current_app

db = current_app.extensions["migrate"].db
options = {
    "target_metadata": db.metadata,
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
