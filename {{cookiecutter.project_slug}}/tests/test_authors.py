def test_an_author_is_added_shown_changed_and_removed(writer, client):
    added = writer.post("/authors", {"name": "Ann Radcliffe"})
    assert added.status_code == 201
    place = added.headers["Location"]
    assert client.get(place).json == added.json
    assert writer.put(place, {"name": "A. Radcliffe"}).json["name"] == "A. Radcliffe"
    assert writer.patch(place, {"name": "Mrs Radcliffe"}).json["name"] == "Mrs Radcliffe"
    assert client.get(place).json["name"] == "Mrs Radcliffe"
    assert writer.delete(place).status_code == 204
    assert client.get(place).status_code == 404


def test_an_author_with_books_stays(writer, author):
    writer.post("/books", {"title": "Frankenstein", "author_id": author["id"]})
    refused = writer.delete(f"/authors/{author['id']}")
    assert (refused.status_code, refused.json["detail"]) == (409, "The author has books.")


def test_the_list_comes_in_pages(writer, client):
    names = [f"Author {number}" for number in range(5)]
    for name in names:
        writer.post("/authors", {"name": name})
    seen, address, pages = [], "/authors?limit=2", 0
    while address:
        page = client.get(address)
        seen += [author["name"] for author in page.json["items"]]
        pages += 1
        cursor = page.json["next"]
        address = cursor and page.headers["Link"].split(">")[0].strip("<")
        assert bool(cursor) == bool(address)
    assert (seen, pages) == (names, 3)


def test_a_page_refuses_what_it_did_not_give(client):
    for cursor in ("", "!!", "1", "0000000g", "80000000", "000000001", "0000001%0A"):
        assert client.get(f"/authors?cursor={cursor}").status_code == 422
    assert client.get("/authors?cursor=7fffffff").json["items"] == []
    assert client.get("/authors?limit=0").status_code == 422
    assert client.get("/authors?limit=101").status_code == 422


def test_a_new_author_is_in_the_list_at_once(writer, client):
    assert client.get("/authors").json["items"] == []
    writer.post("/authors", {"name": "Ann Radcliffe"})
    assert [author["name"] for author in client.get("/authors").json["items"]] == ["Ann Radcliffe"]
