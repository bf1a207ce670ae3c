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


def test_without_its_cache_it_is_degraded_and_serves(
    make_app, database_url, migrated
):  # feature: cache
    config = {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1"}  # feature: cache
    client = make_app(**config).test_client()  # feature: cache
    ready = client.get("/health/ready")  # feature: cache
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")  # feature: cache
    assert client.get("/books").status_code == 200  # feature: cache
