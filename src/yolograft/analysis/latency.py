"""From times to latency: medians with their intervals, and which of them can be told apart.

A median's interval is distribution-free: of n sorted times, those between which the median lies with 95 % by the
binomial distribution (David and Nagaraja, Order Statistics, 3rd ed., section 7.1). Times scatter upwards, in bursts,
so neither means nor normal intervals say much of them.

Two variants are compared round by round, where both met the same machine: by the sign test on the differences, with
Holm's correction over all pairs of a cell. With a hundred rounds that finds differences far below what the next start
of the same program shows (memory is laid out anew, clocks differ), so medians that differ by less than `MARGIN` are
not told apart either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from numpy.typing import NDArray

from yolograft.analysis.collect import Run
from yolograft.runs.bench_file import Cell, Subject, read_bench

LEVEL = 0.95
"""Confidence of every interval; 1 - LEVEL is the family-wise error rate of the comparisons of a cell."""
MARGIN = 0.02
"""Share by which medians must differ, beside the test: what the same variant differs by between two starts."""


@dataclass(frozen=True)
class Latency:
    """How long one subject takes, among those of its cell.

    Attributes:
        subject: What was timed.
        median: Seconds of one batch.
        low: Lower end of the median's 95 % interval; None with fewer than six rounds.
        high: Its upper end.
        p90: The time that one batch in ten exceeds, seconds.
        images_per_second: At the median.
        alike: Names of the subjects that it cannot be told from.
    """

    subject: Subject
    median: float
    low: float | None
    high: float | None
    p90: float
    images_per_second: float
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What `yolograft bench` has measured of the runs of a comparison in one format.

    Attributes:
        cell: How: only times of one cell compare.
        by_run: The latency of a run, by its resolved folder.
        cells: How many cells with these runs there are in this format; the others are in bench.json.
    """

    cell: Cell
    by_run: Mapping[Path, Latency]
    cells: int

    @property
    def key(self) -> str:
        """What its column is called: `latency` of PyTorch, `onnx_latency` and so on of others."""
        return "latency" if self.cell.format == "pytorch" else f"{self.cell.format}_latency"

    def of(self, runs: Sequence[Run]) -> Latency | None:
        """Return the latency of a variant: weights of another seed take as long.

        Args:
            runs: Its runs.
        """
        return next((found for run in runs if (found := self.by_run.get(run.path.resolve()))), None)


def measured(runs: Sequence[Run]) -> list[Measured]:
    """Return for each format the cell of bench.json that covers the most runs, of equals the last; PyTorch's first.

    The files are those beside the runs and in their folders.

    Args:
        runs: The runs of a comparison.
    """
    paths = {run.path.resolve() for run in runs}
    folders = dict.fromkeys([*(path.parent for path in paths), *paths])
    found: dict[str, list[tuple[int, str, Cell, Path]]] = {}
    for folder in sorted(folders):
        for cell in read_bench(folder):
            covered = sum(_place(folder, subject) in paths for subject in cell.subjects)
            if covered:
                found.setdefault(cell.format, []).append((covered, cell.measured, cell, folder))
    chosen = []
    for cells in sorted(found.values(), key=lambda cells: (cells[0][2].format != "pytorch", cells[0][2].format)):
        _, _, cell, folder = max(cells, key=lambda one: one[:2])
        by_run = {path: one for one in latencies(cell) if (path := _place(folder, one.subject))}
        chosen.append(Measured(cell, by_run, len(cells)))
    return chosen


def _place(folder: Path, subject: Subject) -> Path | None:
    return (folder / subject.run).resolve() if subject.run else None


def latencies(cell: Cell) -> list[Latency]:
    """Return the latency of each subject of a cell: the fastest first, or where that is not to be told, in their order.

    Args:
        cell: What was measured.
    """
    alike = _alike(cell.subjects)
    found = [_latency(subject, cell.batch, alike) for subject in cell.subjects]
    return sorted(found, key=lambda one: one.median) if cell.ranked else found


def median_interval(times: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of a median: two of the times themselves; None with fewer than six.

    Args:
        times: The sample.
    """
    from scipy.stats import binom

    # The median lies below the r-th smallest with the probability that at most r - 1 of n fall below it.
    rank = int(binom.ppf((1 - LEVEL) / 2, len(times), 0.5))
    ordered = sorted(times)
    return (ordered[rank - 1], ordered[-rank]) if rank else None


def sign_tests(up: NDArray[np.int64], down: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the p-values of two-sided sign tests against a median difference of zero.

    Args:
        up: How many differences of each test are above zero.
        down: How many are below; those that are zero say nothing.
    """
    from scipy.stats import binom

    return np.minimum(1.0, 2 * binom.cdf(np.minimum(up, down), up + down, 0.5))


def _latency(subject: Subject, batch: int, alike: dict[str, list[str]]) -> Latency:
    middle = median(subject.times)
    low, high = median_interval(subject.times) or (None, None)
    tenths = quantiles(subject.times, n=10, method="inclusive") if len(subject.times) > 1 else [middle] * 9
    return Latency(subject, middle, low, high, tenths[8], batch / middle, tuple(alike[subject.name]))


def _alike(subjects: Sequence[Subject]) -> dict[str, list[str]]:
    """Return for each subject those that it cannot be told from."""
    pairs = list(combinations(range(len(subjects)), 2))
    found: dict[str, list[str]] = {subject.name: [] for subject in subjects}
    if not pairs:
        return found
    times = np.array([subject.times for subject in subjects])
    medians = np.median(times, axis=1)
    signs = np.array([((times[i] > times[j]).sum(), (times[i] < times[j]).sum()) for i, j in pairs])
    p = sign_tests(signs[:, 0], signs[:, 1])
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))  # Holm
    for (i, j), value in zip(pairs, corrected, strict=True):
        close = max(medians[i], medians[j]) < (1 + MARGIN) * min(medians[i], medians[j])
        if close or value >= 1 - LEVEL:
            found[subjects[i].name].append(subjects[j].name)
            found[subjects[j].name].append(subjects[i].name)
    return found
