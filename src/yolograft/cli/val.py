"""`yolograft val`: measure trained weights on a data set."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from yolograft.cli.command_line import CommandLine
from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.common.metrics import EPOCH_METRICS
from yolograft.common.text import markup, plain
from yolograft.config.schema import Imgsz


class ValConfig(Imgsz):
    """The config of `yolograft val`; without a data set or image size, those of the training."""

    imgsz: Annotated[int, Field(ge=32, le=65_536)] | None  # type: ignore[assignment]
    dataset: dict[str, Any]
    run: str
    split: Literal["train", "val", "test"]
    batch: PositiveInt
    device: int | str
    workers: Annotated[int, Field(ge=0)] | Literal["auto"]
    plots: bool
    trust: list[str]
    format: Literal["table", "json"]


def main(line: CommandLine) -> int:
    """Measure and print."""
    config = line.config
    weights = find_weights(config["run"])
    answer = validate(weights, config)
    if config["format"] == "json":
        print(json.dumps(answer))
    else:
        _print(answer)
    return 0


def find_weights(run: str) -> Path:
    """Return the weights that `run=` means: a run's folder or the file itself.

    Raises:
        UserError: If there are none.
    """
    path = user_path(run)
    file = path / "checkpoints" / "best.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"run={run}: there is no {file}; give a run's folder or a best.safetensors")
    return file


def validate(weights: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of saved weights on the data set of the config, or on the one they were trained on."""
    from yolograft.compute.devices import resolve
    from yolograft.compute.reproducible import reproducible
    from yolograft.data.checks import conversions, enforce, summary_lines
    from yolograft.data.dataset import build_dataset
    from yolograft.data.from_config import data_spec
    from yolograft.data.listing import list_notes
    from yolograft.data.module import val_loader
    from yolograft.evaluation.stored import Trained
    from yolograft.model.weights import load_detector
    from yolograft.training.module import evaluate
    from yolograft.upstream.training import quiet

    quiet()
    model, extra = load_detector(weights, trust=tuple(config["trust"]))
    trained = Trained.from_extra(weights, extra)
    imgsz = config["imgsz"] or trained.imgsz
    if imgsz is None:
        raise UserError(f"imgsz=: {weights} does not say at which size it was trained; choose one, as imgsz=640")
    settings = config["dataset"]
    if "_target_" not in settings:
        settings = trained.data_settings(settings["check"], trust=tuple(config["trust"]))
    single = trained.single_cls
    spec = data_spec({"dataset": settings, "single_cls": single})
    if list(spec.names.values()) != list(model.names.values()):
        raise UserError(
            f"dataset: {spec.name} has the classes {', '.join(spec.names.values())}; "
            f"{weights} was trained on {', '.join(model.names.values())}"
        )
    computing = {"precision": "fp32", "channels_last": "auto", "threads": "auto"}
    compute = resolve(config["device"], config["workers"], computing)
    common = {"imgsz": imgsz, "batch": config["batch"], "single_cls": single}
    dataset = build_dataset(spec, config["split"], SimpleNamespace(), augment=False, rect=True, **common)
    if settings["check"] != "off":
        faults = dataset.scan.faults
        read = f"{spec.name}: {spec.origin({config['split']: len(dataset.listed)})}"
        for line in (read, *spec.notes, *list_notes(spec), *summary_lines(faults, 10), *conversions(faults)):
            print(plain(line), file=sys.stderr)
    enforce(settings["check"], dataset.scan.faults)
    loader = val_loader(dataset, config["batch"], compute.workers)
    folder = _plots_folder(weights, f"{spec.name}-{config['split']}")
    with reproducible(0, compute.threads, deterministic=True), TemporaryDirectory() as nowhere:
        place = folder if config["plots"] else Path(nowhere)
        metrics = evaluate(model, loader, place, compute.device, plots=config["plots"], single_cls=single)
    return {**metrics, "weights": str(weights), "dataset": spec.name, "split": config["split"], "imgsz": imgsz}


def _plots_folder(weights: Path, measured: str) -> Path:
    """Return where pictures go: into the run's folder, or beside weights that lie elsewhere."""
    run = weights.parent.parent
    return run / f"val-{measured}" if (run / "run.json").exists() else weights.parent / f"{weights.stem}-val-{measured}"


def _print(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"{answer['weights']} on {answer['dataset']} {answer['split']}, {answer['imgsz']} px"
    table = Table()
    columns = EPOCH_METRICS
    for name in ("class", *columns):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, values in [("all", answer), *answer["per_class"].items()]:  # a class may be called so too
        table.add_row(markup(name), *(f"{values[c]:.4f}" for c in columns))
    console = Console()
    console.print(markup(title), soft_wrap=True)  # a path that can be copied
    console.print(table)
