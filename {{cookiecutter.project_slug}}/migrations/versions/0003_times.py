"""When authors and books were added and changed, and when books were published."""

from datetime import datetime
from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("authors", "books")
TIMES = ("created_at", "updated_at")


def upgrade() -> None:
    now = datetime.now(UTC)
    for name in TABLES:
        times = [sa.Column(time, sa.DateTime(timezone=True), nullable=True) for time in TIMES]
        with op.batch_alter_table(name) as table:
            for column in times:
                table.add_column(column)
        filled = sa.table(name, *(sa.column(column.name, column.type) for column in times))
        op.execute(filled.update().values(dict.fromkeys(TIMES, now)))
        with op.batch_alter_table(name) as table:
            for column in times:
                table.alter_column(column.name, existing_type=column.type, nullable=False)
    with op.batch_alter_table("books") as books:
        books.add_column(sa.Column("published_on", sa.Date(), nullable=True))
        books.create_index("ix_books_title_id", ["title", "id"])
        books.create_index("ix_books_created_at_id", ["created_at", "id"])


def downgrade() -> None:
    with op.batch_alter_table("books") as books:
        books.drop_index("ix_books_created_at_id")
        books.drop_index("ix_books_title_id")
        books.drop_column("published_on")
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            for time in reversed(TIMES):
                table.drop_column(time)
