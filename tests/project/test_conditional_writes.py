# feature: auth
"""Two writers who read the same: one changes it, and the other is told, over two workers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from accounts import log_in
from conftest import db
from servers import serve as serve

ROUNDS = 200


@pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")
def test_of_two_writers_with_one_etag_one_is_told(lasting, serve):
    writer = log_in(lasting, "editor")
    author = writer.post("/authors", {"name": "Mary Shelley"}).json["id"]
    path = writer.post("/books", {"title": "0", "author_id": author}).location
    token = writer.post("/tokens", {"name": "Two writers"}).json["token"]
    with lasting.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
    environment = {"FLASK_ENVIRONMENT": "development", "FLASK_DATABASE_TIMEOUT": "30"}
    server = serve("--workers=2", SECRET_KEY=lasting.secret_key, DATABASE_URL=url, **environment)

    def send(method, title=None, etag=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection = server.connect()
        try:
            body = json.dumps({"title": title}) if title else None
            connection.request(method, path, body, headers | ({"If-Match": etag} if etag else {}))
            response = connection.getresponse()
            return response.status, response.headers["ETag"], json.loads(response.read())
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            _, etag, _ = send("GET")
            titles = [f"{number} {name}" for name in "ab"]
            sent = [pool.submit(send, "PATCH", title, etag) for title in titles]
            results = [each.result() for each in sent]
            assert sorted(status for status, _, _ in results) == [200, 412]
            [(_, changed, body)] = [each for each in results if each[0] == 200]
            assert send("GET")[1:] == (changed, body)
