# feature: auth
"""Two writers who read the same: one changes it, and the other is told, over two workers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from time import sleep

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


def test_the_etag_is_that_of_the_row_and_not_that_of_a_cached_response(author):
    writer, url = author
    sleep(0.002)  # In the millisecond of the write nothing is cached yet.
    etag = writer.get(url).headers["ETag"]
    with writer.application.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE authors SET name = 'Mary Godwin'"))
    assert writer.get(url).headers["ETag"] == etag  # feature: cache
    for method in ("PUT", "PATCH", "DELETE"):
        headers, body = {"If-Match": etag}, {"name": "M. W. Shelley"}
        refused = writer.open(url, method=method, json=body, headers=headers)
        assert refused.status_code == 412


def test_only_a_change_makes_a_new_version(author):
    writer, url = author
    before = writer.get(url)
    book = {"title": "Mathilda", "author_id": before.json["id"]}
    path = writer.post("/books", book).location
    book_before = writer.get(path)
    for change in ({"name": "Mary Shelley"}, {"name": "Mary Godwin"}):
        changed = writer.put(url, change)
        assert changed.data == writer.patch(url, change).data == writer.get(url).data
        is_same = changed.json["name"] == "Mary Shelley"
        assert (changed.headers["ETag"] == before.headers["ETag"]) == is_same
        book_after = writer.get(path)
        assert (book_after.headers["ETag"] == book_before.headers["ETag"]) == is_same
        assert book_after.json["updated_at"] == book_before.json["updated_at"]


def test_a_change_is_refused_for_the_first_of_these_reasons(author):
    owner, url = author
    app, stranger = owner.application, owner.application.test_client()
    other = log_in(app, "editor", email="eve@example.com")
    app.config["REQUIRE_IF_MATCH"] = True
    book = {"title": "Mathilda", "author_id": owner.get(url).json["id"]}
    path = owner.post("/books", book).location
    malformed, mistyped, dangling = "{", '{"title": 7}', json.dumps(book | {"author_id": 999})
    known = owner.get(path).headers["ETag"]
    for client, body, if_match, status in [
        (stranger, malformed, None, 401),
        (other, malformed, None, 400),
        (other, mistyped, None, 422),
        (other, dangling, None, 403),
        (other, dangling, '"0"', 403),
        (owner, dangling, None, 428),
        (owner, dangling, '"0"', 412),
        (owner, dangling, known, 422),
    ]:
        headers = {"If-Match": if_match} if if_match else {}
        has_meaning = body is dangling and status != 422
        for method in ("PUT", "PATCH", *["DELETE"] * has_meaning):
            options = {"data": body, "content_type": "application/json", "headers": headers}
            assert client.open(path, method=method, **options).status_code == status
    assert owner.get(path).headers["ETag"] == known


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
