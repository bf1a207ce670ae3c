"""How many of its files one request crosses: ``python benchmarks/files.py PROJECT``.

PROJECT is baked with everything on, and its dependencies are installed. The requests are really
made; a file counts if one of its functions was called.
"""

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from flask.testing import FlaskClient

GOALS = {"cached hit": 10, "cached miss": 15, "login": 20, "log line": 5}


def main(project: Path) -> None:
    """Print the table, with the files of each request."""
    [package] = [path for path in (project / "src").iterdir() if path.is_dir()]
    for name, files in measure(package):
        print(f"{name}: {len(files)} files (goal: {GOALS[name]}): {', '.join(sorted(files))}")


def measure(package: Path) -> list[tuple[str, set[str]]]:
    """Return what is measured, with the files that it crosses below *package*."""
    sys.path.insert(0, str(package.parent))
    application = import_module(package.name)
    settings = {"ENVIRONMENT": "production", "SECRET_KEY": "q7Zr1WvXk0pNdU5sGh2LtYe9MbCfJa3o"}
    app = application.create_app(
        {**settings, "DATABASE_URL": "sqlite://", "CACHE_TYPE": "SimpleCache"}
    )
    app.test_client_class = FlaskClient
    client = app.test_client()
    credentials = {"email": "ada@example.com", "password": "correct horse"}
    with app.app_context():
        import_module(f"{package.name}.database").db.create_all()
    arguments = ["users", "create", credentials["email"], "--role", "editor"]
    app.test_cli_runner().invoke(args=[*arguments, "--password", credentials["password"]])

    def log() -> None:
        app.logger.warning("token=%s", "hunter2")

    https = {"base_url": "https://localhost"}
    log()
    client.post("/login", json=credentials, **https)
    client.post("/authors", json={"name": "Mary Shelley"}, **https)
    client.get("/authors", **https)
    reader = app.test_client()
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("cached miss", lambda: reader.get("/authors/1", **https)),
        ("cached hit", lambda: reader.get("/authors/1", **https)),
        ("login", lambda: app.test_client().post("/login", json=credentials, **https)),
        ("log line", log),
    ]
    logging.disable(logging.INFO)
    return [(name, _crossed(package, call)) for name, call in calls]


def _crossed(package: Path, call: Callable[[], Any]) -> set[str]:
    files: set[str] = set()

    def on_event(frame: FrameType, kind: str, _: Any) -> None:
        if kind == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    sys.setprofile(on_event)
    try:
        response = call()
    finally:
        sys.setprofile(None)
    assert response is None or response.status_code < 300, response.text
    start = f"{package}/"
    return {file.removeprefix(start) for file in files if file.startswith(start)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
