"""What a bake costs over an empty template (B14): ``python -m benchmarks.bake``."""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).parent.parent
[PROJECT] = TEMPLATE.glob("*project_slug*")
FEATURES = ("auth", "cache", "logger", "session")
ROUNDS = 9


def main() -> None:
    """Run it all."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        config = scratch / "config.yaml"
        config.write_text(f"replay_dir: {scratch}/replay\ncookiecutters_dir: {scratch}/cloned\n")
        full, empty = _clean_copy(scratch), _empty_template(scratch)
        ours, floor = [], []
        for number in range(ROUNDS):
            floor.append(_processor_time(empty, config, scratch / f"empty{number}"))
            ours.append(_processor_time(full, config, scratch / f"ours{number}"))
        over = median(one - other for one, other in zip(ours, floor, strict=True))
        print("B14 a bake, processor time")
        print(f"  empty template {median(floor):.3f} s, ours {median(ours):.3f} s")
        print(f"  ours over it {over:.3f} s (goal ≤ 0.2 s)")
        print(f"  sixteen in one process {_sixteen(full, config, scratch):.2f} s (goal ≤ 5 s)")


def _clean_copy(scratch: Path) -> Path:
    """The template as a user clones it, without caches."""
    template = scratch / "full"
    template.mkdir()
    shutil.copy(TEMPLATE / "cookiecutter.json", template)
    caches = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis")
    for folder in (TEMPLATE / "hooks", PROJECT):
        shutil.copytree(folder, template / folder.name, ignore=caches)
    return template


def _empty_template(scratch: Path) -> Path:
    """A template that asks a question and makes a folder."""
    template = scratch / "empty"
    (template / PROJECT.name).mkdir(parents=True)
    (template / "cookiecutter.json").write_text(json.dumps({"project_slug": "empty"}))
    return template


def _processor_time(template: Path, config: Path, folder: Path) -> float:
    """Seconds that the command takes of all processors, with the processes of its hooks."""
    command = [sys.executable, "-m", "cookiecutter", "--no-input", "--config-file", str(config)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, "--output-dir", str(folder), str(template)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _sixteen(template: Path, config: Path, scratch: Path) -> float:
    """Seconds for one bake after the other of every combination of features."""
    start = time.perf_counter()
    for switches in product((True, False), repeat=len(FEATURES)):
        cookiecutter(
            str(template),
            no_input=True,
            output_dir=str(scratch / "-".join(map(str, switches))),
            config_file=str(config),
            extra_context={f"use_{name}": on for name, on in zip(FEATURES, switches, strict=True)},
        )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
