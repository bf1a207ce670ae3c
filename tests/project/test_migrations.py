"""No migration loses a row, and two at once do not meet."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from datetime import datetime
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from conftest import create_app
from conftest import db
from conftest import MIGRATIONS
from conftest import schema
from flask_migrate import downgrade
from flask_migrate import migrate
from flask_migrate import upgrade
from sqlalchemy import inspect
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateTable

HEAD = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = {revision!r}, {down!r}
branch_labels = depends_on = None
"""

TABLES = """
def upgrade():
    op.create_table(
        "parents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("code", sa.String(20)),
        sa.Column("parent_id", sa.ForeignKey("parents.id")),
        sa.UniqueConstraint("code", name="uq_parents_code"),
    )
    rules = ("CASCADE", "SET NULL", "RESTRICT", "NO ACTION")
    for name, rule in zip("abcd", rules, strict=True):
        op.create_table(
            f"children_{name}",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("parent_id", sa.Integer, sa.ForeignKey("parents.id", ondelete=rule)),
        )


def downgrade():
    for name in "abcd":
        op.drop_table(f"children_{name}")
    op.drop_table("parents")
"""

CHANGES = {
    "a type": (
        'parents.alter_column("name", existing_type=sa.String(20), type_=sa.String(300))',
        'parents.alter_column("name", existing_type=sa.String(300), type_=sa.String(20))',
    ),
    "nullability": (
        'parents.alter_column("name", existing_type=sa.String(20), nullable=True)',
        'parents.alter_column("name", existing_type=sa.String(20), nullable=False)',
    ),
    "a constraint": (
        'parents.drop_constraint("uq_parents_code", type_="unique")',
        'parents.create_unique_constraint("uq_parents_code", ["code"])',
    ),
    "a column": (
        'parents.drop_column("code")',
        'parents.add_column(sa.Column("code", sa.String(20)))',
    ),
    "a reference": (
        'parents.add_column(sa.Column("other_id", sa.Integer));'
        ' parents.create_foreign_key("fk_other", "parents", ["other_id"], ["id"])',
        'parents.drop_constraint("fk_other", type_="foreignkey"); parents.drop_column("other_id")',
    ),
}

NOON = "2026-11-26 12:00:00.000001"
CHILDREN = [f"children_{name}" for name in "abcd"]
MADE = [sa.column(name, sa.DateTime(timezone=True)) for name in ("created_at", "updated_at")]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, make_app, tmp_path):
    """An application whose database has no tables yet."""
    if request.param == "sqlite":
        yield make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db")
    else:
        with schema() as url:
            yield make_app(DATABASE_URL=url)


@pytest.fixture
def folder(tmp_path):
    """A folder of migrations, for which ``folder(upgrade, downgrade)`` writes the next one."""
    path = tmp_path / "migrations"
    (path / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(MIGRATIONS / name, path)
    (path / "versions/1.py").write_text(HEAD.format(revision="1", down=None) + TABLES)

    def folder(up="pass", down="pass"):
        code = HEAD.format(revision="2", down="1")
        for name, change in (("upgrade", up), ("downgrade", down)):
            code += f"\n\ndef {name}():\n    {change}\n"
        (path / "versions/2.py").write_text(code)
        return str(path)

    return folder


def test_a_branch_that_depends_on_another_is_ready_when_both_are_applied(
    empty, folder, monkeypatch
):
    path = folder()
    branch = HEAD.format(revision="3", down=None) + 'depends_on = "2"\n'
    Path(path, "versions/3.py").write_text(f"{branch}\n\ndef upgrade():\n    pass\n")
    with empty.app_context():
        monkeypatch.setattr(empty.extensions["migrate"].migrate, "directory", path)
        upgrade(path, "2")
        assert empty.test_client().get("/health/ready").status_code == 503
        upgrade(path, "heads")
        assert empty.test_client().get("/health/ready").status_code == 200


def batch(change):
    return f'with op.batch_alter_table("parents") as parents: {change}'


def fill():
    """Two parents, and a row in each child that refers to one of them."""
    db.session.execute(text("INSERT INTO parents (id, name, code) VALUES (1, 'a', 'b')"))
    db.session.execute(text("INSERT INTO parents (id, name, parent_id) VALUES (2, 'c', 1)"))
    for child in CHILDREN:
        db.session.execute(text(f"INSERT INTO {child} (id, parent_id) VALUES (1, 1)"))
    db.session.commit()


def rows():
    """The ids in each table, and what they refer to."""
    found = {
        table: [
            tuple(row) for row in db.session.execute(text(f"SELECT id, parent_id FROM {table}"))
        ]
        for table in ("parents", *CHILDREN)
    }
    db.session.rollback()
    return {table: sorted(values, key=str) for table, values in found.items()}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_table_changes_no_row_of_another(empty, folder, change):
    path = folder(*map(batch, CHANGES[change]))
    with empty.app_context():
        upgrade(path, "1")
        fill()
        before = rows()
        for move in (upgrade, downgrade):
            move(path, "2" if move is upgrade else "1")
            assert rows() == before
        with pytest.raises(Exception, match="(?i)foreign key|restrict"):
            db.session.execute(text("DELETE FROM parents WHERE id = 1"))
        db.session.rollback()


@pytest.mark.parametrize(
    "change",
    [
        "op.execute(\"UPDATE parents SET name = 'd'\"); op.execute('SELECT * FROM nowhere')",
        "op.execute('DELETE FROM children_c'); op.execute('DELETE FROM parents WHERE id = 1')",
    ],
    ids=["a mistake", "rows that refer to nothing"],
)
def test_a_migration_that_fails_changes_nothing(empty, folder, change):
    path = folder(change)
    with empty.app_context():
        upgrade(path, "1")
        fill()
        before = rows()
        with pytest.raises((Exception, SystemExit)):
            upgrade(path)
        assert rows() == before
        assert db.session.scalar(text("SELECT count(*) FROM parents WHERE name = 'd'")) == 0


def test_upgrades_at_once_wait_for_each_other(empty, folder):
    statement = "CREATE INDEX CONCURRENTLY made ON parents (name)"
    change = f'exec("with op.get_context().autocommit_block(): op.execute({statement!r})")'
    with empty.app_context():
        is_sqlite = db.engine.dialect.name == "sqlite"
        url = db.engine.url.render_as_string(hide_password=False)
    path = folder("op.create_index('made', 'parents', ['name'])" if is_sqlite else change)
    command = [sys.executable, "-m", "flask", "--app", create_app.__module__]
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "FLASK_ENVIRONMENT": "development",
        "PYTHONPATH": str(MIGRATIONS.parent / "src"),
    }
    started = [
        subprocess.Popen(
            [*command, "db", "upgrade", "--directory", path],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    with empty.app_context():
        assert "made" in [index["name"] for index in inspect(db.engine).get_indexes("parents")]


def test_a_long_migration_keeps_its_lock_and_needs_one_connection_of_the_pool(make_app, folder):
    path = folder("op.execute('SELECT pg_sleep(2)')")
    with schema() as url:
        found = make_url(url)
        limit = f"{found.query['options']} -c idle_in_transaction_session_timeout=1500"
        url = found.update_query_dict({"options": limit}).render_as_string(hide_password=False)
        options = {"pool_size": 1, "max_overflow": 0}
        with make_app(DATABASE_URL=url, SQLALCHEMY_ENGINE_OPTIONS=options).app_context():
            upgrade(path)
            assert db.session.scalar(text("SELECT version_num FROM alembic_version")) == "2"
            assert db.session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1500ms"


def test_a_dropped_table_of_sqlite_comes_back_on_postgresql(make_app, folder, tmp_path):
    columns = "sa.Column('at', sa.DateTime(timezone=True)), sa.Column('data', sa.LargeBinary)"
    columns += ", sa.Column('size', sa.Double)"
    path = folder(f"op.create_table('old', {columns})", "op.drop_table('old')")
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path)
        migrate(path)
    with schema() as url, make_app(DATABASE_URL=url).app_context():
        upgrade(path)
        downgrade(path, "2")
        assert "old" in inspect(db.engine).get_table_names()


def test_a_dropped_uuid_of_postgresql_comes_back_on_sqlite(make_app, folder, tmp_path):
    path = folder("op.create_table('old', sa.Column('id', sa.Uuid))", "op.drop_table('old')")
    with schema() as url, make_app(DATABASE_URL=url).app_context():
        upgrade(path)
        migrate(path)
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path)
        downgrade(path, "2")
        [column] = inspect(db.engine).get_columns("old")
        assert str(column["type"]) == "CHAR(32)"


def test_a_model_may_be_in_a_schema(make_app, folder):
    name = f"shop_{uuid4().hex}"
    path = folder(f"op.execute('CREATE SCHEMA {name}')", f"op.execute('DROP SCHEMA {name}')")
    table = sa.Table("items", db.metadata, sa.Column("id", sa.Integer), schema=name)
    try:
        with schema() as url, make_app(DATABASE_URL=url).app_context():
            upgrade(path)
            migrate(path)
            upgrade(path)
            before = {*Path(path).rglob("*.py")}
            migrate(path)
            assert {*Path(path).rglob("*.py")} == before
            downgrade(path, "1")
    finally:
        db.metadata.remove(table)


def test_tables_that_refer_to_each_other_can_be_dropped(make_app, folder, tmp_path):
    tables = "; ".join(
        f"op.create_table('{name}', sa.Column('id', sa.Integer, primary_key=True),"
        f" sa.Column('other_id', sa.Integer, sa.ForeignKey('{other}.id')))"
        for name, other in [("one", "two"), ("two", "one")]
    )
    path = folder(tables, "op.drop_table('one'); op.drop_table('two')")
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path)
        migrate(path)
        upgrade(path)
        assert not {"one", "two"} & {*inspect(db.engine).get_table_names()}


def test_a_table_with_a_computed_column_is_copied(make_app, folder, tmp_path):
    columns = "sa.Column('a', sa.Integer), sa.Column('b', sa.Integer, sa.Computed('a * 2'))"
    change = batch("parents.alter_column('a', existing_type=sa.Integer(), nullable=False)")
    path = folder(
        f"op.create_table('twice', {columns}); op.execute('INSERT INTO twice (a) VALUES (21)')"
        f"\n    {change.replace('parents', 'twice')}"
    )
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path)
        assert db.session.scalar(text("SELECT b FROM twice")) == 42


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_a_table_that_is_copied_is_what_it_was(make_app, folder, tmp_path):
    """Also if what it has was made in the same run, and if others refer to it."""
    table = (
        "CREATE TABLE copied (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,"
        " name VARCHAR(20) COLLATE NOCASE NOT NULL, code VARCHAR(20),"
        " CONSTRAINT uq_name UNIQUE (name), CONSTRAINT ck_code CHECK (code > 'a'))"
    )
    kept = {
        "CREATE INDEX ix_code ON copied (code COLLATE NOCASE, name DESC)",
        "CREATE UNIQUE INDEX uq_lower ON copied (lower(code)) WHERE code > 'a'",
        "CREATE TRIGGER copied_made BEFORE INSERT ON copied BEGIN SELECT 1; END",
        "CREATE VIEW names AS SELECT name FROM copied",
        "CREATE TRIGGER parents_made AFTER INSERT ON parents BEGIN DELETE FROM copied; END",
    }
    dropped = {
        "CREATE INDEX ix_name ON copied (name DESC)",
        "CREATE INDEX upper ON copied (upper(name))",
    }
    alter = '.alter_column("code", existing_type=sa.String(20), type_=sa.String(30))'
    drop = '.drop_index("ix_name")'
    steps = [
        *(f"op.execute({made!r})" for made in (table, *kept, *dropped)),
        *(f'with op.batch_alter_table("copied") as copied: copied{each}' for each in (alter, drop)),
        "op.execute('DROP INDEX upper')",
    ]
    path = folder("\n    ".join(steps))
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path)
        found = db.session.scalars(text("SELECT sql FROM sqlite_master WHERE sql LIKE '%copied%'"))
        [copy] = (others := {*found}) - kept
        assert kept < others
        for part in ("AUTOINCREMENT", 'COLLATE "NOCASE"', "uq_name UNIQUE", "CHECK (code > 'a')"):
            assert part in copy
        assert "VARCHAR(30)" in copy


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        *(("Text", new, NOON, NOON) for new in ("Date", "DateTime", "JSON", "Time")),
        *((old, "Text", NOON, NOON) for old in ("Date", "DateTime", "JSON", "Time")),
        ("DateTime", "Time", NOON, "12:00:00.000001"),
        ("Integer", "Text", 7, "7"),
        *(("Text", new, "yes", None) for new in ("Boolean", "Integer", "Interval", "Uuid")),
        *(("Time", new, "12:00:00", None) for new in ("Date", "DateTime", "Integer")),
    ],
)
def test_on_sqlite_no_value_is_lost_with_its_type(
    make_app, folder, tmp_path, old, new, before, after
):
    """It is converted, or the migration is refused, as PostgreSQL refuses it."""
    path = folder(f"op.create_table('kept', sa.Column('it', sa.{old}), sa.Column('more', sa.Text))")
    change = f"parents.alter_column('it', existing_type=sa.{old}(), type_=sa.{new}())"
    code = HEAD.format(revision="3", down="2")
    code += f"\n\ndef upgrade():\n    {batch(change).replace('parents', 'kept')}\n"
    Path(path, "versions/3.py").write_text(code)
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path, "2")
        db.session.execute(text("INSERT INTO kept (it) VALUES (:it)"), {"it": before})
        db.session.commit()
        with pytest.raises(SystemExit) if after is None else nullcontext():
            upgrade(path)
        assert db.session.scalar(text("SELECT it FROM kept")) == (after or before)


def test_on_sqlite_a_block_without_a_transaction_is_a_part_of_the_one(make_app, folder, tmp_path):
    block = "with op.get_context().autocommit_block(): op.create_index('ix', 'parents', ['name'])"
    path = folder(f"{block}\n    op.execute('no statement')")
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path, "1")
        with pytest.raises(OperationalError):
            upgrade(path)
        assert not inspect(db.engine).get_indexes("parents")
        upgrade(folder(block))
        assert [each["name"] for each in inspect(db.engine).get_indexes("parents")] == ["ix"]


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_what_no_longer_fits_a_copied_table_refuses_the_migration(make_app, folder, tmp_path):
    path = folder(batch(CHANGES["a column"][0]))
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(path, "1")
        db.session.execute(text("CREATE INDEX lower ON parents (lower(code))"))
        db.session.commit()
        with pytest.raises(SystemExit):
            upgrade(path, "2")
        names = {column["name"] for column in inspect(db.engine).get_columns("parents")}
        assert "code" in names


def test_a_default_that_was_generated_on_one_database_runs_on_the_other(folder, make_app, tmp_path):
    table = sa.Table(
        "odd",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("off", sa.Boolean, server_default=sa.false()),
        sa.Column("on", sa.Boolean, server_default=sa.true()),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("name", sa.String(20), server_default="true"),
        sa.Column("cover", sa.LargeBinary),
        sa.Column("length", sa.Interval),
        sa.Column("extra", sa.JSON().with_variant(JSONB(), "postgresql")),
    )
    with schema() as url:
        urls = [f"sqlite:///{tmp_path}/test.db", url]
        try:
            for first, second in (urls, urls[::-1]):
                path = folder()
                with make_app(DATABASE_URL=first).app_context():
                    upgrade(path)
                    migrate(path)
                with make_app(DATABASE_URL=second).app_context():
                    upgrade(path)
                    db.session.execute(sa.insert(table).values(id=1))
                    [found] = db.session.execute(sa.select(table))
                    assert (found.off, found.on, found.name) == (False, True, "true")
                    assert found.at.utcoffset() is not None
                    db.session.rollback()
                    downgrade(path, "base")
                db.metadata.remove(table)
                with make_app(DATABASE_URL=first).app_context():
                    upgrade(path)
                    migrate(path)
                    upgrade(path)
                    downgrade(path, "base")
                with make_app(DATABASE_URL=second).app_context():
                    upgrade(path)
                    downgrade(path, "-1")
                    db.session.execute(sa.text("INSERT INTO odd (id) VALUES (1)"))
                    found = db.session.execute(sa.text("SELECT * FROM odd")).one()
                    assert (found.off, found.on, found.name) == (False, True, "true")
                    db.session.rollback()
                    downgrade(path, "base")
                table = table.to_metadata(db.metadata)
                for made in Path(path, "versions").glob("*_.py"):
                    made.unlink()
        finally:
            db.metadata.remove(table)


def test_two_constraints_that_begin_alike_have_names_of_their_own():
    table = sa.Table(
        "rooms",
        sa.MetaData(naming_convention=db.metadata.naming_convention),
        *(sa.Column(name, sa.Integer) for name in "abc"),
        sa.UniqueConstraint("a", "b"),
        sa.UniqueConstraint("a", "c"),
        sa.Index(None, "a", "b"),
        sa.Index(None, "a", "c"),
        sa.ForeignKeyConstraint(["a", "b"], ["rooms.a", "rooms.b"]),
        sa.ForeignKeyConstraint(["a", "c"], ["rooms.a", "rooms.c"]),
    )
    made = [str(CreateTable(table).compile()), *(str(each.name) for each in table.indexes)]
    named = [*re.findall(r"CONSTRAINT (\w+)", made[0]), *made[1:]]
    assert len(named) == len({*named}) == 6


def test_without_a_change_no_migration_is_generated(make_app, tmp_path):
    path = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, path)
    with make_app(DATABASE_URL=f"sqlite:///{tmp_path}/test.db").app_context():
        upgrade(str(path))
        before = {*path.rglob("*.py")}
        migrate(str(path))
    assert {*path.rglob("*.py")} == before


def test_rows_that_were_there_get_times(empty):
    with empty.app_context():
        upgrade(str(MIGRATIONS), "0001")
        for author in (1, 2):
            db.session.execute(text(f"INSERT INTO authors (id, name) VALUES ({author}, 'A')"))
            db.session.execute(text(f"INSERT INTO books (title, author_id) VALUES ('B', {author})"))
        db.session.commit()
        before = datetime.now(UTC)
        upgrade(str(MIGRATIONS), "0003")
        for table in ("authors", "books"):
            rows = db.session.execute(sa.select(*MADE).select_from(sa.table(table))).all()
            assert len(rows) == 2
            assert all(before <= at <= datetime.now(UTC) for row in rows for at in row)


@pytest.mark.parametrize(
    ("old", "new", "value", "changed"),
    [
        ("Date", "DateTime(timezone=True)", "2025-03-14", "2025-03-14 00:00:00"),
        ("DateTime(timezone=True)", "Date", "2025-03-14 23:59:59", "2025-03-14"),
    ],
)
def test_a_date_that_becomes_a_time_keeps_its_day(empty, folder, old, new, value, changed):
    table = "op.create_table('days', sa.Column('day', sa.{}))"
    change = (
        "with op.batch_alter_table('days') as days:"
        " days.alter_column('day', existing_type=sa.{}, type_=sa.{})"
    )
    path = folder(table.format(old), "op.drop_table('days')")
    code = HEAD.format(revision="3", down="2")
    code += f"\n\ndef upgrade():\n    {change.format(old, new)}\n"
    code += f"\n\ndef downgrade():\n    {change.format(new, old)}\n"
    Path(path, "versions/3.py").write_text(code)
    day = text("SELECT CAST(day AS VARCHAR) FROM days")
    with empty.app_context():
        upgrade(path, "2")
        db.session.execute(text(f"INSERT INTO days (day) VALUES ('{value}')"))
        db.session.commit()
        upgrade(path)
        assert db.session.scalar(day).startswith(changed)
        db.session.rollback()
        downgrade(path)
        assert db.session.scalar(day).startswith(value[:10])
