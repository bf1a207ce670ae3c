"""What no client library sends, to a real gunicorn: it is refused, and the worker lives."""

import json
import os
import re
import shutil
import socket
from contextlib import suppress

import pytest
from conftest import create_app
from conftest import MIGRATIONS
from notes import PATH
from servers import LONG
from servers import Server

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]

LIMIT = 100_000
READ = "GET /health/live"
WRITE = "POST /write"
JSON = "Content-Type: application/json"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One gunicorn for all of these."""
    folder = tmp_path_factory.mktemp("raw")
    shutil.copy(MIGRATIONS.parent / "gunicorn.conf.py", folder)
    trusted = {"TRUSTED_HOSTS": '["a.example"]', "MAX_CONTENT_LENGTH": str(LIMIT)}
    with Server(folder, create_app.__module__, "--workers=1", **trusted) as server:
        yield server


def ask(server, line, *headers, body=b"", host="Host: a.example"):
    """The status and the headers of the answer, and its body."""
    head = "\r\n".join([f"{line} HTTP/1.1", *([host] if host else []), *headers, "", ""])
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as connection:
        with suppress(ConnectionError):  # The answer may come before all is sent.
            connection.sendall(head.encode("latin1") + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536) or pytest.fail("no answer")
    head, _, body = answer.decode("latin1").partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (READ, [], 200),
        ("GET /" + "a" * 10_000, [], 414),
        (READ, ["X-Long: " + "a" * 20_000], 431),
        (READ, [f"X-{number}: a" for number in range(200)], 431),
        (READ, ["Cookie: " + "a" * 9_000], 431),  # feature: session or auth
        (WRITE, [JSON, "Content-Length: 4", CHUNKED], 400),
        (WRITE, [JSON, "Content-Length: 4", "Content-Length: 5"], 400),
        (WRITE, [JSON, "Content-Length: -1"], 400),
        (WRITE, [JSON, "Content-Length: +4"], 400),
        (WRITE, [JSON, "Transfer-Encoding: chunked, gzip"], 400),
        (READ, ["X-Nul: a\0b"], 400),
        (READ, ["X Space: a"], 400),
        ("GET /\xff", [], 400),
        ("GET /%FF", [], 400),
        ("GET /%00", [], 400),
        ("GET /%0D%0AX-Evil:%201", [], 400),
        (f"GET {PATH}?q=%FF", [], 400),
        (f"GET {PATH}?q=\xff", [], 400),
    ],
)
def test_it_is_refused(server, line, headers, status):
    answered, head, _ = ask(server, line, *headers)
    assert answered == status
    assert "x-evil" not in head


@pytest.mark.parametrize("line", ["GET / HTTP/1.1\r\nX Space: a", "GET /" + "a" * 10_000, "!"])
def test_what_gunicorn_itself_refuses_is_well_formed_and_a_problem_document(server, line):
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as connection:
        connection.sendall(f"{line}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\n" not in head.replace(b"\r\n", b"")
    headers = dict(line.split(b": ") for line in head.split(b"\r\n")[1:])
    assert headers[b"Content-Type"] == b"application/problem+json"
    assert b"X-Request-ID" not in headers
    assert int(headers[b"Content-Length"]) == len(body)
    assert json.loads(body)["status"] == int(head.split()[1])


@pytest.mark.parametrize(
    "host", [None, "Host:", "Host: evil.example", "Host: a.example\r\nHost: evil.example"]
)
def test_another_host_is_refused_and_so_is_none(server, host):
    assert ask(server, READ, host=host)[0] == 400


@pytest.mark.parametrize("host", ["Host: a.example:81", "Host: 127.0.0.1:8000", "Host: localhost"])
def test_a_trusted_host_is_answered_and_so_is_a_health_check_beside_it(server, host):
    assert ask(server, READ, host=host)[0] == 200


@pytest.mark.parametrize("sent", [["1"], ["1", "1"], ["1 2"], []])
def test_an_id_that_is_well_formed_and_sent_once_is_the_id_of_the_request(server, sent):
    _, head, _ = ask(server, READ, *[f"X-Request-ID: {id}" for id in sent])
    [found] = re.findall(r"x-request-id: (\S+)", head)
    assert re.fullmatch("1" if sent == ["1"] else "[0-9a-f]{32}", found)


def test_the_server_tells_no_version(server):
    for line in (READ, "GET /nowhere", "GET /%FF", "FOO /health/live"):
        _, head, body = ask(server, line)
        assert "server: gunicorn\r\n" in head
        assert "python" not in head + body


def test_a_body_that_is_too_long_is_a_413_before_it_is_sent(server):
    status, head, _ = ask(server, WRITE, JSON, f"Content-Length: {LIMIT + 1}")
    assert (status, "application/problem+json" in head) == (413, True)


def test_chunks_that_are_too_many_are_a_413_and_the_end_of_the_connection(server):
    chunk = b"%x\r\n%s\r\n" % (LIMIT, b" " * LIMIT)
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as connection:
        head = f"{WRITE} HTTP/1.1\r\nHost: a.example\r\n{JSON}\r\n{CHUNKED}\r\n\r\n"
        connection.sendall(head.encode() + chunk + chunk)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(ConnectionError):
            for _ in range(100):
                connection.sendall(b"%x\r\n%s\r\n" % (2**20, b" " * 2**20))


def test_a_body_in_chunks_is_read(server):
    body = b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert ask(server, WRITE, JSON, CHUNKED, body=body)[0] == 422


def test_no_worker_was_lost(server):
    assert ask(server, READ)[0] == 200
    assert server.output().count("Booting worker") == 1
    assert "Traceback" not in server.output()
