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

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows"),
]

HOST = b"\r\nHost: localhost"
JSON = b"\r\nContent-Type: application/json\r\n"
PART = b"HEAD /health/live HTTP/1.1" + HOST
WHOLE = PART + b"\r\n\r\n"
LAST = PART + b"\r\nConnection: close\r\n\r\n"
WRITE = b"POST /authors HTTP/1.1" + HOST + JSON
WRITE = b"POST /login HTTP/1.1" + HOST + JSON  # feature: auth
SIZED = WRITE + b"Content-Length: 100\r\n\r\n{"
CHUNKED = WRITE + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"


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
        said = server.said()
        assert said.count("Booting worker") == 1
        assert "ERROR" not in said and "Traceback" not in said


@contextmanager
def opened(server, *sent):
    """A connection for each, on which that much is sent."""
    with ExitStack() as stack:
        connections = []
        for data in sent:
            address = ("127.0.0.1", server.port)
            connections.append(socket.create_connection(address, timeout=30))
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
    """Send a byte from time to time until there is an answer, in ten seconds."""
    connection.settimeout(0.2)
    for _ in range(50):
        try:
            return connection.recv(65536)
        except TimeoutError:
            connection.sendall(b" ")


def seconds(function, *arguments):
    start = time.monotonic()
    result = function(*arguments)
    return time.monotonic() - start, result


def answer_at_once(server):
    for _ in range(20):
        duration, (status, _, _) = seconds(server.get, "/health/live")
        assert status == 200 and duration < 2


def test_nobody_waits_for_who_sends_no_head_or_does_not_hang_up(make_server):
    server = make_server(head=30)
    kept = server.connect()
    assert ask(kept, "/health/live")[0] == 200
    for sent in (b"", PART, WHOLE + PART, WHOLE.replace(b"1.1", b"1.0"), b"FOO\r\n\r\n"):
        with opened(server, *[sent] * 40):
            answer_at_once(server)
            assert ask(kept, "/health/live")[0] == 200
    kept.close()


@pytest.mark.parametrize("before", [b"", WHOLE])
def test_a_head_that_does_not_come_in_time_is_not_waited_for(make_server, before):
    with opened(make_server(head=2), before, before) as (dripping, silent):
        for connection in (dripping, silent) if before else ():
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            connection.sendall(b"G")
        duration, answer = seconds(drip, dripping)
        assert answer == b"" and 1 < duration < 10
        assert seconds(rest, silent) < (1, b"")


def test_a_head_may_come_in_parts_and_after_its_time_another(make_server):
    server = make_server(head=2)
    with opened(server, b"") as [connection]:
        for _ in range(3):
            for part in (WHOLE[:9], WHOLE[9:-3], WHOLE[-3:-1], WHOLE[-1:]):
                connection.sendall(part)
                time.sleep(0.2)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(1)


def test_what_follows_in_the_same_packet_is_answered(make_server):
    with opened(make_server(), WHOLE * 3 + PART) as [connection]:
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
def test_a_head_that_will_never_do_is_refused_at_once(make_server, sent, status):
    with opened(make_server(head=60), sent) as [connection]:
        duration, answer = seconds(rest, connection)
        assert answer.startswith(b"HTTP/1.1 " + status) and duration < 10


def test_a_long_head_that_stops_is_not_waited_for_either(make_server):
    with opened(make_server(body=2), PART + b"\r\nX: a" * 20_000) as [connection]:
        duration, answer = seconds(rest, connection)
        assert answer == b"" and duration < 10


def test_who_goes_away_is_let_go_at_once(make_server):
    server = make_server(head=60)
    with opened(server, PART, PART, WHOLE.replace(b"1.1", b"1.0")) as (half, *reset):
        for connection in reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        half.shutdown(socket.SHUT_WR)
        duration, answer = seconds(rest, half)
        assert answer == b"" and duration < 10
    answer_at_once(server)


@pytest.mark.parametrize("sent", [SIZED, CHUNKED], ids=["sized", "chunked"])
def test_a_body_that_does_not_come_in_time_has_ended(make_server, sent):
    server = make_server(body=3)
    with opened(server, *[sent] * 8) as connections:
        duration, (status, _, _) = seconds(server.get, "/health/live")
        assert status == 200 and 1 < duration < 15
        for connection in connections:
            assert (answer := rest(connection)).startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in answer


def test_a_body_that_comes_in_drips_has_no_more_time(make_server):
    with opened(make_server(body=2), SIZED) as [connection]:
        duration, answer = seconds(drip, connection)
        assert answer.startswith(b"HTTP/1.1 400 ") and 1 < duration < 10


def test_a_body_that_nobody_reads_is_not_waited_for_as_long(make_server):
    sent = WRITE.replace(b"POST", b"PUT") + b"Content-Length: 100\r\n\r\n"
    with opened(make_server(body=60), sent) as [connection]:
        duration, answer = seconds(rest, connection)
        assert answer.startswith(b"HTTP/1.1 405 ") and duration < 30


def test_a_view_may_take_longer_and_read_late_what_came_in_time(make_server):
    late = b"POST /late HTTP/1.1" + HOST + JSON + b"Content-Length: 4\r\n\r\n"
    with opened(make_server(head=1, body=1), late) as [connection]:
        connection.sendall(b"late" + late + b"late" + LAST)
        answer = rest(connection)
        assert answer.count(b"HTTP/1.1 200 ") == 3 and answer.count(b"late") == 4_000_000


def test_a_view_may_take_longer_and_read_nothing_of_what_does_not_come(make_server):
    late = b"GET /late HTTP/1.1" + HOST + b"\r\nContent-Length: 4\r\n\r\n"
    with opened(make_server(body=1), late) as [connection]:
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


def test_an_answer_reaches_who_is_still_sending(make_server):
    sent = WRITE + b"Connection: close\r\nContent-Length: 10000000\r\n\r\n"
    with opened(make_server(), sent) as [connection]:
        for _ in range(10):
            connection.sendall(b" " * 1000)
            time.sleep(0.1)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_a_worker_that_was_made_anew_waits_for_nobody_either(serve, options):
    server = serve("--workers=1", *options)
    server.process.send_signal(signal.SIGHUP)
    while "Worker exiting" not in server.said():
        time.sleep(0.1)
    with opened(server, *[PART] * 40):
        answer_at_once(server)


def test_who_has_gone_leaves_room_for_as_many_others(make_server):
    server = make_server("--worker-connections=10", head=3)
    for _ in range(30):
        assert server.get("/health/live")[0] == 200
    time.sleep(4)
    with opened(server, *[b""] * 10):
        duration, (status, _, _) = seconds(server.get, "/health/live")
        assert status == 200 and 1 < duration < 10
