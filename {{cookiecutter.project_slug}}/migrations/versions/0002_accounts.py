# feature: auth
"""Users, their logins, and the books that are theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("email", sa.String(200), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("token", sa.String(43), nullable=False, unique=True),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(50), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    )
    op.create_index("ix_logins_user_id", "logins", ["user_id"])
    with op.batch_alter_table("books") as books:
        books.add_column(sa.Column("user_id", sa.Integer(), nullable=True))
        books.create_foreign_key("fk_books_user_id_users", "users", ["user_id"], ["id"])
        books.create_index("ix_books_user_id", ["user_id"])


def downgrade() -> None:
    with op.batch_alter_table("books") as books:
        books.drop_index("ix_books_user_id")
        books.drop_constraint("fk_books_user_id_users", type_="foreignkey")
        books.drop_column("user_id")
    op.drop_table("logins")
    op.drop_table("users")
