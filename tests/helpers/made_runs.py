"""Records of runs, as objects and on the way into folders."""

from pathlib import Path
from typing import Any, Protocol

from yolograft.analysis.collect import Run
from yolograft.analysis.comparison import Comparison, Row
from yolograft.common.metrics import COSTS
from yolograft.common.version import __version__

# backbone, neck → params, mAP50-95
FINISHED: dict[tuple[str, str], tuple[int, float]] = {
    ("yolo11", "conv"): (2_582_347, 0.500),
    ("yolo11", "gsconv"): (2_492_587, 0.512),
    ("effv1", "conv"): (1_664_481, 0.431),
    ("effv1", "gsconv"): (1_574_721, 0.425),
    ("mbv3", "conv"): (1_302_118, 0.388),
}


def metrics(value: float) -> dict[str, float]:
    return {"mAP50": value + 0.2, "mAP50-95": value}


def made_run(
    value: float | None, backbone: str = "yolo11", neck: str = "conv", seed: int | None = 0, **fields: Any
) -> Run:
    """A run as `collect` would have read it; one without a value has failed."""
    choices = {"backbone": backbone, "context": "sppf_c2psa", "neck": neck, "head": "detect", "scale": "n"}
    choices |= {"loss": "ciou", "dataset": "shapes"} | fields.pop("choices", {})
    name = f"{backbone}_{neck}_{seed}_{fields.get('fold')}"
    known: dict[str, Any] = {
        "path": Path("multirun/made") / name,
        "name": name,
        "status": "finished" if value is not None else "failed",
        "choices": choices,
        "overrides": (f"backbone={backbone}", f"neck={neck}"),
        "seed": seed,
        "metrics": {} if value is None else metrics(value),
        "epochs": 10,
        "epochs_done": 10,
        "versions": {"yolograft": __version__},
    }
    costs = {"params": 2_500_000} | {key: fields.pop(key) for key in COSTS if key in fields}
    known["costs"] = {key: value for key, value in costs.items() if value is not None}
    return Run(**(known | fields))


def rows_of(comparison: Comparison) -> dict[str, Row]:
    return {row.variant.label: row for row in comparison.rows}


class WriteRun(Protocol):
    """Writes a run's record; what is given overrides or adds to its fields. `config` goes into its config.yaml."""

    def __call__(self, folder: Path, backbone: str = "yolo11", neck: str = "conv", **fields: Any) -> Path: ...


def said(comparison: Comparison, kind: str) -> list[str]:
    """Return the cautions of a kind."""
    return [caution.text for caution in comparison.cautions if caution.kind == kind]
