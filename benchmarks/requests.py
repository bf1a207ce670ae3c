"""What a request costs that is not cached (B1, B2, B3): ``python -m benchmarks.requests``."""

import argparse
from typing import Any

from flask import Flask

from . import apps
from . import people
from .measure import compare
from .measure import versus
from .wsgi import Answer
from .wsgi import caller
from .wsgi import environ


def main() -> None:
    """Run it all."""
    parser = argparse.ArgumentParser(prog="benchmarks.requests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: a first look")
    rounds = 15 if parser.parse_args().quick else 101
    (ours, asked), (eager, eagerly) = people.ours(), people.eager()
    bare = caller(apps.bare(lambda **_: {}), environ("/ping"))
    ours_in, eager_in = _logged_in(ours), _logged_in(eager)

    title = "B1  anonymous"
    calls = {"ours": _asking(ours), "eager": _asking(eager)}
    times = compare(title, {"bare Flask, /ping": bare, **calls}, rounds)
    versus("ours / bare Flask", times["ours"], times["bare Flask, /ping"], "≤ 1.00")
    _print_asked(calls, asked, eagerly)

    title = "B2  logged in, where nobody asks who"
    calls = {"ours": _asking(ours, ours_in), "eager": _asking(eager, eager_in)}
    times = compare(title, {"bare Flask, /ping": bare, **calls}, rounds)
    versus("ours / bare Flask", times["ours"], times["bare Flask, /ping"], "≤ 1.00")
    _print_asked(calls, asked, eagerly)

    title = "B3  logged in, guarded"
    calls = {
        "ours": _asking(ours, ours_in, "/guarded"),
        "eager": _asking(eager, eager_in, "/guarded"),
    }
    times = compare(title, {"bare Flask, /ping": bare, **calls}, rounds)
    versus("ours, one select / bare Flask", times["ours"], times["bare Flask, /ping"], "≤ 4.5")
    _print_asked(calls, asked, eagerly)


def _asking(app: Flask, cookie: str = "", path: str = "/ping") -> Any:
    call = caller(app, environ(path, **({"COOKIE": cookie} if cookie else {})))
    assert call().status == "200 OK"
    return call


def _logged_in(app: Flask) -> str:
    answer = Answer(app, environ("/login", method="POST"))
    return answer.header("Set-Cookie").partition(";")[0]


def _print_asked(calls: dict[str, Any], *queries: people.Queries) -> None:
    for (name, call), counter in zip(calls.items(), queries, strict=True):
        counter.count = 0
        names = {header for header, _ in call().headers} & {"Set-Cookie", "Vary"}
        print(f"  {name}: {counter.count} queries; {', '.join(sorted(names)) or 'no headers'}")


if __name__ == "__main__":
    main()
