"""Time detectors on each device, format, batch and size that is asked for, and keep the times in bench.json."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from yolograft.common.errors import UserError
from yolograft.common.version import __version__
from yolograft.compute.devices import for_inference
from yolograft.compute.hardware import hardware
from yolograft.compute.load import LoadMeter, gpu_use, load_limit, others
from yolograft.compute.sharing import own_cores
from yolograft.evaluation.bench.contestants import Contestant
from yolograft.evaluation.bench.memory import cpu_memory
from yolograft.evaluation.bench.rounds import in_turns
from yolograft.evaluation.captured import captured
from yolograft.evaluation.export.formats import FORMATS
from yolograft.evaluation.runtimes import RUNTIMES, Runtime, load_runtime
from yolograft.model.detector import gflops
from yolograft.runs.bench_file import Cell, Subject, write_bench
from yolograft.upstream.exporter import export

_IN_PROCESS = ("pytorch", "compile")
"""Formats that run the detector itself; others run a file."""
_SAVE_EVERY = 10.0
"""Seconds of rounds after which the times so far are put on disk."""
_BUSY_GPU = 0.1
"""Share of a moment in which a GPU may be busy before anything of ours runs on it."""


@dataclass(frozen=True)
class Settings:
    """What is measured, and how.

    Attributes:
        devices: As on a command line: `cpu`, `cuda`, `0`, `auto`.
        formats: Keys of `RUNTIMES`.
        batches: Images at a time.
        sizes: Sides of the images, pixels.
        rounds: How often each contestant is timed.
        warmup: Calls of each before.
        threads: CPU threads; None for as many as this process may use.
        loaded: Measure and rank on a busy machine too.
        memory: Measure memory too.
    """

    devices: Sequence[str | int]
    formats: Sequence[str]
    batches: Sequence[int]
    sizes: Sequence[int]
    rounds: int
    warmup: int
    threads: int | None
    loaded: bool
    memory: bool


Say = Callable[[str], object]


def bench(build: Callable[[], Sequence[Contestant]], settings: Settings, folder: Path, say: Say) -> list[Cell]:
    """Time contestants side by side.

    Args:
        build: Returns what to time, once it is known that it can be; the names differ.
        settings: What is measured, and how.
        folder: Where bench.json is; each cell is in it as soon as it is measured.
        say: Is given a line for each step.

    Returns:
        The cells, in the order of the settings.

    Raises:
        UserError: A device or package is missing, or the machine is busy and `settings.loaded` is not set.
    """
    devices = list(dict.fromkeys(for_inference(word, threads=1).device for word in settings.devices))
    for kind in settings.formats:  # all are there before the first is measured
        load_runtime(kind)
    for device in devices:
        _quiet(device, settings.loaded)
    contestants = build()
    cells: list[Cell] = []
    threads = settings.threads or own_cores()
    for device, kind, batch, imgsz in product(devices, settings.formats, settings.batches, settings.sizes):
        form = FORMATS.get(kind)
        if form and form.device not in (None, device.type):
            say(f"{kind} does not run on {device}: left out")
            continue
        before = _quiet(device, settings.loaded)
        cell = Cell(
            host=platform.node(),
            device=str(device),
            hardware=hardware(device),
            format=kind,
            batch=batch,
            imgsz=imgsz,
            threads=threads,
            load_before=round(before, 3),
            load_during=0.0,
            load_limit=load_limit(),
            accepted=settings.loaded,
            measured=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            versions=_versions(kind),
        )
        with TemporaryDirectory() as work, _threads(threads):
            measured = _cell(cell, contestants, settings, device, Path(work), say, partial(_keep, folder, cells))
        cells.append(measured)
        _keep(folder, cells)
    if not cells:
        raise UserError("formats: none of them runs on such a device")
    return cells


def _keep(folder: Path, cells: Sequence[Cell], more: Sequence[Cell] = ()) -> None:
    write_bench(folder, [*cells, *more])


def _cell(
    cell: Cell,
    contestants: Sequence[Contestant],
    settings: Settings,
    device: torch.device,
    work: Path,
    say: Say,
    keep: Callable[[Sequence[Cell]], None],
) -> Cell:
    """Measure one cell; what is measured so far is kept every few seconds, and where a person stops it."""
    images = torch.rand(cell.batch, 3, cell.imgsz, cell.imgsz, generator=torch.Generator().manual_seed(0)).to(device)
    subjects: list[Subject] = []
    calls: list[Callable[[], object]] = []
    for contestant in contestants:
        say(f"{cell.format} on {cell.device}, {cell.imgsz} px, batch {cell.batch}: {contestant.name}")
        source = _source(contestant, cell, device, work / str(len(calls)))
        runtime = _loaded(cell, source, device)
        memory = _memory(cell, source, runtime, images, work) if settings.memory else None
        for _ in range(settings.warmup):
            runtime(images)
        calls.append(partial(runtime, images))
        subjects.append(
            Subject(
                contestant.name,
                contestant.run,
                params=sum(p.numel() for p in contestant.model.parameters()),
                gflops=round(gflops(contestant.model, cell.imgsz), 6),
                memory=memory,
            )
        )
    wait = partial(torch.cuda.synchronize, device) if device.type == "cuda" else _nothing
    times: list[list[float]] = []
    meter, kept = LoadMeter(), time.monotonic()

    def so_far() -> Cell:
        each = zip(subjects, zip(*times, strict=True), strict=True)
        timed = tuple(replace(subject, times=tuple(round(t, 9) for t in taken)) for subject, taken in each)
        return replace(cell, load_during=round(load, 3), subjects=timed)

    load, read = 0.0, time.monotonic()
    began = read
    say(f"{settings.rounds} rounds")
    try:
        for seconds in in_turns(calls, settings.rounds, wait):
            times.append(seconds)
            now = time.monotonic()
            if now - read > 1:  # a share of processor seconds is coarse over less
                load = _mean(load, read - began, meter.read(), now - read)
                read = now
            if now - kept > _SAVE_EVERY:
                kept = now
                keep([so_far()])
    except KeyboardInterrupt:
        if times:
            keep([so_far()])
        raise
    load = _mean(load, read - began, meter.read(), time.monotonic() - read)
    return so_far()


def _mean(mean: float, seconds: float, more: float, more_seconds: float) -> float:
    whole = seconds + more_seconds
    return (mean * seconds + more * more_seconds) / whole if whole else mean


def _nothing() -> None:
    """The CPU is done when a call returns."""


def _source(contestant: Contestant, cell: Cell, device: torch.device, work: Path) -> Any:
    """Return what a runtime loads: the detector itself, or the file that is exported from it."""
    if cell.format in _IN_PROCESS:
        return contestant.model
    work.mkdir(parents=True)
    options = {"format": cell.format, "imgsz": cell.imgsz, "batch": cell.batch}
    options["device"] = "cpu" if device.type == "cpu" else str(device.index or 0)
    try:
        with captured():  # converters have much to say
            return export(contestant.model, work, options).path
    except Exception as error:  # whatever the exporter raises
        raise UserError(f"{contestant.name}: cannot be exported to {cell.format}: {error}") from error


def _loaded(cell: Cell, source: Any, device: torch.device) -> Runtime:
    return load_runtime(cell.format)(source, device=device, threads=cell.threads, exact=True)


def _memory(cell: Cell, source: Any, runtime: Runtime, images: torch.Tensor, work: Path) -> int | None:
    """Return the most bytes that a detector takes; None for runtimes whose memory is not known."""
    if images.device.type == "cuda":
        if cell.format != "pytorch":  # the others have allocators of their own, or buffers that outlive a call
            return None
        torch.cuda.synchronize(images.device)
        others_hold = torch.cuda.memory_allocated(images.device)
        torch.cuda.reset_peak_memory_stats(images.device)
        runtime(images)
        torch.cuda.synchronize(images.device)
        weights = sum(t.numel() * t.element_size() for t in source.state_dict().values())
        return int(torch.cuda.max_memory_allocated(images.device) - others_hold + weights)
    if images.device.type != "cpu" or cell.format == "compile":
        return None
    if cell.format == "pytorch":
        file = work / "detector.pt"
        torch.save(source, file)
        source = file
    return cpu_memory(source, cell.format, cell.batch, cell.imgsz, cell.threads)


def _quiet(device: torch.device, loaded: bool) -> float:
    """Return how many processors other processes use.

    Raises:
        UserError: They use too much, and the person has not said that this is all right.
    """
    share, named = others()
    told = "times would be those of a moment; wait, or say loaded=true to measure and rank all the same"
    if share > load_limit() and not loaded:
        busy = f" ({named})" if named else ""
        raise UserError(f"this machine is busy: others use {share:.1f} of its processors{busy}; {told}")
    if device.type == "cuda" and not loaded and (use := gpu_use(device.index or 0) or 0.0) > _BUSY_GPU:
        raise UserError(f"this GPU is busy: others use it {use:.0%} of the time; {told}")
    return share


def _versions(kind: str) -> dict[str, str]:
    found = {"yolograft": __version__, "torch": torch.__version__}
    try:
        return {**found, RUNTIMES[kind][0]: version(RUNTIMES[kind][0])}
    except PackageNotFoundError:  # a package whose distribution is called otherwise
        return found


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
