"""How long `yolograft report` takes for a large sweep: 500 made-up runs, 100 variants of five seeds each.

    python benchmarks/report.py [RUNS]

The records are made here, nothing is trained. Every tenth run has failed, and each has a whole config.yaml as runs of
`yolograft train` have. Printed are the seconds of each step in one process, and of the command as a user starts it.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.common.version import __version__
from yolograft.render.forms.csv import runs_to_csv, to_csv
from yolograft.render.forms.json import to_json
from yolograft.render.forms.latex import to_latex
from yolograft.render.forms.markdown import to_markdown
from yolograft.render.table import table

BACKBONES, NECKS, SCALES, SEEDS = (
    ("yolo11", "effv1", "effv2", "mbv3", "timm"),
    ("conv", "gsconv", "slim", "x"),
    "nsmlx",
    5,
)
CLASSES = 20


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "large"
        write_sweep(folder, runs)
        found = timed("read the records", lambda: collect([folder]))
        comparison = timed("compare (with the imports of scipy and statsmodels)", lambda: compare(found))
        timed("compare again", lambda: compare(found))
        shown = table(comparison)
        for form in (to_markdown, to_csv, runs_to_csv, to_json, to_latex):
            timed(form.__name__, lambda form=form: form(shown))  # type: ignore[misc]
        print(
            f"{len(found)} runs, {len(comparison.rows)} variants, {len(comparison.effects.interactions)} interactions"
        )
        command = [sys.executable, "-m", "yolograft", "report", f"runs={folder}"]
        timed("yolograft report, all files written", lambda: subprocess.run(command, check=True, capture_output=True))


def timed(what: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    made = work()
    print(f"{time.perf_counter() - began:7.2f} s  {what}", flush=True)
    return made


def write_sweep(folder: Path, runs: int) -> None:
    draw = random.Random(0)
    config = config_text()
    for place, (backbone, neck, scale, seed) in enumerate(product(BACKBONES, NECKS, SCALES, range(SEEDS))):
        if place == runs:
            return
        run = folder / f"{backbone}_{neck}_{scale}_seed{seed}"
        run.mkdir(parents=True)
        value = 0.3 + 0.05 * SCALES.index(scale) + 0.01 * NECKS.index(neck) + draw.gauss(0, 0.01)
        metrics = {"mAP50-95": value, "mAP50": value + 0.2, "precision": 0.8, "recall": 0.6}
        failed = place % 10 == 9
        record = {
            "status": "failed" if failed else "finished",
            "name": run.name,
            "choices": {"backbone": backbone, "neck": neck, "scale": scale, "context": "sppf_c2psa", "head": "detect",
                        "loss": "ciou", "dataset": "shapes", "optim": "auto", "augment": "default"},
            "seed": seed,
            "params": 2_600_000 + 100_000 * SCALES.index(scale),
            "parts": {"backbone": 1_000_000, "context": 400_000, "neck": 700_000, "head": 500_000},
            "gflops": 6.0,
            "metrics": {} if failed else {**metrics, "per_class": {f"class {c}": metrics for c in range(CLASSES)}},
            "epochs": 100,
            "epochs_done": 3 if failed else 100,
            "seconds": 4000.0,
            "images_per_second": 100.0,
            "versions": {"yolograft": __version__},
            "error": {"type": "RuntimeError", "message": "boom", "traceback": "line\n" * 40} if failed else None,
        }  # fmt: skip
        (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
        (run / "config.yaml").write_text(config.replace("SEED", str(seed)), encoding="utf-8")
        rows = "".join(f"{epoch},{','.join([str(draw.random())] * 13)}\n" for epoch in range(1, 101))
        (run / "metrics.csv").write_text(HEADING + rows, encoding="utf-8")


HEADING = (
    "epoch,train/box_loss,train/cls_loss,train/dfl_loss,metrics/precision,metrics/recall,metrics/mAP50,"
    "metrics/mAP50-95,val/box_loss,val/cls_loss,val/dfl_loss,lr/pg0,lr/pg1,lr/pg2\n"
)


def config_text() -> str:
    """A resolved config as `yolograft train` writes it."""
    command = [sys.executable, "-m", "yolograft", "train", "--cfg", "job", "--resolve"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return text.replace("seed: 0\nseeds", "seed: SEED\nseeds").replace("\nseed: 0\n", "\nseed: SEED\n")


if __name__ == "__main__":
    main()
