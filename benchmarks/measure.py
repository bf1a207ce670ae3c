"""Comparing calls side by side: what is compared takes turns, so that noise falls on all of it."""

import gc
import os
import random
import statistics
import time
from collections.abc import Callable
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

Call = Callable[[], object]

_SLICE = 0.003
"""Seconds that one candidate is called for, before it is another's turn."""

_NOWHERE = open(os.devnull, "w")


@dataclass(frozen=True)
class Spread:
    """The quartiles of some numbers."""

    p25: float
    median: float
    p75: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "Spread":
        return cls(*statistics.quantiles(numbers, n=4, method="inclusive"))


@dataclass(frozen=True)
class Times:
    """Seconds of a call in each round: by the clock, and of this thread's processor."""

    clock: list[float]
    processor: list[float]


def compare(title: str, candidates: dict[str, Call], rounds: int) -> dict[str, Times]:
    """Print and return what each call takes; the first one is 1.00."""
    with redirect_stdout(_NOWHERE):  # where log lines go
        times = _measure(candidates, rounds)
    base = next(iter(times.values()))
    rows = [[name, *_columns(its, base)] for name, its in times.items()]
    table(title, ["", "median µs", "p25-p75", "ratio", "p25-p75", "CPU ratio", "p25-p75"], rows)
    return times


def versus(claim: str, times: Times, base: Times, goal: str) -> None:
    """Print how many times *base* something takes, beside its goal."""
    clock, processor = _ratios(times, base)
    print(f"  {claim}: {clock.median:.2f}, CPU {processor.median:.2f}; goal {goal}")


def added(claim: str, times: Times, base: Times, count: int, goal: str) -> None:
    """Print how many microseconds *times* is longer than *base*, for each of *count*."""
    pairs = zip(times.clock, base.clock, strict=True)
    its = Spread.of((one - other) / count * 1e6 for one, other in pairs)
    print(f"  {claim}: {its.median:.1f} µs ({its.p25:.1f}-{its.p75:.1f}); goal {goal}")


def _columns(times: Times, base: Times) -> list[str]:
    seconds = Spread.of([second * 1e6 for second in times.clock])
    columns = [f"{seconds.median:.1f}", f"{seconds.p25:.1f}-{seconds.p75:.1f}"]
    for ratio in _ratios(times, base):
        columns += [f"{ratio.median:.2f}", f"{ratio.p25:.2f}-{ratio.p75:.2f}"]
    return columns


def _ratios(times: Times, base: Times) -> list[Spread]:
    """By the clock and by the processor: one by the other in the same round."""
    pairs = [(times.clock, base.clock), (times.processor, base.processor)]
    return [Spread.of(one / other for one, other in zip(*pair, strict=True)) for pair in pairs]


def table(title: str, heads: list[str], rows: list[list[Any]]) -> None:
    """Print *rows*, the first column to the left."""
    lines = [heads, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}")
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join(["", first.ljust(widths[0]), *cells]), flush=True)


def _measure(candidates: dict[str, Call], rounds: int) -> dict[str, Times]:
    calls = {name: _calls_in_a_slice(call) for name, call in candidates.items()}
    times = {name: Times([], []) for name in candidates}
    names = list(candidates)
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            clock, processor = _seconds(candidates[name], calls[name])
            times[name].clock.append(clock)
            times[name].processor.append(processor)
    gc.unfreeze()
    return times


def _calls_in_a_slice(call: Call) -> int:
    _seconds(call, 50)
    return max(3, int(_SLICE / min(_seconds(call, 10)[0] for _ in range(5))))


def _seconds(call: Call, count: int) -> tuple[float, float]:
    """Seconds of one call, over *count* calls."""
    clock, processor = time.perf_counter(), time.thread_time()
    for _ in range(count):
        call()
    return (time.perf_counter() - clock) / count, (time.thread_time() - processor) / count
