"""Whatever goes wrong in a bake, nothing of the user's changes and nothing half-made stays."""

import json
import os
import re
import shutil
import stat
import sys

import jinja2
import pytest
from cookiecutter.exceptions import FailedHookException
from cookiecutter.exceptions import OutputDirExistsException
from cookiecutter.main import cookiecutter

from .conftest import TEMPLATE
from .processes import run

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals and modes")

AT_LINE = """
import runpy
import signal
import sys

hook, wanted, fault = sys.argv[1], int(sys.argv[2]), sys.argv[3]

def trace(frame, event, _):
    if frame.f_code.co_filename != hook:
        return None
    if frame.f_code.co_name.startswith("<"):
        return trace
    if event == "line" and not wanted:
        print(f"line {frame.f_lineno}")
    if event == "line" and frame.f_lineno == wanted:
        sys.settrace(None)
        if fault == "error":
            raise RuntimeError("here")
        signal.raise_signal(signal.Signals[fault])
    return trace

sys.settrace(trace)
runpy.run_path(hook, run_name="__main__")
"""

OFFLINE = """
import sys

def refuse(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo")):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(refuse)
"""


def test_whichever_line_of_the_hook_fails_nothing_stays(finish):
    done, _ = finish(0)
    lines = {int(line) for line in re.findall(r"^line (\d+)$", done.stdout, re.MULTILINE)}
    assert len(lines) > 30
    for line in sorted(lines):
        done, folder = finish(line)
        assert (line, done.returncode, list(folder.iterdir())) == (line, 1, [])


@POSIX
@pytest.mark.parametrize("fault", ["SIGINT", "SIGTERM"])
def test_a_signal_to_the_hook_leaves_not_even_the_folder(finish, fault):
    done, folder = finish(line_of("path.chmod(path.stat().st_mode | stat.S_IWUSR)"), fault)
    assert done.returncode != 0
    assert not folder.exists()


@POSIX
def test_control_c_in_a_hook_leaves_nothing(faulty, config, tmp_path):
    template = faulty("    make_writable()\n", "    os.killpg(0, signal.SIGINT)\n")
    done = bake(template, config, tmp_path / "here")
    assert done.returncode != 0
    assert list((tmp_path / "here").iterdir()) == []


def test_a_hook_that_fails_in_a_folder_that_was_there_leaves_it_empty(faulty, config, tmp_path):
    template = faulty("    write_secret()\n", "    raise OSError\n")
    project = tmp_path / "here/my-api"
    project.mkdir(parents=True)
    assert bake(template, config, project.parent, "--overwrite-if-exists").returncode != 0
    assert list(project.iterdir()) == []


@pytest.mark.parametrize("name", ["README.md", ".git/config", "mine.txt"])
def test_a_folder_with_something_in_it_is_left_alone(template, config, tmp_path, name, capfd):
    path = tmp_path / "my-api" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    options = {"no_input": True, "config_file": str(config), "output_dir": tmp_path}
    with pytest.raises(OutputDirExistsException):
        cookiecutter(str(template), **options)
    with pytest.raises(FailedHookException):
        cookiecutter(str(template), **options, overwrite_if_exists=True)
    assert "'my-api' is a folder with something in it; try my-api-api\n" in capfd.readouterr().err
    assert [file for file in (tmp_path / "my-api").rglob("*") if file.is_file()] == [path]
    assert path.read_text() == "mine\n"


def test_a_full_disk_is_refused_before_a_file_is_written(template, config, tmp_path):
    script = """
        mount -t tmpfs -o size=1m tmpfs "$1" && cd "$1" && shift && "$@" && exit 1
        test -z "$(ls)" && echo empty
    """
    isolated = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", tmp_path]
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", config]
    if shutil.which("unshare") is None or run([*isolated, "true"]).returncode != 1:
        pytest.skip("no small disk can be mounted here")
    done = run([*isolated, *command, template])
    assert "'my-api' does not fit on this disk" in done.stderr
    assert done.stdout.endswith("\nempty\n")


@POSIX
def test_a_bake_needs_python_alone_and_touches_nothing_but_the_project(template, config, tmp_path):
    copy = shutil.copytree(template, tmp_path / "a tëmplate")
    for path in copy.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222)
    before = listing(copy)
    (tmp_path / "sitecustomize.py").write_text(OFFLINE)
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PATH": "/nowhere"}
    bare |= {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    here = tmp_path / "a föld er"
    done = bake(copy, config, here, env=bare, umask=0o077)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert listing(copy) == before
    files = [path for path in (here / "my-api").rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & stat.S_IWUSR for path in files)


@pytest.fixture
def finish(template, config, tmp_path):
    """Run the hook in what cookiecutter wrote, until something happens at a line of it."""
    options = {"no_input": True, "config_file": str(config), "extra_context": {"use_logger": False}}
    written = cookiecutter(
        str(template), **options, output_dir=tmp_path / "written", accept_hooks=False
    )
    hook, folder = tmp_path / "hook.py", tmp_path / "my-api"
    render(hook, json.loads((config.parent / "replay" / f"{template.name}.json").read_text()))

    def finish(line, fault="error"):
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(written, folder)
        command = [sys.executable, "-c", AT_LINE, hook, str(line), fault]
        return run(command, cwd=folder), folder

    return finish


def render(path, context):
    """Write the hook as cookiecutter does, each of its lines where it was."""
    text = (TEMPLATE / "hooks/post_gen_project.py").read_text()
    path.write_text(jinja2.Environment().from_string(text).render(context))


@pytest.fixture
def faulty(template, tmp_path):
    """The template, with a line of its hook changed."""

    def faulty(line, instead):
        copy = shutil.copytree(template, tmp_path / "faulty")
        hook = copy / "hooks/post_gen_project.py"
        text = hook.read_text()
        assert text.count(line) == 1
        hook.write_text(text.replace(line, instead))
        return copy

    return faulty


def bake(template, config, folder, *options, **process):
    """A bake with the command of cookiecutter."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", config]
    return run([*command, *options, template], cwd=folder, **process)


def line_of(text):
    lines = (TEMPLATE / "hooks/post_gen_project.py").read_text().splitlines()
    [number] = (number for number, line in enumerate(lines, 1) if line.strip() == text)
    return number


def listing(folder):
    return {path: (path.stat().st_mode, path.stat().st_mtime_ns) for path in folder.rglob("*")}
