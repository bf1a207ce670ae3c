"""The migrations make what the models say, and without them a request is a problem document."""

from conftest import db
from conftest import MIGRATIONS
from flask_migrate import check
from flask_migrate import downgrade
from sqlalchemy import inspect
from sqlalchemy import text


def test_the_models_and_the_migrations_agree(migrated):
    with migrated.app_context():
        check(str(MIGRATIONS))


def test_every_migration_can_be_reverted(lasting):
    with lasting.app_context():
        downgrade(str(MIGRATIONS), "base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]


def test_without_migrations_a_503_says_how_to_make_the_tables(make_app, tmp_path, caplog):
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/empty.db")
    app.add_url_rule("/rows", view_func=lambda: str(db.session.scalar(text("SELECT id FROM rows"))))
    for path in ("/rows", "/health/ready"):
        refused = app.test_client().get(path)
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
        assert "flask db upgrade" in refused.json["detail"]
    assert "flask db upgrade" in caplog.text


def test_a_database_that_is_newer_than_the_code_is_ready(lasting):
    with lasting.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = 'from tomorrow'"))
        db.session.commit()
    assert lasting.test_client().get("/health/ready").status_code == 200
