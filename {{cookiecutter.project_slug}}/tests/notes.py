"""A resource for tests, at ``/test-notes``: the API's own ones can change, and can go."""

from sqlalchemy import text
from werkzeug.utils import import_string

PATH = "/test-notes"
NOTE = {"text": "Buy milk"}


def init_app(app):
    """Serve the notes with *app*. Reading them needs the database, but none is stored."""
    package = app.import_name
    auth = import_string(f"{package}.accounts:auth")  # feature: auth
    db = import_string(f"{package}.database:db")
    operation = import_string(f"{package}.carafe.operation:operation")
    schema = import_string(f"{package}.carafe.schema")

    class TestNote(schema.Body):
        """A note."""

        text: schema.Line

    @app.get(PATH)
    @operation()
    def read_test_notes() -> list[TestNote]:
        """List the notes."""
        db.session.execute(text("SELECT 1"))
        return []

    @app.post(PATH)
    @auth.require.editor()  # feature: auth
    @operation(201)
    def add_test_note(body: TestNote) -> TestNote:
        """Add a note."""
        return body
