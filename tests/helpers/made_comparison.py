"""A sweep made by hand: four backbones × two necks, one failed, one running, one damaged; and single records."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from helpers.made_runs import FINISHED, WriteRun, made_run
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, compare
from yolograft.common.version import __version__
from yolograft.runs import lock


@pytest.fixture
def write_run() -> WriteRun:
    def write(folder: Path, backbone: str = "yolo11", neck: str = "conv", **fields: Any) -> Path:
        choices = {"backbone": backbone, "context": "sppf_c2psa", "neck": neck, "head": "detect", "scale": "n"}
        choices |= {"loss": "ciou", "dataset": "shapes", "logger": "csv"} | fields.pop("choices", {})
        config = fields.pop("config", None)
        record = {
            "status": "finished",
            "identity": "3fa2c1",
            "name": f"{backbone}_{neck}_n_seed0",
            "choices": choices,
            "overrides": [f"backbone={backbone}", f"neck={neck}"],
            "seed": 0,
            "params": 2_582_347,
            "parts": {"backbone": 1, "context": 2, "neck": 3, "head": 4},
            "gflops": 6.3,
            "metrics": {"mAP50": 0.7, "mAP50-95": 0.5, "precision": 0.8, "recall": 0.6, "per_class": {"disc": {}}},
            "best_epoch": 9,
            "epochs_done": 10,
            "epochs": 10,
            "seconds": 83.2,
            "images_per_second": 41.26,
            "versions": {"yolograft": __version__},
            "error": None,
        } | fields
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
        if config is not None:
            (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def sweep(tmp_path: Path, write_run: WriteRun) -> Path:
    folder = tmp_path / "multirun" / "grid"
    for (backbone, neck), (params, value) in FINISHED.items():
        scores = {"mAP50": value + 0.2, "mAP50-95": value, "precision": 0.8, "recall": 0.6}
        write_run(folder / f"{backbone}_{neck}_n", backbone, neck, params=params, metrics=scores)
    error = {"type": "OutOfMemoryError", "message": "no room for | 2 GiB\nsecond line", "traceback": "…"}
    unended: dict[str, Any] = {"metrics": {}, "images_per_second": None, "best_epoch": None}
    write_run(folder / "mbv3_gsconv_n", "mbv3", "gsconv", status="failed", error=error, epochs_done=2, **unended)
    running = write_run(folder / "effv2_conv_n", "effv2", "conv", status="running", epochs_done=3, **unended)
    process = psutil.Process()  # without a living owner a run is not running
    told = {"host": lock.machine(), "pid": process.pid, "started": process.create_time(), "token": "x"}
    (running / lock.LOCK).write_text(json.dumps(told), encoding="utf-8")
    damaged = write_run(folder / "effv2_gsconv_n", "effv2", "gsconv")
    (damaged / "run.json").write_text('{"status": "fini', encoding="utf-8")
    return folder


@pytest.fixture
def grid(sweep: Path) -> Comparison:
    """The comparison of that sweep."""
    return compare(collect([sweep]))


@pytest.fixture
def seeds() -> Comparison:
    """Two backbones × two necks × three seeds, one of effv1 + gsconv failed."""
    values = {
        ("yolo11", "conv"): (0.500, 0.510, 0.490),
        ("yolo11", "gsconv"): (0.520, 0.531, 0.509),
        ("effv1", "conv"): (0.400, 0.440, 0.410),
        ("effv1", "gsconv"): (0.405, None, 0.402),
    }
    runs = [
        made_run(value, backbone, neck, seed, gflops=6.0, seconds=100.0 if neck == "conv" else 91.0)
        for (backbone, neck), three in values.items()
        for seed, value in enumerate(three)
    ]
    return compare(runs)
