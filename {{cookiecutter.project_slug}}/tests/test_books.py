import pytest


@pytest.fixture
def book(writer, author):
    return writer.post("/books", {"title": "Frankenstein", "author_id": author["id"]}).json


def test_a_book_is_added_shown_changed_and_removed(writer, client, author, book):
    place = f"/books/{book['id']}"
    assert client.get(place).json == book
    assert book == {
        "id": book["id"],
        "title": "Frankenstein",
        "author_id": author["id"],
        "author": author,
    }
    changed = {"title": "The Last Man", "author_id": author["id"]}
    assert writer.put(place, changed).json["title"] == "The Last Man"
    assert writer.patch(place, {"title": "Mathilda"}).json["title"] == "Mathilda"
    assert client.get(place).json["title"] == "Mathilda"
    assert writer.delete(place).status_code == 204
    assert client.get(place).status_code == 404


def test_a_renamed_author_is_renamed_in_their_books(writer, client, author, book):
    for address in (f"/books/{book['id']}", "/books"):
        assert "Mary Shelley" in client.get(address).text
    writer.patch(f"/authors/{author['id']}", {"name": "M. W. Shelley"})
    for address in (f"/books/{book['id']}", "/books"):
        assert "M. W. Shelley" in client.get(address).text


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "title"),
        ({"title": "T"}, "author_id"),
        ({"title": "", "author_id": 1}, "title"),
        ({"title": " ", "author_id": 1}, "title"),
        ({"title": "a\x1bb", "author_id": 1}, "title"),
        ({"title": "T" * 201, "author_id": 1}, "title"),
        ({"title": 7, "author_id": 1}, "title"),
        ({"title": "T", "author_id": True}, "author_id"),
        ({"title": "T", "author_id": "1"}, "author_id"),
        ({"title": "T", "author_id": 2**70}, "author_id"),
        ({"title": "T", "author_id": 999_999}, "author_id"),
        ({"title": "T", "author_id": 1, "id": 7}, "id"),
        ({"title": "T", "author_id": 1, "color": "red"}, "color"),
    ],
)
def test_a_body_that_does_not_match_is_refused_and_not_stored(writer, client, body, place):
    refused = writer.post("/books", body)
    assert refused.status_code == 422
    assert refused.mimetype == "application/problem+json"
    assert place in [fault["path"] for fault in refused.json["errors"]]
    assert client.get("/books").json["items"] == []


@pytest.mark.parametrize("value", [None, "", 7])
def test_a_change_to_nothing_is_refused(writer, book, value):
    assert writer.patch(f"/books/{book['id']}", {"title": value}).status_code == 422


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "", "content_type": "application/json"}, 400),
        ({"data": '{"title": "T"}', "content_type": "text/plain"}, 415),
        ({"data": {"title": "T"}, "content_type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_what_is_not_json_is_refused_and_not_stored(writer, client, sent, status):
    refused = writer.open("/books", method="POST", **sent)
    assert (refused.status_code, refused.mimetype) == (status, "application/problem+json")
    assert client.get("/books").json["items"] == []


@pytest.mark.parametrize("place", ["/books/999999", "/books/99999999999999999999", "/books/x"])
def test_a_missing_book_is_a_404(client, place):
    missing = client.get(place)
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")


def test_a_method_that_is_not_allowed_says_which_are(client):
    refused = client.delete("/books")
    assert refused.status_code == 405
    assert refused.mimetype == "application/problem+json"
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
