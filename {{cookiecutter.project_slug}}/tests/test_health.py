def test_it_lives(client):
    assert client.get("/health/live").json == {"status": "ok"}


def test_it_is_ready(client):
    ready = client.get("/health/ready").json
    assert ready["status"] == "ok"
    assert set(ready["checks"].values()) == {"ok"}


def test_without_its_database_it_lives_and_is_not_ready(make_app, tmp_path):
    client = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder.db").test_client()
    assert client.get("/health/live").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.mimetype) == (503, "application/problem+json")
