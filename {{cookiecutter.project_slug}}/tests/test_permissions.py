import pytest
from accounts import log_in


@pytest.fixture
def book(writer, author):
    return writer.post("/books", {"title": "Frankenstein", "author_id": author["id"]}).json


def refused(client, place, status, body):
    assert client.put(place, body).status_code == status
    assert client.patch(place, body).status_code == status
    assert client.delete(place).status_code == status


def test_only_an_editor_writes_authors(app, client, author):
    place, body = f"/authors/{author['id']}", {"name": "Nobody"}
    for reader, status in [(client, 401), (log_in(app, "admin"), 403)]:
        refused(reader, place, status, body)
        assert reader.post("/authors", body).status_code == status
    assert client.get(place).json == author


def test_a_book_is_changed_by_who_added_it_and_by_an_admin(app, client, book):
    place, body = f"/books/{book['id']}", {"title": "Stolen", "author_id": book["author_id"]}
    for reader, status in [(client, 401), (log_in(app, "editor"), 403)]:
        refused(reader, place, status, body)
    assert client.get(place).json == book
    admin = log_in(app, "admin", email="admin@example.com")
    assert admin.patch(place, {"title": "Corrected"}).json["title"] == "Corrected"
    assert admin.delete(place).status_code == 204


def test_a_stranger_adds_no_book(client, author):
    body = {"title": "Stolen", "author_id": author["id"]}
    assert client.post("/books", body).status_code == 401
    assert client.get("/books").json["items"] == []


def test_nobody_adds_a_book_for_somebody_else(writer, author):
    body = {"title": "T", "author_id": author["id"], "user_id": 7}
    assert writer.post("/books", body).status_code == 422


def test_the_document_tells_how_a_stranger_is_refused(client):
    paths = client.get("/openapi.json").json["paths"]
    assert {"401", "403"} <= set(paths["/authors"]["post"]["responses"])
