"""`yolograft export`: trained weights in another format, run there and compared with PyTorch."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from yolograft.cli.bench import Format
from yolograft.cli.command_line import CommandLine
from yolograft.cli.weights import find_weights
from yolograft.common.errors import UserError
from yolograft.common.files import user_folder, user_path
from yolograft.common.metrics import METRIC
from yolograft.common.text import markup, plain
from yolograft.compute.presence import refuse_impossible, refuse_without_cuda
from yolograft.config.schema import Device, Imgsz, Text, Workers
from yolograft.data.places import refuse_absent_path
from yolograft.evaluation.export.formats import FORMATS, PRECISIONS, refuse_missing, refuse_options
from yolograft.evaluation.export.request import Request
from yolograft.evaluation.export.several import Outcome, export_all

_OPTIONS = ("batch", "dynamic", "nms", "opset", "simplify", "workspace")
"""Keys that only some formats take, by ultralytics' names."""


class ExportConfig(Imgsz):
    """The config of `yolograft export`."""

    imgsz: Annotated[int, Field(ge=32, le=65_536)] | None  # type: ignore[assignment]
    dataset: dict[str, Any]
    run: Text | None
    sweep: Text | None
    format: Literal[tuple(FORMATS)]  # type: ignore[valid-type]
    quantize: Literal[tuple(PRECISIONS)]  # type: ignore[valid-type]
    batch: PositiveInt
    dynamic: bool | None
    nms: bool | None
    opset: Annotated[int, Field(ge=9, le=30)] | None
    simplify: bool | None
    workspace: PositiveFloat | None
    calibration: PositiveInt
    verify: bool
    images: PositiveInt | None
    max_loss: NonNegativeFloat | None
    output: Text | None
    device: Device
    workers: Workers
    trust: list[str]

    @model_validator(mode="after")
    def _together(self) -> "ExportConfig":
        refuse_options(self.format, self.quantize, self.device, list(_given(vars(self))))
        if (self.run is None) == (self.sweep is None):
            raise ValueError("run, sweep: say one of them: run=FOLDER exports a run, sweep=FOLDER all of a sweep")
        if self.sweep is not None and self.output is not None:
            raise ValueError("output: belongs to run=; the files of a sweep lie in the folders of its runs")
        return self


def main(line: CommandLine) -> int:
    """Export, and print what became of it.

    Returns:
        1 where a file was refused or could not be written; else 0.
    """
    config = line.config
    refuse_impossible(config["device"])
    form = FORMATS[config["format"]]
    if form.device == "cuda":
        refuse_without_cuda(f"format={config['format']}: {form.title}")
    refuse_missing(config["format"], config["quantize"])
    refuse_absent_path(config["dataset"])
    request = _request(config)
    say = partial(print, file=sys.stderr)
    if config["sweep"] is not None:
        return _export_sweep(user_path(config["sweep"]), request)
    weights = find_weights(config["run"])
    from yolograft.evaluation.export.export import describe, export

    made, file = export(weights, request, say)
    print(plain(f"{file}  {made.size or 0:,} bytes"))
    print(plain(describe(made)))
    return int(made.status == "refused")


def _export_sweep(folder: Path, request: Request) -> int:
    from yolograft.analysis.collect import collect

    runs = [run.path for run in collect([folder]) if run.finished]
    if not runs:
        raise UserError(f"sweep={folder}: no run in it has finished")
    outcomes = export_all(runs, request, lambda line: print(plain(line), file=sys.stderr, flush=True))
    _print(outcomes)
    told = f"yolograft report {folder} shows size and {METRIC} of the files"
    if request.format in get_args(Format):
        told += f", and their latency after yolograft bench sweep={folder} formats={request.format}"
    print(plain(told), file=sys.stderr)
    return int(not all(outcome.is_well for outcome in outcomes))


def _request(config: Mapping[str, Any]) -> Request:
    same = ("format", "quantize", "imgsz", "calibration", "verify", "images", "max_loss", "device", "workers")
    return Request(
        **{key: config[key] for key in same},
        options=_given(config),
        output=user_folder("output", config["output"]) if config["output"] else None,
        dataset=config["dataset"],
        trust=tuple(config["trust"]),
    )


def _given(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were set to something else than their default."""
    return {key: config[key] for key in _OPTIONS if config[key] not in (None, {"batch": 1}.get(key))}


def _print(outcomes: Sequence[Outcome]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("run", "status", "size", METRIC, "in PyTorch", "boxes", "file"):
        table.add_column(name, justify="left" if name in ("run", "status", "file") else "right", overflow="fold")
    for outcome in outcomes:
        run, made = outcome.weights.parent.parent.name, outcome.export
        if made is None:
            table.add_row(markup(run), "failed", "", "", "", "", markup(outcome.error or ""))
            continue
        known = (made.metrics.get(METRIC), made.pytorch.get(METRIC))
        cells = ["" if value is None else f"{value:.4f}" for value in known]
        boxes = "" if made.boxes is None else f"{made.boxes:.1e}"
        told = made.reason if made.status == "refused" else made.file
        table.add_row(
            markup(run), made.status, f"{(made.size or 0) / 1e6:.1f} MB", *cells, boxes, markup(told or made.file)
        )
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
