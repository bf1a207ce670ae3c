import json
import logging
import os
import re
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from contextlib import suppress
from io import BytesIO
from io import TextIOWrapper
from types import SimpleNamespace

import pytest
from carafe.ext.logger import JSONFormatter
from carafe.ext.logger import Logger
from carafe.ext.logger.handlers import StreamHandler
from flask import Flask
from flask.logging import default_handler

from .configs import file_config
from .configs import stream_config
from .workers import fork_without_a_reader
from .workers import log_in_children
from .workers import request_with_a_full_output
from .workers import request_without_a_reader
from .workers import run
from .workers import start


def make_app(name="shop", **config):
    app = Flask(name)
    app.config.update(stream_config(**config))
    Logger(app)
    return app


def make_json_app(name="shop", **config):
    return make_app(name, CARAFE_LOGGER_STREAM_FORMAT="json", **config)


@pytest.fixture
def printed(capsys):
    """The lines of standard output since the last time."""
    return lambda: capsys.readouterr().out.splitlines()


@pytest.fixture
def said(printed):
    """The same, each read as JSON that allows no NaN."""

    def refuse(constant):
        raise ValueError(constant)

    return lambda: [json.loads(line, parse_constant=refuse) for line in printed()]


def test_text_is_a_line_for_a_person(printed):
    make_app().logger.info("%d pens", 3)
    (line,) = printed()
    assert re.fullmatch(r"\S+Z INFO shop \[- - - -\] 3 pens", line)


def test_json_is_an_object_on_a_line(said):
    make_json_app().logger.info("%d pens", 3)
    (line,) = said()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "INFO", "logger": "shop", "message": "3 pens"}


@pytest.mark.parametrize("path", ["/orders", "/fails"])
def test_every_line_of_a_request_has_its_id(said, path):
    app = make_json_app()
    app.before_request(lambda: app.logger.info("first"))
    app.add_url_rule("/orders", "orders", lambda: app.logger.info("second") or {})
    app.add_url_rule("/fails", "fails", lambda: 1 / 0)
    app.test_client().get(f"{path}?page=2", headers={"X-Request-ID": "42"})
    first, second = said()
    assert first["request_id"] == second["request_id"] == "42"
    assert (second["request_method"], second["request_path"]) == ("GET", path)
    assert (second["request_query"], second["request_remote_addr"]) == ("page=2", "127.0.0.1")
    assert ("ZeroDivisionError" in second.get("exception", "")) is (path == "/fails")


def test_a_traceback_and_a_stack_are_text_in_the_same_line(said):
    app = make_json_app()
    try:
        raise ValueError("out of order")
    except ValueError:
        app.logger.exception("failed", stack_info=True)
    (line,) = said()
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ValueError: out of order")
    assert line["stack"].startswith("Stack (most recent call last):\n")


def test_what_a_record_carries_is_in_its_line(said):
    extra = {"event": "sold", "pens": [{"color": "red", "price": 1.5}], "level": "mine", "extra": 1}
    make_json_app().logger.info("sold", extra=extra)
    (line,) = said()
    assert line["event"] == "sold"
    assert line["pens"] == [{"color": "red", "price": 1.5}]
    assert (line["level"], line["extra"]) == ("INFO", 1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (10**30, 10**30),
        ({(1, "a"): 1}, {"(1, 'a')": 1}),
        ({"\ud800": "\ud800"}, {r"\ud800": r"\ud800"}),
        ({"a": ["\x1b[2J"]}, {"a": [r"\x1b[2J"]}),
        (object, "<class 'object'>"),
        (b"\xff", r"b'\xff'"),
        ({1}, "{1}"),
    ],
)
def test_whatever_a_record_carries_its_line_is_json(said, value, shown):
    make_json_app().logger.info("look", extra={"value": value})
    assert said()[0]["value"] == shown


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\x9b", "\u2028", "\u202e", "\udcff"])
def test_no_text_forges_a_line_or_drives_a_terminal(printed, format, text):
    app = make_app(CARAFE_LOGGER_STREAM_FORMAT=format)
    app.logger.info("a message: %s", text, extra={"value": text})
    (line,) = printed()
    assert text not in line
    message = json.loads(line)["message"] if format == "json" else line
    assert message.endswith(f"a message: {text.encode('unicode_escape').decode()}")


@pytest.mark.parametrize("format", ["text", "json"])
def test_an_output_that_is_only_ascii_keeps_the_record(monkeypatch, format):
    written = BytesIO()
    app = make_app(CARAFE_LOGGER_STREAM_FORMAT=format)
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, "ascii"))
    app.logger.info("žluť 🙂")
    line = written.getvalue().decode("ascii")
    if format == "json":
        assert json.loads(line)["message"] == "žluť 🙂"
    else:
        assert line.endswith("\\u017elu\\u0165 \\U0001f642\n")


def test_flasks_own_handler_is_replaced(capsys):
    app = Flask("office")
    app.logger.addHandler(default_handler)  # as Flask does where pytest does not listen
    app.config.update(stream_config())
    Logger(app)
    app.logger.error("once")
    captured = capsys.readouterr()
    assert (captured.out.count("once"), captured.err) == (1, "")


def test_five_apps_with_one_configuration_write_one_line(printed):
    apps = [make_app(CARAFE_LOGGER_STREAM_ADD_LOGGERS=["root"]) for _ in range(5)]
    for app in apps:
        with app.app_context():
            app.logger.warning("hello")
    assert len(printed()) == 5


def test_another_format_replaces_the_handler(printed, said):
    make_app()
    make_json_app().logger.info("hello")
    assert [line["message"] for line in said()] == ["hello"]


def test_an_app_of_the_same_name_that_asks_for_nothing_is_heard(printed):
    make_app()
    silent = Flask("shop")
    Logger(silent)
    with silent.app_context():
        silent.logger.warning("hello")
    assert len(printed()) == 1


def test_additional_loggers_are_heard_and_root_hears_all(said):
    make_json_app(CARAFE_LOGGER_STREAM_ADD_LOGGERS="root")
    logging.getLogger("library.part").warning("from elsewhere")
    logging.getLogger("library.part").info("not so loud")
    assert [line["logger"] for line in said()] == ["library.part"]


def test_an_additional_logger_may_be_the_logger_itself(said):
    make_json_app(CARAFE_LOGGER_STREAM_ADD_LOGGERS=[logging.getLogger("library")])
    logging.getLogger("library").warning("from elsewhere")
    assert [line["logger"] for line in said()] == ["library"]


def test_an_output_without_an_encoding_takes_records(monkeypatch):
    """Such as the one by which Celery replaces standard output."""
    written = []
    output = SimpleNamespace(write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stdout", output)
    make_app().logger.info("3 pens")
    assert [line.endswith("3 pens\n") for line in written] == [True]


def test_root_hears_the_warnings_of_python(said, recwarn):
    make_json_app(CARAFE_LOGGER_STREAM_ADD_LOGGERS="root")
    warnings.warn("the ink is low", stacklevel=1)
    (line,) = said()
    assert line["logger"] == "py.warnings" and "the ink is low" in line["message"]


def test_the_level_is_configured(printed):
    app = make_app(CARAFE_LOGGER_STREAM_LEVEL="error")
    app.logger.warning("less")
    app.logger.error("enough")
    assert len(printed()) == 1


def test_a_file_and_standard_output_get_the_same_record(printed, tmp_path):
    make_app(**file_config(tmp_path / "shop.log")).logger.error("hello")
    assert printed() == (tmp_path / "shop.log").read_text().splitlines()


def test_what_a_command_prints_is_its_own():
    app = make_json_app()

    @app.cli.command("export")
    def export():
        app.logger.info("all of it")
        print("1, 2, 3")

    result = app.test_cli_runner().invoke(args=["export"])
    assert result.stdout == "1, 2, 3\n"
    assert json.loads(result.stderr)["message"] == "all of it"


def test_a_closed_output_fails_nobody_and_leaves_the_record_on_stderr(monkeypatch, capsys):
    app = make_app()
    for output in (None, TextIOWrapper(BytesIO())):
        if output is not None:
            output.close()
        monkeypatch.setattr(sys, "stdout", output)
        app.logger.error("password=%s", "hunter2")
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("carafe.logger: stdout: ")
        assert line.endswith("password=***")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_output_fails_no_request():
    with open("/dev/full", "w") as full:
        assert run(request_with_a_full_output, stdout=full) == 0


@pytest.mark.parametrize("switch", ["DEBUG", "TESTING"])
def test_in_debug_and_in_tests_a_line_is_written_before_the_caller_goes_on(switch, monkeypatch):
    monkeypatch.setattr(StreamHandler, "is_awaited", False)
    output = SlowOutput()
    monkeypatch.setattr(sys, "stdout", output)
    make_app(**{switch: True}).logger.info("3 pens")
    assert output.written


class SlowOutput:
    written = ""

    def write(self, text):
        time.sleep(0.2)
        self.written += text

    def flush(self):
        pass


def test_an_output_that_another_process_made_non_blocking_loses_nothing(tmp_path):
    with a_pipe() as (reader, writer):
        os.set_blocking(writer, False)
        process = start(request_without_a_reader, 100, str(tmp_path / "served"), stdout=writer)
        os.close(writer)
        while not (tmp_path / "served").exists():
            assert process.poll() is None
            time.sleep(0.01)
        lines = read_all(reader).decode().splitlines()
        assert process.wait(60) == 0
    assert len(lines) == 100 + 1


def test_a_reader_that_stops_holds_no_request_and_no_exit_up():
    with a_pipe() as (_, writer):
        assert run(request_without_a_reader, 300, stdout=writer) == 0


def test_a_reader_that_comes_back_learns_how_many_lines_it_missed(tmp_path):
    with a_pipe() as (reader, writer):
        process = start(request_without_a_reader, 300, str(tmp_path / "served"), stdout=writer)
        os.close(writer)
        while not (tmp_path / "served").exists():
            assert process.poll() is None
            time.sleep(0.01)
        lines = read_all(reader).decode().splitlines()
        assert process.wait(60) == 0
    (missed,) = [line for line in lines if " WARNING carafe.logger " in line]
    (count,) = re.findall(r"(\d+) records were dropped", missed)
    assert int(count) == 300 - lines.index(missed) > 0
    assert lines[-1].endswith("after")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_while_nobody_reads_writes_its_own_lines_and_no_others(tmp_path):
    with a_pipe() as (reader, writer):
        process = start(fork_without_a_reader, 200, str(tmp_path / "forked"), stdout=writer)
        os.close(writer)
        while not (tmp_path / "forked").exists():
            assert process.poll() is None
            time.sleep(0.01)
        lines = read_all(reader).decode().splitlines()
        assert process.wait(60) == 0
    words = [line.split()[-1] for line in lines]
    assert words.count("x" * 1000) == 200
    assert sorted(set(words) - {"x" * 1000}) == ["child", "parent"]
    assert len(words) == 202


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_multiprocessing_writes_all_its_lines(tmp_path):
    with start(log_in_children, 20, stdout=subprocess.PIPE) as process:
        lines = process.stdout.read().decode().splitlines()
    assert sorted(line.split()[-1] for line in lines) == sorted(map(str, range(20)))


@contextmanager
def a_pipe():
    """The ends of a pipe that nobody reads."""
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        for end in (reader, writer):
            with suppress(OSError):
                os.close(end)


def read_all(reader):
    read = b""
    while page := os.read(reader, 65536):
        read += page
    return read


def test_a_handler_of_your_own_writes_the_same_json():
    record = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": "a\nb"})
    line = json.loads(JSONFormatter().format(record))
    assert (line["logger"], line["message"]) == ("shop", r"a\nb")
