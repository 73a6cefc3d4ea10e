"""`yolograft bench`: how long detectors take."""

import hashlib
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, PositiveInt, field_validator

from yolograft.cli.command_line import CommandLine
from yolograft.cli.weights import named_weights
from yolograft.common.errors import UserError
from yolograft.common.files import user_folder, user_path
from yolograft.common.parts import MODEL_GROUPS
from yolograft.common.text import plain
from yolograft.compute.presence import refuse_impossible
from yolograft.config.schema import Device, Parts, Place, Text
from yolograft.runs.bench_file import BENCH_FILE, MAX_ROUNDS

if TYPE_CHECKING:
    from yolograft.evaluation.bench.contestants import Contestant

Format = Literal["pytorch", "compile", "torchscript", "onnx", "openvino", "ncnn", "engine", "coreml", "litert"]
Side = Annotated[int, Field(ge=32, le=65_536, multiple_of=32)]
_CHOOSING = (*MODEL_GROUPS, "scale", "nc")


class BenchConfig(Parts):
    """The config of `yolograft bench`."""

    run: Place | Annotated[list[Place], Field(min_length=1)] | None
    sweep: Text | None
    nc: PositiveInt
    imgsz: Side | Annotated[list[Side], Field(min_length=1)]
    batch: PositiveInt | Annotated[list[PositiveInt], Field(min_length=1)]
    device: Device | Annotated[list[Device], Field(min_length=1)]
    formats: Format | Annotated[list[Format], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=6, le=MAX_ROUNDS)]
    warmup: Annotated[int, Field(ge=1)]
    threads: PositiveInt | Literal["auto"]
    memory: bool
    loaded: bool
    trust: list[str]
    out: Text | None
    format: Literal["table", "json"]

    @field_validator("format", mode="before")
    @classmethod
    def _shown(cls, value: object) -> object:
        if value in get_args(Format):
            raise ValueError(f"is how the result is shown: table, json; formats={value} measures {value}")
        return value


def main(line: CommandLine) -> int:
    """Measure, keep the times in bench.json, and print what they say."""
    config = line.config
    found = _runs(line) if config["run"] or config["sweep"] else {}
    devices = _list(config["device"])
    for device in devices:
        refuse_impossible(device)
    folder = _folder(line, found)
    say = partial(print, file=sys.stderr, flush=True)
    from yolograft.evaluation.bench.bench import Settings, bench
    from yolograft.upstream.training import quiet

    quiet()
    settings = Settings(
        devices=devices,
        formats=_list(config["formats"]),
        batches=_list(config["batch"]),
        sizes=_list(config["imgsz"]),
        rounds=config["rounds"],
        warmup=config["warmup"],
        threads=None if config["threads"] == "auto" else config["threads"],
        loaded=config["loaded"],
        memory=config["memory"],
    )
    cells = bench(partial(_contestants, line, found, folder), settings, folder, say)
    from yolograft.render.bench import print_tables, to_json

    if config["format"] == "json":
        print(to_json(cells, folder / BENCH_FILE))
    else:
        print_tables(cells)
    print(plain(str(folder / BENCH_FILE)), file=sys.stderr)
    return 0


def _list(value: Any) -> list[Any]:
    return list(dict.fromkeys(value)) if isinstance(value, list) else [value]


def _runs(line: CommandLine) -> dict[str, Path]:
    """Return the weights that are asked for, by name.

    Raises:
        UserError: There are none, or the command line chooses a variant too.
    """
    run, sweep = line.config["run"], line.config["sweep"]
    if run and sweep:
        raise UserError(f"run={run} sweep={sweep}: say one of them")
    asked = "run" if run else "sweep"
    for argument in line.arguments:
        if (key := argument.lstrip("+~").partition("=")[0]).split(".")[0] in _CHOOSING:
            raise UserError(f"{argument}: the weights of {asked}= say what they are of; leave out {key}")
    if sweep:
        return _of_sweep(user_path(sweep))
    return named_weights(_list(run))


def _of_sweep(folder: Path) -> dict[str, Path]:
    """Return the best weights of one finished run of each variant of a sweep."""
    from yolograft.analysis.collect import collect
    from yolograft.analysis.variants import variants
    from yolograft.runs.weights_file import best_weights

    made = variants(collect([folder])).all
    found = {each.label: best_weights(each.finished[0].path) for each in made if each.finished}
    if not found:
        raise UserError(f"sweep={folder}: no run has finished")
    return found


def _folder(line: CommandLine, found: dict[str, Path]) -> Path:
    """Return where bench.json goes."""
    config = line.config
    if config["out"]:
        return user_folder("out", config["out"])
    if config["sweep"]:
        return user_path(config["sweep"])
    if len(found) == 1 and (weights := next(iter(found.values()))).parent.name == "checkpoints":
        return weights.parent.parent
    what = sorted(map(str, found.values())) or [f"{name}: {each}" for name, each in _variants(line)]
    return Path("runs") / "bench" / hashlib.sha256("\n".join(what).encode()).hexdigest()[:8]


def _contestants(line: CommandLine, found: dict[str, Path], folder: Path) -> "list[Contestant]":
    from yolograft.evaluation.bench.contestants import trained, untrained

    if found:
        trust = line.config["trust"]
        return [trained(name, weights, _within(weights, folder), trust) for name, weights in found.items()]
    return [untrained(name, config) for name, config in _variants(line)]


def _within(weights: Path, folder: Path) -> str | None:
    """Return the name of a run's folder in the folder of bench.json."""
    run = weights.parent.parent.resolve()
    if weights.parent.name != "checkpoints":
        return None
    return "." if run == folder.resolve() else run.name if run.parent == folder.resolve() else None


def _variants(line: CommandLine) -> Sequence[tuple[str, dict[str, Any]]]:
    """Return the variants that the command line describes, each by what distinguishes it."""
    from yolograft.cli.variants import variant_name

    return line.variants or [(variant_name(line.config["choices"]), line.config)]
