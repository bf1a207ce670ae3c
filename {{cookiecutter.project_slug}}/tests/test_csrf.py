import pytest
from notes import NOTE
from notes import PATH


@pytest.fixture
def writes(operations):
    """All that changes something, such as ``("PATCH", "/books/1")``."""
    return [operation for operation in operations if operation[0] != "GET"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "foo://localhost"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_another_site_changes_nothing(client, writes, headers):
    for method, path in writes:
        response = client.open(path, method=method, json={}, headers=headers)
        assert (method, path, response.status_code) == (method, path, 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_content_type_that_any_page_can_send_changes_nothing(client, kind):
    assert client.post(PATH, '{"text": "x"}', content_type=kind).status_code == 415


def test_this_site_and_clients_that_are_no_browsers_write(writer):
    assert writer.post(PATH, NOTE).status_code == 201
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert writer.post(PATH, NOTE, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("sites", "is_let_in"), [(["https://app.example.com"], True), (["*"], False)]
)
def test_a_site_that_is_listed_for_sharing_writes(make_app, sites, is_let_in):
    client = make_app(CORS_ORIGINS=sites).test_client()
    headers = {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
    response = client.post(PATH, "{", headers=headers, content_type="application/json")
    assert (response.status_code != 403) == is_let_in
