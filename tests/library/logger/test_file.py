import logging
import os
import re
import stat
import time
from contextlib import contextmanager
from datetime import datetime
from threading import Thread

import pytest
from carafe.ext.logger import handlers
from carafe.ext.logger import Logger
from flask import Flask

from .configs import file_config
from .workers import log_many_lines
from .workers import request_with_a_full_disk
from .workers import run
from .workers import start

posix_only = pytest.mark.skipif(os.name == "nt", reason="a matter of POSIX")


def make_app(file, **config):
    app = Flask("shop")
    app.config.update(file_config(file, **config))
    Logger(app)
    return app


def lines_of(*files):
    return [line for file in files for line in file.read_text("utf-8").splitlines()]


def test_warnings_are_written_and_less_is_not(tmp_path):
    app = make_app(tmp_path / "shop.log")
    app.logger.info("less")
    app.logger.warning("a warning")
    (line,) = lines_of(tmp_path / "shop.log")
    assert line.endswith(" WARNING shop [- - - -] a warning")


def test_times_are_utc_and_iso(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    make_app(tmp_path / "shop.log").logger.error("now")
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()
    stamp = lines_of(tmp_path / "shop.log")[0].split()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert abs(datetime.fromisoformat(stamp).timestamp() - time.time()) < 60


def test_additional_loggers_write_too(tmp_path):
    make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_ADD_LOGGERS=["library"])
    logging.getLogger("library.part").error("from elsewhere")
    assert "library.part" in lines_of(tmp_path / "shop.log")[0]


def test_mode_a_appends(tmp_path):
    file = tmp_path / "shop.log"
    file.write_text("old\n")
    make_app(file).logger.error("new")
    assert len(lines_of(file)) == 2


def test_mode_w_empties_the_file_once(tmp_path):
    file = tmp_path / "shop.log"
    file.write_text("old\n")
    app = make_app(file, CARAFE_LOGGER_RF_MODE="w")
    assert lines_of(file) == []
    app.logger.error("new")
    app.extensions["carafe.logger"].handlers[0].close()
    app.logger.error("newer")
    assert len(lines_of(file)) == 2


def test_the_file_is_made_at_start_up(tmp_path):
    make_app(tmp_path / "shop.log")
    assert (tmp_path / "shop.log").exists()


def test_delay_makes_the_file_with_the_first_record(tmp_path):
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_DELAY=True)
    assert not (tmp_path / "shop.log").exists()
    app.logger.error("first")
    assert len(lines_of(tmp_path / "shop.log")) == 1


@posix_only
def test_only_the_owner_and_the_group_read_it(tmp_path):
    app = make_app(
        tmp_path / "shop.log", CARAFE_LOGGER_RF_MAXBYTES=50, CARAFE_LOGGER_RF_BACKUPCOUNT=1
    )
    app.logger.error("x" * 50)
    app.logger.error("y")
    files = [tmp_path / "shop.log", tmp_path / "shop.log.1"]
    assert [oct(stat.S_IMODE(file.stat().st_mode)) for file in files] == ["0o640", "0o640"]


def test_it_rotates_at_maxbytes_and_keeps_backupcount_files(tmp_path):
    app = make_app(
        tmp_path / "shop.log", CARAFE_LOGGER_RF_MAXBYTES=500, CARAFE_LOGGER_RF_BACKUPCOUNT=2
    )
    for number in range(100):
        app.logger.error("line %d", number)
    files = {file.name for file in tmp_path.glob("shop.log*")}
    assert files == {"shop.log", "shop.log.1", "shop.log.2"}
    assert all(file.stat().st_size < 700 for file in tmp_path.glob("shop.log*"))


def test_without_backups_nothing_is_thrown_away(tmp_path):
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_MAXBYTES=500)
    for number in range(100):
        app.logger.error("line %d", number)
    assert len(lines_of(tmp_path / "shop.log")) == 100


def test_the_encoding_is_utf_8_whatever_the_locale(tmp_path):
    make_app(tmp_path / "shop.log").logger.error("höflich")
    assert "höflich".encode() in (tmp_path / "shop.log").read_bytes()


def test_a_lone_surrogate_keeps_its_record(tmp_path):
    make_app(tmp_path / "shop.log").logger.error("broken \ud800 text")
    assert r"broken \ud800 text" in lines_of(tmp_path / "shop.log")[0]


def test_what_the_encoding_cannot_write_is_escaped(tmp_path):
    app = make_app(tmp_path / "shop.log", CARAFE_LOGGER_RF_ENCODING="latin-1")
    app.logger.error("é costs 5 €")
    assert rb"costs 5 \u20ac" in (tmp_path / "shop.log").read_bytes()
    assert b"\xe9" in (tmp_path / "shop.log").read_bytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/shop.log", "directory that does not exist"), ("", "not a regular file")],
)
def test_a_path_that_cannot_be_is_told_at_start_up(tmp_path, name, reason):
    with pytest.raises(ValueError, match=f"CARAFE_LOGGER_RF_FILENAME .*{reason}"):
        make_app(tmp_path / name)


@posix_only
def test_a_device_is_refused():
    with pytest.raises(ValueError, match="CARAFE_LOGGER_RF_FILENAME is not a regular file"):
        make_app("/dev/null")


def test_a_file_that_cannot_be_written_is_told_at_start_up(tmp_path):
    with pytest.raises(ValueError, match="CARAFE_LOGGER_RF_FILENAME cannot be written"):
        make_app(tmp_path / ("x" * 300))


@posix_only
def test_a_deleted_file_is_made_again(tmp_path):
    app = make_app(tmp_path / "shop.log")
    app.logger.error("before")
    (tmp_path / "shop.log").unlink()
    app.logger.error("after")
    assert len(lines_of(tmp_path / "shop.log")) == 1


@posix_only
def test_a_directory_that_vanished_fails_no_caller_and_leaves_the_record_on_stderr(
    tmp_path, capsys
):
    directory = tmp_path / "logs"
    directory.mkdir()
    app = make_app(directory / "shop.log")
    app.logger.error("before")
    for file in directory.iterdir():
        file.unlink()
    directory.rmdir()
    app.logger.error("password=%s", "hunter2")
    report = [line for line in capsys.readouterr().err.splitlines() if "carafe.logger" in line]
    assert len(report) == 1
    assert "FileNotFoundError" in report[0] and "password=***" in report[0]


@posix_only
def test_a_full_disk_fails_no_request(tmp_path):
    assert run(request_with_a_full_disk, str(tmp_path / "shop.log")) == 0
    assert (tmp_path / "shop.log").stat().st_size == 1000


@posix_only
def test_another_process_is_waited_for(tmp_path):
    app = make_app(tmp_path / "shop.log")
    (tmp_path / ".__shop.lock").touch()
    with hold(tmp_path / ".__shop.lock"):
        waiting = Thread(target=app.logger.error, args=["waited"])
        waiting.start()
        time.sleep(0.2)
        assert lines_of(tmp_path / "shop.log") == []
    waiting.join()
    assert lines_of(tmp_path / "shop.log")[0].endswith("waited")


@posix_only
def test_a_process_that_was_stopped_in_the_middle_is_waited_for_once_and_costs_no_line(
    tmp_path, monkeypatch
):
    app = make_app(tmp_path / "shop.log")
    app.logger.error("before")
    waits, wait = [], handlers.BaseHandler._wait
    monkeypatch.setattr(handlers.BaseHandler, "_wait", lambda self: waits.append(1) or wait(self))
    monkeypatch.setattr(handlers, "FLUSH_SECONDS", 0.3)
    with hold(tmp_path / ".__shop.lock"):
        for _ in range(8):
            app.logger.error("meanwhile")
        assert len(waits) == 1
        assert len(lines_of(tmp_path / "shop.log")) == 1
    monkeypatch.undo()
    app.logger.error("after")
    app.extensions["carafe.logger"].handlers[0].flush()
    words = [line.split()[-1] for line in lines_of(tmp_path / "shop.log")]
    assert words == ["before", *["meanwhile"] * 8, "after"]


@contextmanager
def hold(path):
    """Lock the file at *path*, as another process would."""
    fcntl = pytest.importorskip("fcntl")
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.slow
def test_three_processes_rotate_one_file_and_lose_no_line(tmp_path):
    file = tmp_path / "shop.log"
    processes = [start(log_many_lines, str(file), worker, 400) for worker in range(3)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0, 0]
    files = list(tmp_path.glob("shop.log*"))
    found = [re.fullmatch(r".+\] (worker \d line \d+)\.", line)[1] for line in lines_of(*files)]
    assert len(files) > 2
    assert sorted(found) == sorted(f"worker {w} line {n}" for w in range(3) for n in range(400))
