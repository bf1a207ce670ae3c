import pytest
from accounts import log_in  # feature: auth
from test_authors import AUTHOR

BOOK = {"title": "Frankenstein"}
"""What the tests send, with the author's ID; give it the fields that you add."""


@pytest.fixture
def author(writer):
    return writer.post("/authors", AUTHOR).json


@pytest.fixture
def body(author):
    return BOOK | {"author_id": author["id"]}


@pytest.fixture
def book(writer, body):
    return writer.post("/books", body).json


@pytest.fixture
def path(book):
    return f"/books/{book['id']}"


def test_a_book_is_added_shown_changed_and_removed(writer, client, author, body):
    added = writer.post("/books", body)
    assert added.status_code == 201
    path = added.headers["Location"]
    assert client.get(path).json == added.json
    assert added.json["title"] == "Frankenstein"
    assert added.json["author"] == author
    assert writer.put(path, body | {"title": "The Last Man"}).json["title"] == "The Last Man"
    assert writer.patch(path, {"title": "Mathilda"}).json["title"] == "Mathilda"
    assert client.get(path).json["title"] == "Mathilda"
    assert writer.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_the_list_has_every_book_at_once(writer, client, body):
    assert client.get("/books?limit=2").json["items"] == []
    added = [writer.post("/books", body).json for _ in range(2)]
    assert client.get("/books?limit=2").json == {"items": added, "next": None}


def test_the_list_is_sorted_filtered_and_searched(writer, client, body):
    added = [
        writer.post("/books", body | {"title": title, "published_on": published}).json
        for title, published in (("Ab", "1818-01-01"), ("b%", None), ("Ac", "1826-01-23"))
    ]
    when = added[1]["created_at"]
    for query, titles in {
        "sort=title": ["Ab", "Ac", "b%"],
        "sort=-created_at": ["Ac", "b%", "Ab"],
        "sort=published_on": ["Ab", "Ac", "b%"],
        "sort=-published_on,title": ["Ac", "Ab", "b%"],
        "q=a": ["Ab", "Ac"],
        "q=%25": ["b%"],
        "published_on_min=1818-01-02": ["Ac"],
        "published_on_max=1818-01-01": ["Ab"],
        f"created_at_min={when}": ["b%", "Ac"],
        f"created_at_max={when}": ["Ab", "b%"],
        f"author_id={body['author_id'] + 1}": [],
    }.items():
        found, items = client.get(f"/books?limit=2&{query}"), []
        items += found.json["items"]
        if found.json["next"]:
            items += client.get(found.headers["Link"].split(">")[0].strip("<")).json["items"]
        assert [book["title"] for book in items] == titles, query


@pytest.mark.parametrize("query", ["sort=titel", "sort=", "titel=a", "author_id=1&author_id=1"])
def test_an_argument_of_the_list_that_is_not_valid_is_refused(client, query):
    assert client.get(f"/books?{query}").status_code == 422


def test_a_renamed_author_is_renamed_in_their_books(writer, client, author, path):
    for url in (path, "/books"):
        assert AUTHOR["name"] in client.get(url).text
    writer.patch(f"/authors/{author['id']}", AUTHOR | {"name": "M. W. Shelley"})
    for url in (path, "/books"):
        assert "M. W. Shelley" in client.get(url).text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", " "),
        ("title", "a\x1bb"),
        ("title", "a\0b"),
        ("title", "T" * 201),
        ("title", 7),
        ("author_id", True),
        ("author_id", "1"),
        ("author_id", 2**31),
        ("author_id", 2**70),
        ("author_id", 1.5),
        ("author_id", 999_999),
        ("id", 7),
        ("user_id", 7),  # feature: auth
        ("author", {"id": 7}),
        ("__class__", 7),
        ("no_such_field", 7),
    ],
)
def test_a_field_that_is_not_valid_is_refused_and_nothing_stored(
    writer, client, book, body, path, field, value
):
    change = {field: value}
    sent = [writer.post("/books", body | change), writer.put(path, body | change)]
    for refused in [*sent, writer.patch(path, change)]:
        assert refused.status_code in (400, 422)
        assert refused.mimetype == "application/problem+json"
        if refused.status_code == 422:
            assert field in [fault["path"].split("/")[0] for fault in refused.json["errors"]]
    assert client.get("/books").json["items"] == [book]


@pytest.mark.parametrize("field", ["title", "author_id"])
def test_a_field_that_is_missing_is_named(writer, body, field):
    del body[field]
    refused = writer.post("/books", body)
    assert refused.status_code == 422
    assert field in [fault["path"] for fault in refused.json["errors"]]


def test_a_change_to_null_is_refused(writer, path):
    assert writer.patch(path, {"title": None}).status_code == 422


@pytest.mark.parametrize("place", ["999999", "2147483648", str(2**70), "-1", "1.0", "x"])
def test_a_missing_book_is_a_404(client, place):
    missing = client.get(f"/books/{place}")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")


def test_a_change_of_what_has_changed_is_refused(writer, client, body, path):
    known = {"If-Match": client.get(path).headers["ETag"]}
    changed = writer.patch(path, {"title": "Mathilda"}, headers=known)
    assert changed.headers["ETag"] == client.get(path).headers["ETag"]
    for refused in (writer.put(path, body, headers=known), writer.delete(path, headers=known)):
        assert refused.status_code == 412
    assert client.get(path).json == changed.json
    known = {"If-None-Match": changed.headers["ETag"]}
    assert client.get(path, headers=known).status_code == 304


def test_an_author_with_books_stays(writer, author, book):
    refused = writer.delete(f"/authors/{author['id']}")
    assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
    assert writer.get(f"/books/{book['id']}").status_code == 200


def test_its_owner_and_an_admin_change_a_book(app, client, book, body, path):  # feature: auth
    body["title"], change = "Stolen", {"title": "Stolen"}
    other = log_in(app, "editor", email="eve@example.com")
    for reader, status in [(client, 401), (other, 403)]:
        refused = [reader.put(path, body), reader.patch(path, change)]
        refused += [reader.delete(path)]
        assert {response.status_code for response in refused} == {status}
    assert client.get(path).json == book
    admin = log_in(app, "admin", email="admin@example.com")
    assert admin.patch(path, {"title": "Corrected"}).json["title"] == "Corrected"
    assert admin.delete(path).status_code == 204


def test_a_stranger_adds_no_book(client, body):  # feature: auth
    assert client.post("/books", body).status_code == 401
    assert client.get("/books").json["items"] == []
