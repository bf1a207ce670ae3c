"""Authors: anybody reads them, and one who has books stays."""

import pytest  # feature: auth
from accounts import log_in  # feature: auth

AUTHOR = {"name": "Mary Shelley"}
"""What the tests send; give it the fields that you add."""


def test_an_author_is_added_shown_changed_and_removed(writer, client):
    added = writer.post("/authors", AUTHOR)
    assert added.status_code == 201
    path = added.headers["Location"]
    assert client.get(path).json == added.json
    assert added.json["name"] == "Mary Shelley"
    assert writer.put(path, AUTHOR | {"name": "Ann Radcliffe"}).json["name"] == "Ann Radcliffe"
    assert writer.patch(path, {"name": "A. R."}).json["name"] == "A. R."
    assert writer.patch(path, {}).json["name"] == "A. R."
    assert writer.patch(path, {"name": None}).status_code == 422
    assert client.get(path).json["name"] == "A. R."
    assert writer.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_the_list_comes_in_pages(writer, client):
    names = [f"Author {number}" for number in range(5)]
    for name in names:
        writer.post("/authors", AUTHOR | {"name": name})
    seen, url, pages = [], "/authors?limit=2", 0
    while url:
        page = client.get(url)
        seen += [author["name"] for author in page.json["items"]]
        pages += 1
        cursor = page.json["next"]
        url = cursor and page.headers["Link"].split(">")[0].strip("<")
        assert bool(cursor) == bool(url)
    assert (seen, pages) == (names, 3)


def test_a_page_is_refused_if_its_cursor_or_limit_is_not_valid(client):
    for cursor in ("", "!!", "1", "WzFd", "WzFd.", "WzFd.00", "WzFd.%C3%A9", "a%0A"):
        assert client.get(f"/authors?cursor={cursor}").status_code == 422
    for limit in (0, 101, "x"):
        assert client.get(f"/authors?limit={limit}").status_code == 422


def test_a_new_author_is_in_the_list_at_once(writer, client):
    assert client.get("/authors").json["items"] == []
    added = writer.post("/authors", AUTHOR).json
    assert client.get("/authors").json["items"] == [added]


def test_only_an_editor_writes_authors(app, writer, client):  # feature: auth
    author = writer.post("/authors", AUTHOR)
    path, body = author.location, AUTHOR | {"name": "Nobody"}
    for reader, status in [(client, 401), (log_in(app, "admin"), 403)]:
        refused = [reader.put(path, body), reader.patch(path, body)]
        refused += [reader.delete(path), reader.post("/authors", body)]
        assert {response.status_code for response in refused} == {status}
    assert client.get("/authors").json["items"] == [author.json]


@pytest.mark.parametrize("field", ["id", "books", "__class__", "no_such_field"])  # feature: auth
def test_nothing_sets_the_field_of_an_author(writer, field):  # feature: auth
    path = writer.post("/authors", AUTHOR).location
    for method, url in [("POST", "/authors"), ("PUT", path)]:
        response = writer.open(url, method=method, json=AUTHOR | {field: 7})
        assert response.status_code == 422
