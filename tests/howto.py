"""Following the pages of a project: what a section says is done, as an owner would do it.

A block is preceded by what is done with it: "Write `file`:", "append to `file`:", with imports "at
its top", "in `file`, add below `line`:" or "replace the line `line`:". Any other block is run by a
shell. "In `file`, add `line` to `Name`." needs no block.
"""

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import dedent
from textwrap import indent

from .conftest import environment
from .processes import run
from .terminal import typed
from .terminal import until
from .test_story import ask
from .test_story import free_port

PAGE = "docs/howto.md"


@dataclass(frozen=True)
class Step:
    """A text, and what is done with it."""

    action: str
    path: str
    text: str
    place: str = ""

    def do(self, owner):
        if self.action == "run":
            return owner.type(self.text)
        path = owner.project.path / self.path
        before = path.read_text() if path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        path.write_text(getattr(self, f"_{self.action}")(before))
        return ""

    def _write(self, before):
        return self.text

    def _append(self, before):
        gap = "\n\n" if self.path.endswith(".py") else ""
        return before + gap + self.text

    def _import(self, before):
        docstring, found, rest = before.partition('"""\n')
        assert found
        return f"{docstring}{found}\n{self.text}\n{rest.lstrip()}"

    def _below(self, before):
        return self._at_place(before, "{line}{text}")

    def _replace(self, before):
        return self._at_place(before, "{text}")

    def _field(self, before):
        start = before.index(f"class {self.place}(")
        last = re.compile(r"(?:^    \w+: .*\n)+", re.MULTILINE).search(before, start)
        return f"{before[: last.end()]}    {self.text}\n{before[last.end() :]}"

    def _at_place(self, before, form):
        [found] = re.finditer(rf"^( *){re.escape(self.place)}\n", before, re.MULTILINE)
        text = indent(self.text, found[1])
        changed = form.format(line=found[0], text=text)
        return before[: found.start()] + changed + before[found.end() :]


def sections(text):
    """The sections of a page, by their headings."""
    outside = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(outside[1::2], outside[2::2], strict=True))


def steps(section):
    """What a section says, in its order."""
    blocks = re.compile(r"(?ms)^```\w*\n(.*?)^```$|((?:^ {4,}[^\n]*\n|^\n(?= {4,}))+)")
    end = 0
    for block in [*blocks.finditer(section), None]:
        prose = " ".join(section[end : block and block.start()].split())
        yield from changes(prose)
        if block:
            end = block.end()
            yield from placed(prose, dedent(block[1] or block[2]).strip("\n") + "\n")


def changes(prose):
    """What is to be done without a block."""
    added = r"In `(\S+)`, add `([^`]+)` to (`\w+`(?: and `\w+`)*)\."
    for path, line, names in re.findall(added, prose):
        for name in re.findall(r"`(\w+)`", names):
            yield Step("field", path, line, name)


def placed(prose, text):
    """What is to be done with a block after that prose."""
    sentence = re.split(r"(?<=[.:]) (?=[A-Z])", prose)[-1]
    top = "(?:, with (.*) at its top)?"
    if found := re.search(rf"[Aa]ppend (?:\w+ \w+ )?to `(\S+)`{top}:$", sentence):
        yield Step("append", found[1], text)
        for line in re.findall("`([^`]+)`", found[2] or ""):
            yield Step("import", found[1], line)
    elif found := re.search(r"Write `(\S+)`:$", sentence):
        yield Step("write", found[1], text)
    elif found := re.search(r"`(\S+)`, (add below|replace the line) `([^`]+)`:$", sentence):
        action = "below" if "below" in found[2] else "replace"
        yield Step(action, found[1], text, found[3])
    else:
        yield Step("run", "", text)


class Owner:
    """Types lines in a project's folder, where `uv run` finds what is installed here."""

    def __init__(self, project, tools):
        self.project = project
        tools.mkdir(exist_ok=True)
        self._tools = tools
        (tools / "uv").write_text(UV.format(python=sys.executable))
        (tools / "uv").chmod(0o700)

    def variables(self, **more):
        kept = {k: v for k, v in environment().items() if k not in {"PORT", "REDIS_URL"}}
        path = f"{self._tools}:{os.environ['PATH']}"
        return kept | {"PATH": path, "PYTHONPATH": f"{self.project.path}/src"} | more

    def type(self, line, **variables):
        """What a line, or several, print; each must succeed."""
        done = run(["sh", "-ec", line], cwd=self.project.path, env=self.variables(**variables))
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def follow(self, section):
        """Do what a section says, and count the steps."""
        found = [*steps(section)]
        for step in found:
            step.do(self)
        return len(found)

    def sections(self, page=PAGE):
        """Those of a page, such that they write nothing outside of the project."""
        text = self.project.read(page).replace("/var/log/", f"{self.project.path}/")
        return sections(text)


UV = """#!/bin/sh
test "$1" = run && shift
test "$1" = python && shift && exec "{python}" "$@"
exec "{python}" -m "$@"
"""


@contextmanager
def serving(owner, line, written):
    """Type a line that serves, with a free port for the one that is written there."""
    port = free_port()
    line = line.replace(written, str(port)).strip()
    with typed(line, cwd=owner.project.path, env=owner.variables()) as terminal:
        until(lambda: not terminal.is_running or is_served(port))
        assert terminal.is_running, terminal.screen
        yield port, terminal


def is_served(port):
    try:
        return ask(port, "GET", "/health/ready").status == 200
    except OSError:
        return False
