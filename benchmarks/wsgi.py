"""Requests without a server or a test client: an environ goes in, and the whole body comes out."""

import io
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any


class Answer:
    """A response as it left the application."""

    def __init__(self, application: Any, environ: dict[str, Any]) -> None:
        chunks = application(environ, self._start)
        self.body = b"".join(chunks)
        if hasattr(chunks, "close"):
            chunks.close()

    def _start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        self.status, self.headers = status, headers

    def header(self, name: str) -> str:
        return dict(self.headers)[name]


def environ(path: str, query: str = "", method: str = "GET", **headers: str) -> dict[str, Any]:
    """What a server would pass on: *headers* are named as in WSGI, without ``HTTP_``."""
    given = {f"HTTP_{name}": value for name, value in headers.items()}
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "benchmark",
        "HTTP_ACCEPT": "application/json, */*;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_CONNECTION": "keep-alive",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **given,
    }


def caller(application: Any, prepared: dict[str, Any]) -> Callable[[], Answer]:
    """The same request, over and over."""
    return lambda: Answer(application, prepared.copy())


def caller_of_many(application: Any, paths: Iterator[str]) -> Callable[[], Answer]:
    """The next path each time."""
    prepared = environ("/")
    return lambda: Answer(application, {**prepared, "PATH_INFO": next(paths)})
