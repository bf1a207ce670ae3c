"""nginx, with the project's nginx.conf, before replicas that end whenever they like.

Only addresses are replaced in nginx.conf: ports, the DNS server, and the folder /tmp.
"""

import json
import os
import re
import shutil
import socket
import struct
import sys
from contextlib import contextmanager
from contextlib import ExitStack
from http.client import HTTPConnection
from socketserver import BaseRequestHandler
from socketserver import StreamRequestHandler
from socketserver import ThreadingTCPServer
from socketserver import ThreadingUDPServer
from threading import Thread

import pytest

from .processes import interrupt
from .processes import started
from .terminal import until

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
FIRST, SECOND = "127.0.0.2", "127.0.0.3"
WRITES = ["POST", "PUT", "PATCH", "DELETE", "PURGE"]

missing = NGINX is None or sys.platform != "linux"  # which has the addresses
pytestmark = pytest.mark.skipif(missing, reason="needs nginx, on Linux")


class DNS(ThreadingUDPServer):
    """The DNS server of Docker, which knows the addresses of the replicas."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Lookup)
        self.addresses = []


class Lookup(BaseRequestHandler):
    def handle(self):
        query, listening = self.request
        question = query[12 : query.index(b"\0", 12) + 5]
        is_v4 = question[-4:] == struct.pack(">HH", 1, 1)
        found = [socket.inet_aton(address) for address in self.server.addresses if is_v4]
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
        answers = [struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + address for address in found]
        listening.sendto(head + question + b"".join(answers), self.client_address)


class Replica(ThreadingTCPServer):
    """An API that records what it receives, and then sends *answer* and closes its connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, port, answer):
        super().__init__((address, port), Received)
        self.answer = answer
        self.requests = []


class Received(StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        headers = {}
        while field := self.rfile.readline().decode().strip():
            name, _, value = field.partition(": ")
            headers[name] = value
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        self.server.requests.append((line.rstrip(), headers, body))
        self.wfile.write(self.server.answer)


SERVES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FATES = {"silent": b"", "in the head": b"HTTP/1.1 200 OK\r\nContent-"}


class Proxy:
    """nginx and the DNS server that it asks."""

    def __init__(self, project, folder, replica_port):
        self.dns = DNS()
        self.replica_port = replica_port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        rules = project.read("nginx.conf")
        for theirs, ours in {
            "listen 8000 ": f"listen 127.0.0.1:{self.port} ",
            "resolver 127.0.0.11 ": f"resolver 127.0.0.1:{self.dns.server_address[1]} ",
            "http://app:8000;": f"http://app:{replica_port};",
            "/tmp/": f"{folder}/",
        }.items():
            assert theirs in rules
            rules = rules.replace(theirs, ours)
        (folder / "nginx.conf").write_text(rules)
        self._command = [NGINX, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
        self._command += ["-g", "daemon off;" + (" user root;" if os.getuid() == 0 else "")]

    @contextmanager
    def running(self):
        with self.dns, started(self._command) as process:
            Thread(target=self.dns.serve_forever, args=[0.01], daemon=True).start()
            until(self.is_listening)
            yield self
            interrupt(process)
            self.dns.shutdown()

    def is_listening(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, method, path="/", body=None, headers=None):
        """The status and the body of the response."""
        client = HTTPConnection("127.0.0.1", self.port, timeout=60)
        client.request(method, path, body, headers or {})
        response = client.getresponse()
        body = response.read()
        client.close()
        return response.status, body


def free_everywhere():
    """A port that is free on all addresses."""
    with socket.create_server(("0.0.0.0", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def proxy(default, tmp_path):
    with Proxy(default, tmp_path, free_everywhere()).running() as proxy:
        yield proxy


@pytest.fixture
def replicas(proxy):
    """Start a replica for each answer."""
    with ExitStack() as stack:

        def start(*answers):
            made = []
            for address, answer in zip([FIRST, SECOND], answers, strict=False):
                replica = stack.enter_context(Replica(address, proxy.replica_port, answer))
                Thread(target=replica.serve_forever, args=[0.01], daemon=True).start()
                stack.callback(replica.shutdown)
                made.append(replica)
            proxy.dns.addresses = [FIRST, SECOND]
            return made

        yield start


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("method", WRITES)
def test_a_write_is_delivered_once_whatever_happens_to_its_replica(proxy, replicas, method, fate):
    first, second = replicas(FATES[fate], FATES[fate])
    for number in range(1, 6):
        status, body = proxy.send(method, body=b"{}")
        assert status == 502 and json.loads(body)["title"] == "Bad Gateway"
        assert len(first.requests) + len(second.requests) == number


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_is_tried_on_the_other_replica(proxy, replicas, method, fate):
    first, _ = replicas(FATES[fate], SERVES)
    assert {proxy.send(method)[0] for _ in range(20)} == {200}
    assert first.requests


@pytest.mark.parametrize("method", ["GET", "HEAD", *WRITES])
def test_whoever_cannot_be_reached_is_replaced(proxy, replicas, method):
    [reached] = replicas(SERVES)
    assert {proxy.send(method, body=b"{}")[0] for _ in range(20)} == {200}
    assert len(reached.requests) == 20


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", *WRITES])
def test_a_request_arrives_as_it_was_sent(proxy, replicas, method):
    first, second = replicas(SERVES, SERVES)
    headers = {"Host": "api.example.com", "X-Method": "POST", "X-Forwarded-For": "192.0.2.7"}
    body = b"x" * 200_000
    path = "/a%2Fb//c%20d?e=%26&f"
    assert proxy.send(method, path, body, headers)[0] == 200
    [(line, received, sent)] = first.requests + second.requests
    assert (line, sent) == (f"{method} {path} HTTP/1.1", body)
    assert received["Host"] == "api.example.com" and "X-Method" not in received
    assert received["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert received["X-Forwarded-Proto"] == "http"


def test_a_strong_etag_stays_strong_for_whoever_takes_compressed_responses(proxy, replicas):
    body = b'"%s"' % (b"x" * 20_000)
    head = f'ETag: "0"\r\nContent-Type: application/json\r\nContent-Length: {len(body)}'
    replicas(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body)
    client = HTTPConnection("127.0.0.1", proxy.port, timeout=60)
    client.request("GET", "/", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    response = client.getresponse()
    assert (response.headers["ETag"], response.read()) == ('"0"', body)
    client.close()


@pytest.mark.parametrize("sent", ["client-504", "not valid", None])
def test_a_request_has_the_same_id_wherever_it_fails(proxy, replicas, sent):
    [replica] = replicas(b"")
    status, body = proxy.send("POST", headers={"X-Request-ID": sent} if sent else {})
    [(_, received, _)] = replica.requests
    found = json.loads(body)["request_id"]
    assert (status, found) == (502, received["X-Request-ID"])
    assert re.fullmatch(sent if sent == "client-504" else "[0-9a-f]{32}", found)


def test_what_the_proxy_refuses_is_a_problem(proxy, replicas):
    replicas(SERVES, SERVES)
    for expected, (status, body) in {
        404: proxy.send("GET", "/@problem"),
        405: proxy.send("TRACE"),
        414: proxy.send("GET", "/" + "x" * 40_000),
        431: proxy.send("GET", headers={"X-Large": "x" * 40_000}),
    }.items():
        assert status == expected == json.loads(body)["status"]
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"GET\r\n\r\n")
        assert b'"title":"Bad Request","status":400,' in client.makefile("rb").read()
    proxy.dns.addresses = []
    until(lambda: proxy.send("POST")[0] == 502)
