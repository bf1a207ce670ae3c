import pytest


@pytest.fixture
def writes(app):
    """All that changes something, as ``("PATCH", "/books/1")``."""
    return [
        (method, rule.rule.replace("<int(max=2147483647):id>", "1"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_another_site_changes_nothing(client, writes, headers):
    for method, path in writes:
        answer = client.open(path, method=method, json={}, headers=headers)
        assert (method, path, answer.status_code) == (method, path, 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_only_json_is_taken(client, writes, kind):
    for method, path in writes:
        answer = client.open(path, method=method, data='{"name": "x"}', content_type=kind)
        assert (method, path, answer.status_code) == (method, path, 415)


def test_this_site_and_clients_that_are_no_browsers_write(writer):
    body = {"name": "Mary Shelley"}
    assert writer.post("/authors", body).status_code == 201
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert writer.post("/authors", body, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("sites", "is_let_in"), [(["https://app.example.com"], True), (["*"], False)]
)
def test_a_site_that_is_listed_for_sharing_writes(make_app, sites, is_let_in):
    client = make_app(CORS_ORIGINS=sites).test_client()
    headers = {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/authors", "{", headers=headers, content_type="application/json")
    assert (answer.status_code != 403) == is_let_in
