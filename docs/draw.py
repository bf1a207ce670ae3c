"""Draw what a request passes through, by asking the code.

python docs/draw.py PROJECT [FOLDER] writes requests.svg for a baked project with everything on, in
whose environment it runs. The picture is of three requests that are really made: a box is the part
of the project that is called, inside of the one that calls it.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from html import escape
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import event

PARTS = {
    "carafe/security.py": "security",
    "carafe/ext/csrf.py": "csrf",
    "carafe/ext/session/": "session",
    "carafe/ext/auth/": "auth",
    "carafe/ext/cache/signals.py": "cache: writes announced",
    "carafe/ext/cache/": "cache",
    "carafe/operation.py": "operation: arguments checked",
    "accounts/": "accounts",
    "resources/": "resource",
}
COLORS = {"session": "#f6d5c4", "auth": "#f3e3a8", "cache": "#c9e4c5", "csrf": "#e3d3ec"}
PLAIN, STATEMENT, INK = "#e8edf2", "#ffffff", "#24292f"
WIDTH, ROW, STEP, TOP = 330, 28, 16, 64


@dataclass
class Part:
    """A part of the project that was called, and what it called."""

    name: str
    inner: list["Part"] = field(default_factory=list)


class Recorder:
    """Records calls from one part to another while it is a context."""

    def __init__(self, package: Path, title: str) -> None:
        self._package = package
        self.root = Part(title)
        self._open = [self.root]
        self._frames: list[tuple[FrameType, bool]] = []

    def __enter__(self) -> "Recorder":
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def note(self, name: str) -> None:
        """Record what is no call in the project."""
        self._open[-1].inner.append(Part(name))

    def _on_event(self, frame: FrameType, kind: str, _: Any) -> None:
        if kind == "call" and (name := self._part(frame)):
            is_new = all(part.name != name for part in self._open)
            if is_new:
                self._open[-1].inner.append(part := Part(name))
                self._open.append(part)
            self._frames.append((frame, is_new))
        elif kind == "return" and self._frames and self._frames[-1][0] is frame:
            if self._frames.pop()[1]:
                self._open.pop()

    def _part(self, frame: FrameType) -> str | None:
        path = frame.f_code.co_filename
        if not path.startswith(f"{self._package}/"):
            return None
        name = path.removeprefix(f"{self._package}/")
        return next((part for start, part in PARTS.items() if name.startswith(start)), None)


def record(project: Path) -> Iterator[Part]:
    """The three requests, and what they passed through."""
    sys.path.insert(0, str(project / "src"))
    [package] = [path for path in (project / "src").iterdir() if path.is_dir()]
    application = import_module(package.name)
    app = application.create_app({"ENVIRONMENT": "development", "DATABASE_URL": "sqlite://"})
    app.test_client_class = application.carafe.JSONClient
    client = app.test_client()
    database = import_module(f"{package.name}.database").db
    with app.app_context():
        database.create_all()
        engine = database.engine
    credentials = {"email": "ada@example.com", "password": "correct horse"}
    create = ["users", "create", credentials["email"], "--role=editor"]
    app.test_cli_runner().invoke(args=[*create, "--password", credentials["password"]])
    client.post("/login", credentials)
    client.post("/authors", {"name": "Mary Shelley"})
    for title, method, path, body in (
        ("GET /authors/1, nobody asked before", "get", "/authors/1", None),
        ("GET /authors/1, again", "get", "/authors/1", None),
        ("PATCH /authors/1, by an editor", "patch", "/authors/1", {"name": "M. W. Shelley"}),
    ):
        reader = client if method == "patch" else app.test_client()
        with Recorder(package, title) as recorder:

            def on_execute(_: Any, __: Any, statement: str, *___: Any) -> None:
                recorder.note(f"database: {statement.split()[0]}")

            event.listen(engine, "before_cursor_execute", on_execute)
            response = getattr(reader, method)(path, body) if body else reader.get(path)
            event.remove(engine, "before_cursor_execute", on_execute)
        assert response.status_code == 200, response.text
        yield recorder.root


def boxes(part: Part, depth: int = 0) -> Iterator[tuple[str, int]]:
    """The names and the depths of what is inside of *part*, in order; the same twice is one."""
    before: list[tuple[str, int]] = []
    for inner in part.inner:
        tree = [(inner.name, depth), *boxes(inner, depth + 1)]
        if tree != before:
            yield from tree
        before = tree


def draw(requests: list[Part]) -> str:
    """The picture, as SVG."""
    columns = [list(boxes(request)) for request in requests]
    height = TOP + max(map(len, columns)) * ROW + 20
    shapes = []
    for number, (request, column) in enumerate(zip(requests, columns, strict=True)):
        left = number * WIDTH + 20
        shapes.append(f'<text x="{left}" y="36" class="title">{escape(request.name)}</text>')
        for row, (name, depth) in enumerate(column):
            shapes.append(_box(left + depth * STEP, TOP + row * ROW, name))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * WIDTH + 20} {height}">',
            "<style>",
            f"text {{ font: 13px sans-serif; fill: {INK}; }}",
            ".title { font-weight: bold; }",
            "</style>",
            '<rect width="100%" height="100%" fill="#fff"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def _box(x: int, y: int, name: str) -> str:
    color = STATEMENT if name.startswith("database") else COLORS.get(name, PLAIN)
    return (
        f'<rect x="{x}" y="{y}" width="216" height="22" rx="4" fill="{color}" stroke="#8c959f"/>'
        f'<text x="{x + 8}" y="{y + 16}">{escape(name)}</text>'
    )


if __name__ == "__main__":
    project = Path(sys.argv[1]).resolve()
    folder = Path(*sys.argv[2:3]) if sys.argv[2:] else Path(__file__).parent
    (folder / "requests.svg").write_text(draw(list(record(project))), encoding="utf-8")
