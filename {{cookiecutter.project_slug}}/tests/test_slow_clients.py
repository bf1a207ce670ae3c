"""Clients that take their time: the server does not take it from the others."""

import os
import signal
import socket
import struct
import time
from contextlib import contextmanager
from contextlib import ExitStack

import pytest
from servers import ask
from servers import LONG
from servers import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]

HOST = b"\r\nHost: localhost"
JSON = b"\r\nContent-Type: application/json\r\n"
PART = b"HEAD /health/live HTTP/1.1" + HOST
WHOLE = PART + b"\r\n\r\n"
LAST = PART + b"\r\nConnection: close\r\n\r\n"
WRITE = b"POST /write HTTP/1.1" + HOST + JSON
SIZED = WRITE + b"Content-Length: 100\r\n\r\n{"
CHUNKED = WRITE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
NEVER = 10 * LONG
"""Seconds. A limit that no test reaches."""


@pytest.fixture
def make_server(serve, tmp_path):
    """Serve with one worker that has other limits, as ``make_server(head=2, body=2)``."""

    def make_server(*options, **seconds):
        with open(tmp_path / "gunicorn.conf.py", "a") as conf:
            conf.write("\n\ndef when_ready(server):\n    Worker = server.worker_class\n")
            for name, value in seconds.items():
                conf.write(f"    Worker.seconds_for_{name} = {value}\n")
        servers.append(server := serve("--workers=1", *options))
        return server

    servers = []
    yield make_server
    for server in servers:
        output = server.output()
        assert output.count("Booting worker") == 1
        assert "ERROR" not in output and "Traceback" not in output


@contextmanager
def opened(server, *sent):
    """A connection for each, on which that much is sent."""
    with ExitStack() as stack:
        connections = []
        for data in sent:
            address = ("127.0.0.1", server.port)
            connections.append(socket.create_connection(address, timeout=LONG))
            stack.enter_context(connections[-1]).sendall(data)
        time.sleep(0.5)
        yield connections


def rest(connection):
    """What comes until the server hangs up."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionError:
        pass
    return received


def drip(connection):
    """Send a byte from time to time until there is a response."""
    connection.settimeout(0.2)
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            return connection.recv(65536)
        except TimeoutError:
            connection.sendall(b" ")


def is_open(connection):
    """Whether the server has neither sent anything nor hung up."""
    connection.settimeout(0.01)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    return False


def test_no_client_waits_for_those_that_send_no_head_or_do_not_hang_up(make_server):
    server = make_server(head=NEVER)
    before = server.connect()
    assert ask(before, "/health/live")[0] == 200
    for sent in (b"", PART, WHOLE + PART, WHOLE.replace(b"1.1", b"1.0"), b"FOO\r\n\r\n"):
        with opened(server, *[sent] * 40):
            for _ in range(20):
                assert server.get("/health/live")[0] == 200
            assert ask(before, "/health/live")[0] == 200
    before.close()


@pytest.mark.parametrize("before", [b"", WHOLE])
def test_a_connection_whose_head_does_not_come_in_time_is_closed(make_server, before):
    with opened(make_server(head=2), before, before) as (dripping, silent):
        for connection in (dripping, silent) if before else ():
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"G")
        assert drip(dripping) == b""
        assert rest(silent) == b""


def test_what_follows_in_the_same_packet_is_answered(make_server):
    with opened(make_server(head=NEVER), WHOLE * 3 + PART) as [connection]:
        connection.sendall(LAST.removeprefix(PART))
        assert rest(connection).count(b"HTTP/1.1 200 ") == 4


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health/live HTTP/1.1\nHost: localhost\n\n", b"400"),
        (b"GET /health/live HTTP/1.1\r\nHost: localhost\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000, b"414"),
    ],
)
def test_a_head_that_can_never_be_valid_is_not_waited_for(make_server, sent, status):
    with opened(make_server(head=NEVER), sent) as [connection]:
        assert rest(connection).startswith(b"HTTP/1.1 " + status)


def test_a_long_head_that_stops_is_not_waited_for_either(make_server):
    with opened(make_server(body=2), PART + b"\r\nX: a" * 20_000) as [connection]:
        assert rest(connection) == b""


def test_a_client_that_is_gone_is_not_waited_for(make_server):
    server = make_server(head=NEVER)
    with opened(server, PART, PART, WHOLE.replace(b"1.1", b"1.0")) as (half, *reset):
        for connection in reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        half.shutdown(socket.SHUT_WR)
        assert rest(half) == b""
    assert server.get("/health/live")[0] == 200


@pytest.mark.parametrize("sent", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_a_body_that_does_not_come_in_time_is_refused(make_server, sent):
    server = make_server(body=3)
    with opened(server, *[sent] * 8) as connections:
        assert server.get("/health/live")[0] == 200
        for connection in connections:
            assert (response := rest(connection)).startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in response


def test_a_body_that_comes_in_drips_has_no_more_time(make_server):
    with opened(make_server(body=2), SIZED) as [connection]:
        assert drip(connection).startswith(b"HTTP/1.1 400 ")


def test_a_body_that_no_view_reads_is_not_waited_for(make_server):
    sent = WRITE.replace(b"POST", b"PUT") + b"Content-Length: 100\r\n\r\n"
    with opened(make_server(body=NEVER), sent) as [connection]:
        assert rest(connection).startswith(b"HTTP/1.1 405 ")


def test_a_view_may_take_longer_and_read_late_what_came_in_time(make_server):
    late = b"POST /late HTTP/1.1" + HOST + JSON + b"Content-Length: 4\r\n\r\n"
    sent = late + b"late" + late + b"late" + LAST
    with opened(make_server(head=1, body=1), sent) as [connection]:
        response = rest(connection)
        assert response.count(b"HTTP/1.1 200 ") == 3 and response.count(b"late") == 4_000_000


def test_a_view_may_take_longer_and_read_nothing_of_what_does_not_come(make_server):
    late = b"GET /late HTTP/1.1" + HOST + b"\r\nContent-Length: 4\r\n\r\n"
    with opened(make_server(body=1), late) as [connection]:
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


def test_a_response_reaches_a_client_that_is_still_sending(make_server):
    sent = WRITE + b"Connection: close\r\nContent-Length: 10000000\r\n\r\n"
    with opened(make_server(head=NEVER), sent) as [connection]:
        for _ in range(10):
            connection.sendall(b" " * 1000)
            time.sleep(0.1)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_a_worker_after_a_reload_waits_for_no_client_either(serve, options):
    server = serve("--workers=1", *options)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "Worker exiting" in server.output())
    with opened(server, *[PART] * 40) as connections:
        assert server.get("/health/live")[0] == 200
        assert any(map(is_open, connections))


def test_closed_connections_leave_room_for_as_many_others(make_server):
    server = make_server("--worker-connections=10", head=3)
    for _ in range(30):
        assert server.get("/health/live")[0] == 200
    with opened(server, *[b""] * 10):
        assert server.get("/health/live")[0] == 200
