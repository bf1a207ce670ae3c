# feature: auth
"""Two writers who read the same: one changes it, and the other is told, over two workers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from accounts import log_in
from conftest import create_app
from conftest import db
from servers import serve as serve
from sqlalchemy import event
from sqlalchemy import text
from werkzeug.utils import import_string

ROUNDS = 200
AUTHOR = import_string(f"{create_app.__module__}.models:Author")
DELETE = text("DELETE FROM authors")


@pytest.fixture
def author(lasting):
    """A writer, and the URL of an author who has no books."""
    lasting.config["PROPAGATE_EXCEPTIONS"] = False

    @lasting.put("/late")
    def late():
        db.session.scalars(db.select(AUTHOR)).one().name = "late"
        with db.session.no_autoflush:
            db.session.execute(DELETE)
        db.session.commit()
        return {}

    writer = log_in(lasting, "editor")
    return writer, writer.post("/authors", {"name": "Mary Shelley"}).location


def test_what_is_deleted_right_after_its_change_is_a_404(author):
    writer, url = author

    def delete(session):
        with db.engine.begin() as connection:
            connection.execute(DELETE)

    event.listen(db.session, "after_commit", delete, once=True)
    assert writer.put(url, {"name": "Mary Godwin"}).status_code == 404


def test_what_another_request_deleted_is_not_changed(author):
    writer, url = author
    assert writer.put("/late").status_code == 409
    assert writer.get(url).json["name"] == "Mary Shelley"


@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
def test_of_two_writers_with_one_etag_one_is_told(lasting, serve):
    writer = log_in(lasting, "editor")
    author = writer.post("/authors", {"name": "Mary Shelley"}).json["id"]
    path = writer.post("/books", {"title": "0", "author_id": author}).location
    token = writer.post("/tokens", {"name": "Two writers"}).json["token"]
    with lasting.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    environment = {"FLASK_ENVIRONMENT": "development", "FLASK_DATABASE_TIMEOUT": "30"}
    server = serve("--workers=2", SECRET_KEY=lasting.secret_key, DATABASE_URL=url, **environment)

    def send(method, title=None, etag=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection = server.connect()
        try:
            body = json.dumps({"title": title}) if title else None
            connection.request(method, path, body, headers | ({"If-Match": etag} if etag else {}))
            response = connection.getresponse()
            return response.status, response.headers["ETag"], json.loads(response.read())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            _, etag, _ = send("GET")
            titles = [f"{number} {name}" for name in "ab"]
            sent = [pool.submit(send, "PATCH", title, etag) for title in titles]
            results = [each.result() for each in sent]
            assert sorted(status for status, _, _ in results) == [200, 412]
            [(_, changed, body)] = [each for each in results if each[0] == 200]
            assert send("GET")[1:] == (changed, body)
