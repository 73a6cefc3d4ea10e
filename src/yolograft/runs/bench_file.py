"""bench.json as a type: the times that `yolograft bench` has measured, one by one.

The file may be a stranger's or damaged: whatever is of the wrong type, range or size is left out.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import json_document, parse_json
from yolograft.common.typed import entries, items, mapping, number, text, whole

BENCH_FILE = "bench.json"
"""Its name in the folder of a sweep or a run."""
FORMAT = 1
"""The version of the file's format that is written. It is raised when a field changes its meaning."""
_MAX_FILE = 64 * 2**20
"""Bytes of a bench.json that are read."""
_MANY = 100
"""Cells of a file, and subjects of a cell, that are read: each pair of subjects is compared."""
MAX_ROUNDS = 10_000
"""Times of a subject that are read."""


@dataclass(frozen=True)
class Subject:
    """What was timed, and how long each call took.

    Attributes:
        name: What it is called among the others.
        run: The folder of its run, relative to that of the file (`.` is the same); None for a variant without training.
        params: Parameters after folding.
        gflops: 10⁹ floating point operations of one image after folding, as ultralytics counts them.
        memory: Most bytes that it takes at a time: of a process of its own beyond its imports, or of the GPU; None
            where that is not known.
        times: Seconds of one batch in each round.
    """

    name: str
    run: str | None = None
    params: int | None = None
    gflops: float | None = None
    memory: int | None = None
    times: tuple[float, ...] = ()


@dataclass(frozen=True)
class Cell:
    """Subjects that were timed in turns: one round after the other, each subject once in a round.

    Attributes:
        host: Name of the machine.
        device: `cpu` or `cuda:0`.
        hardware: Name of the processor or GPU.
        format: What ran them, a key of `evaluation.runtimes.RUNTIMES`.
        batch: Images at a time.
        imgsz: Side of the images, pixels.
        threads: CPU threads of the computation.
        load_before: Processors that other processes used before the first round.
        load_during: The same on average over the rounds.
        load_limit: Up to which load such times compare variants.
        accepted: Whether the person asked for a ranking whatever the load.
        measured: When the rounds began, ISO 8601.
        versions: Version by package.
        subjects: What was timed.
    """

    host: str
    device: str
    hardware: str
    format: str
    batch: int
    imgsz: int
    threads: int
    load_before: float
    load_during: float
    load_limit: float
    accepted: bool = False
    measured: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    subjects: tuple[Subject, ...] = ()

    @property
    def key(self) -> tuple[str, ...]:
        """What distinguishes it from the other cells of a file."""
        return self.host, self.device, self.format, str(self.batch), str(self.imgsz)

    @property
    def loaded(self) -> bool:
        """Whether other work was under way, so that its times are those of a moment."""
        return max(self.load_before, self.load_during) > self.load_limit

    @property
    def ranked(self) -> bool:
        """Whether its subjects may be put into an order."""
        return self.accepted or not self.loaded


def read_bench(folder: Path) -> list[Cell]:
    """Read a folder's bench.json.

    Args:
        folder: The folder of a sweep or a run.

    Returns:
        Its cells that are whole; none where there is no such file or it cannot be read. This never raises.
    """
    try:
        content = parse_json(read_text(folder / BENCH_FILE, _MAX_FILE))
    except (OSError, ValueError):
        return []
    found = (_cell(mapping(each)) for each in items(mapping(content).get("cells"), _MANY))
    return [cell for cell in found if cell is not None]


def write_bench(folder: Path, cells: list[Cell]) -> Path:
    """Put cells into a folder's bench.json, in the place of those that measured the same way there.

    Args:
        folder: The folder; made where it is not there.
        cells: The cells.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    anew = {cell.key for cell in cells}
    kept = [cell for cell in read_bench(folder) if cell.key not in anew]
    content = {"format": FORMAT, "cells": [asdict(cell) for cell in [*kept, *cells]]}
    return atomic_write(folder / BENCH_FILE, json_document(content))


def _cell(found: Mapping[str, Any]) -> Cell | None:
    host, device, hardware, runs = (text(found.get(key)) for key in ("host", "device", "hardware", "format"))
    batch, imgsz, threads = (whole(found.get(key), 1, 1e6) for key in ("batch", "imgsz", "threads"))
    loads = [number(found.get(key), 0, 1e6) for key in ("load_before", "load_during", "load_limit")]
    before, during, limit = loads
    subjects = [_subject(mapping(each)) for each in items(found.get("subjects"), _MANY)]
    whole_ones = tuple(subject for subject in subjects if subject is not None)
    rounds = {len(subject.times) for subject in whole_ones}
    if not (host and device and hardware and runs and batch and imgsz and threads and whole_ones):
        return None
    if before is None or during is None or limit is None or len(rounds) != 1:  # rounds pair the subjects
        return None
    cell = Cell(host, device, hardware, runs, batch, imgsz, threads, before, during, limit)
    return replace(
        cell,
        accepted=found.get("accepted") is True,
        measured=text(found.get("measured")) or "",
        versions=entries(found.get("versions"), text, 100),
        subjects=whole_ones,
    )


def _subject(found: Mapping[str, Any]) -> Subject | None:
    name, run = text(found.get("name")), text(found.get("run"))
    times = [number(value, 0, 1e6) for value in items(found.get("times"), MAX_ROUNDS)]
    seconds = tuple(value for value in times if value is not None and value > 0)
    if not name or not seconds or len(seconds) != len(times) or not math.isfinite(sum(seconds)):
        return None
    return Subject(
        name,
        run if run and _is_name(run) else None,
        whole(found.get("params")),
        number(found.get("gflops")),
        whole(found.get("memory")),
        seconds,
    )


def _is_name(run: str) -> bool:
    """Return whether a text names the folder itself or one right below it."""
    return run != ".." and not set(run) & set("/\\:\0")
