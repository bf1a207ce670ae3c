"""What belongs to somebody else can be named, and neither changed nor taken over."""

import pytest
from accounts import log_in
from accounts import PASSWORD

FIELDS = ["id", "user_id", "owner", "roles", "active", "password_hash", "author", "__class__"]
"""What no body sets, in whatever table it is a column."""


@pytest.fixture
def ada(app):
    return log_in(app, "editor", email="ada@example.com")


@pytest.fixture
def eve(app):
    return log_in(app, "editor", email="eve@example.com")


@pytest.fixture
def book(ada):
    author = ada.post("/authors", {"name": "Mary Shelley"}).json
    return ada.post("/books", {"title": "Frankenstein", "author_id": author["id"]}).json


def id_of(client):
    return client.get("/login").json["id"]


def test_the_book_of_another_user_is_refused(eve, ada, book):
    place, body = f"/books/{book['id']}", {"title": "Stolen", "author_id": book["author_id"]}
    answers = [eve.put(place, body), eve.patch(place, body), eve.delete(place)]
    assert {answer.status_code for answer in answers} == {403}
    assert ada.get(place).json == book


def test_the_login_of_another_user_is_not_there(eve, ada):
    (login,) = ada.get("/logins").json["items"]
    nowhere = eve.delete("/logins/999999")
    foreign = eve.delete(f"/logins/{login['id']}")
    assert foreign.status_code == nowhere.status_code == 404
    assert foreign.json["detail"] == nowhere.json["detail"]
    assert ada.get("/login").status_code == 200
    assert login["id"] not in [each["id"] for each in eve.get("/logins").json["items"]]


@pytest.mark.parametrize("field", FIELDS)
def test_no_body_sets_what_it_must_not(eve, ada, book, field):
    author = ada.get(f"/authors/{book['author_id']}").json
    password = {"current_password": PASSWORD, "new_password": "another one, long"}
    writes = [
        ("POST", "/books", {"title": "T", "author_id": author["id"]}),
        ("PUT", f"/books/{book['id']}", {"title": "T", "author_id": author["id"]}),
        ("PATCH", f"/books/{book['id']}", {}),
        ("POST", "/authors", {"name": "N"}),
        ("PUT", f"/authors/{author['id']}", {"name": "N"}),
        ("PUT", "/login/password", password),
        ("POST", "/login", {"email": "ada@example.com", "password": PASSWORD}),
    ]
    for method, place, body in writes:
        answer = ada.open(place, method=method, json={**body, field: id_of(eve)})
        assert (method, place, answer.status_code) == (method, place, 422)
        assert [fault["path"] for fault in answer.json["errors"]] == [field]
    assert ada.get(f"/books/{book['id']}").json == book
    assert ada.get(f"/authors/{author['id']}").json == author
    assert len(ada.get("/books").json["items"]) == len(ada.get("/authors").json["items"]) == 1


def test_an_answer_has_what_is_listed_and_nothing_else(ada, book):
    assert set(book) == {"id", "title", "author_id", "author"}
    assert set(book["author"]) == {"id", "name"}
    assert set(ada.get("/login").json) == {"id", "email", "roles"}
    (login,) = ada.get("/logins").json["items"]
    assert set(login) == {"id", "opened_at", "address", "user_agent", "current"}
