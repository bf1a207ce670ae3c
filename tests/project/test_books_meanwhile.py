"""Books and authors that change while another request changes them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from accounts import log_in  # feature: auth
from conftest import create_app
from conftest import db
from flask import request_started
from sqlalchemy import text
from test_authors import AUTHOR
from test_books import BOOK
from werkzeug.utils import import_string


@pytest.fixture
def stored(lasting):
    """A client that may write, the ID of an author without books, and the path of a book."""
    client = lasting.test_client()
    client = log_in(lasting, "editor")  # feature: auth
    free, author = (client.post("/authors", AUTHOR).json["id"] for _ in range(2))
    return client, free, client.post("/books", BOOK | {"author_id": author}).location


@pytest.fixture
def meanwhile(lasting):
    """Call ``meanwhile(statement, send, ...)``: the response while the statement is uncommitted."""

    def meanwhile(statement, send, *args):
        with ThreadPoolExecutor(1) as elsewhere:
            with lasting.app_context(), db.engine.begin() as connection:
                connection.execute(text(statement))
                sent = elsewhere.submit(send, *args)
                with pytest.raises(TimeoutError):
                    sent.result(0.4)
            return sent.result()

    return meanwhile


def test_a_book_that_is_removed_meanwhile_is_not_found(stored, meanwhile):
    client, _, path = stored
    assert meanwhile("DELETE FROM books", client.patch, path, {"title": "X"}).status_code == 404


@pytest.fixture(params=["", "loaded by a hook"])
def hook(request, lasting):
    """What may have loaded the rows before the view locks them."""
    models, loaded = import_string(f"{create_app.__module__}.models"), []

    def load(app):
        for model in (models.Author, models.Book):
            loaded.extend(db.session.scalars(db.select(model)))

    with request_started.connected_to(load, lasting) if request.param else nullcontext():
        yield


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_has_changed_meanwhile_is_not_changed(stored, meanwhile, method, hook):
    client, free, book = stored
    for path, body, changed in [
        (book, BOOK | {"author_id": free}, "UPDATE books SET title = 'Mathilda'"),
        (book, BOOK | {"author_id": free}, f"UPDATE books SET author_id = {free}"),
        (f"/authors/{free}", AUTHOR, "UPDATE authors SET name = 'Mary Godwin'"),
    ]:
        headers = {"If-Match": client.get(path).headers["ETag"]}

        def send(path=path, body=body, headers=headers):
            return client.open(path, method=method, json=body, headers=headers)

        assert meanwhile(changed, send).status_code == 412


def test_no_book_is_added_to_an_author_who_is_removed_meanwhile(stored, meanwhile):
    client, free, _ = stored
    removed = f"DELETE FROM authors WHERE id = {free}"
    body = BOOK | {"author_id": free}
    assert meanwhile(removed, client.post, "/books", body).status_code == 422


def test_no_author_is_removed_who_gets_a_book_meanwhile(stored, meanwhile):
    client, free, _ = stored
    moved = f"UPDATE books SET author_id = {free}"
    assert meanwhile(moved, client.delete, f"/authors/{free}").status_code == 409
