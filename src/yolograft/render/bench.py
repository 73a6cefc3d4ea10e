"""What `yolograft bench` has found: as tables in a terminal, and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from yolograft.analysis.latency import MARGIN, Latency, latencies
from yolograft.common.metrics import three_digits
from yolograft.common.text import gflops_text, plain
from yolograft.render.columns import milliseconds
from yolograft.runs.bench_file import Cell

TITLES = {
    "pytorch": "PyTorch",
    "compile": "torch.compile",
    "torchscript": "TorchScript",
    "onnx": "ONNX Runtime",
    "openvino": "OpenVINO",
    "ncnn": "NCNN",
    "litert": "LiteRT",
    "coreml": "Core ML",
    "engine": "TensorRT",
}
"""What a person calls each format."""
_WIDE = 200
_MOST_NAMED = 8
"""Pairs that are named one by one."""


def conditions(cell: Cell) -> str:
    """Return how a cell was measured: `PyTorch on cpu (…), 640 px, batch 1, 2 threads`."""
    threads = f", {cell.threads} thread{'s' if cell.threads > 1 else ''}" if cell.device == "cpu" else ""
    title = TITLES.get(cell.format, cell.format)
    return f"{title} on {cell.device} ({cell.hardware}), {cell.imgsz} px, batch {cell.batch}{threads}"


def print_tables(cells: Sequence[Cell], console: Console | None = None) -> None:
    """Print a table for each cell, and under it what a reader must know.

    Args:
        cells: What was measured.
        console: Where to; standard output by default.
    """
    console = console or Console()
    if not console.is_terminal:  # a pipe, a log: lines as long as they need
        console = Console(file=console.file, width=_WIDE)
    for cell in cells:
        found = latencies(cell)
        console.print(Text(plain(conditions(cell))), soft_wrap=True)
        console.print(_table(cell, found))
        for note in notes(cell, found):
            console.print(Text(plain(note)), soft_wrap=True)
        console.print()


def notes(cell: Cell, found: Sequence[Latency]) -> list[str]:
    """Return the sentences under a table.

    Args:
        cell: What was measured.
        found: Its latencies, in the order of the table.
    """
    rounds = len(cell.subjects[0].times)
    load = max(cell.load_before, cell.load_during)
    said = [f"Median of {rounds} rounds, each model once in a round; batch norms folded; without NMS."]
    if cell.loaded:
        busy = f"The machine was busy: others used {load:.2f} of its processors (limit {cell.load_limit:.2f})."
        said.append(busy if cell.ranked else f"{busy} So nothing is ranked; loaded=true ranks all the same.")
    if not cell.ranked:
        return said
    places = {one.subject.name: place for place, one in enumerate(found)}
    pairs = [
        f"{one.subject.name} and {other}"
        for one in found
        for other in sorted(one.alike, key=places.__getitem__)
        if places[other] > places[one.subject.name]
    ]
    if pairs:
        why = f"sign test over the rounds, Holm; or medians that differ by less than {MARGIN:.0%}"
        every = len(found) * (len(found) - 1) // 2
        many = f"{len(pairs)} of {every} pairs; # says which places each may have"
        said.append(f"Not told apart ({why}): {'; '.join(pairs) if len(pairs) <= _MOST_NAMED else many}.")
    return said


def to_json(cells: Sequence[Cell], file: Path) -> str:
    """Return what was found as one JSON document.

    Args:
        cells: What was measured.
        file: Where the times are.
    """
    return json.dumps({"file": str(file), "cells": [_document(cell) for cell in cells]})


def _document(cell: Cell) -> dict[str, Any]:
    found = latencies(cell)
    ranks = _ranks(cell, found)
    kept = ("host", "device", "hardware", "format", "batch", "imgsz", "threads", "measured", "load_before")
    return {
        **{key: getattr(cell, key) for key in (*kept, "load_during", "load_limit", "loaded", "ranked")},
        "rounds": len(cell.subjects[0].times),
        "variants": [
            {
                "name": one.subject.name,
                "run": one.subject.run,
                "rank": rank,
                "median_ms": one.median * 1e3,
                "low_ms": None if one.low is None else one.low * 1e3,
                "high_ms": None if one.high is None else one.high * 1e3,
                "p90_ms": one.p90 * 1e3,
                "images_per_second": one.images_per_second,
                "memory": one.subject.memory,
                "params": one.subject.params,
                "gflops": one.subject.gflops,
                "not_told_from": list(one.alike),
            }
            for one, rank in zip(found, ranks, strict=True)
        ],
    }


def _ranks(cell: Cell, found: Sequence[Latency]) -> list[str | None]:
    """Return the places that each may have: `1`, or `2–4` among those that it cannot be told from."""
    if not cell.ranked:
        return [None] * len(found)
    places = {one.subject.name: place for place, one in enumerate(found, 1)}
    ranks: list[str | None] = []
    for one in found:
        among = [places[one.subject.name], *(places[name] for name in one.alike)]
        ranks.append(str(min(among)) if min(among) == max(among) else f"{min(among)}–{max(among)}")
    return ranks


def _table(cell: Cell, found: Sequence[Latency]) -> Table:
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("#", justify="right", no_wrap=True)
    made.add_column("variant", overflow="fold")
    for heading in ("ms", "95 % interval", "p90", "images/s", "memory", "params", "GFLOPs"):
        made.add_column(heading, justify="right", no_wrap=True)
    for one, rank in zip(found, _ranks(cell, found), strict=True):
        subject = one.subject
        made.add_row(
            rank or "",
            Text(plain(subject.name)),
            milliseconds(one.median),
            "" if one.low is None or one.high is None else f"{milliseconds(one.low)} – {milliseconds(one.high)}",
            milliseconds(one.p90),
            three_digits(one.images_per_second),
            "" if subject.memory is None else f"{subject.memory / 2**20:.0f} MiB",
            "" if subject.params is None else f"{subject.params / 1e6:.3f}M",
            "" if subject.gflops is None else gflops_text(subject.gflops),
        )
    return made
