"""Trained freely, do both reach the same mAP? Stock's trainer and ours on a data set, several seeds each.

    python benchmarks/free_training.py --data data.yaml --imgsz 256 --epochs 30 --seeds 0 1 2

Trains stock YOLO11, ours in fp32, and ours at its defaults; prints the mean and standard deviation of mAP50-95 beside
each other. Each result is written to `--out` as soon as it exists; started again, what is there is not repeated.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

KINDS = ("stock", "ours fp32", "ours default")


def train_ours(options: Any, seed: int, precision: str, folder: str) -> dict[str, float]:
    """Train with the program, as a user does, and return its metrics."""
    command = [
        sys.executable,
        "-m",
        "yolograft",
        "train",
        "dataset=yolo",
        f"dataset.path={options.data}",
    ]
    command += [f"{key}={getattr(options, key)}" for key in ("imgsz", "epochs", "batch", "device", "scale")]
    command += [f"seed={seed}", f"trainer.precision={precision}", "trainer.plots=false"]
    subprocess.run(command, cwd=folder, check=True)
    (record,) = Path(folder).glob("runs/*/run.json")
    metrics = json.loads(record.read_text(encoding="utf-8"))["metrics"]
    return {name: metrics[name] for name in ("mAP50", "mAP50-95")}


def train_stock(options: Any, seed: int, folder: str) -> dict[str, float]:
    """Train with ultralytics' trainer in a process of its own and return the metrics of its best weights."""
    command = [sys.executable, __file__, "--data", options.data, "--stock-run", str(seed), "--out", f"{folder}/metrics"]
    command += [f"--{key}={getattr(options, key)}" for key in ("imgsz", "epochs", "batch", "device", "scale")]
    subprocess.run(command, cwd=folder, check=True)
    metrics = json.loads(Path(folder, "metrics").read_text(encoding="utf-8"))
    return {"mAP50": metrics["metrics/mAP50(B)"], "mAP50-95": metrics["metrics/mAP50-95(B)"]}


def stock_run(options: Any) -> None:
    """Be that process."""
    import torch
    from omegaconf import OmegaConf

    from yolograft.compute.sharing import cores
    from yolograft.data.sources.yolo import yolo
    from ultralytics.models.yolo.detect.train import DetectionTrainer  # isort: skip

    spec = yolo(path=options.data)
    content = {"path": spec.root, "train": list(spec.train), "val": list(spec.val), "names": dict(spec.names)}
    with tempfile.TemporaryDirectory() as folder:
        OmegaConf.save(OmegaConf.create(content), Path(folder) / "data.yaml")
        settings = {key: getattr(options, key) for key in ("imgsz", "epochs", "batch", "device")}
        settings |= {"model": f"yolo11{options.scale}.yaml", "data": f"{folder}/data.yaml", "seed": options.stock_run}
        settings |= {"amp": options.device != "cpu", "plots": False, "project": folder, "pretrained": False}
        trainer = DetectionTrainer(overrides=settings)
        # Stock leaves a core of a CPU idle; as many threads for both, so that this takes no longer than it must.
        trainer.add_callback("on_train_start", lambda _: torch.set_num_threads(cores()))
        trainer.train()
        metrics = {key: float(value) for key, value in trainer.metrics.items() if key.startswith("metrics/")}
    Path(options.out).write_text(json.dumps(metrics), encoding="utf-8")


def main() -> None:
    """Train what is missing and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a data.yaml")
    parser.add_argument("--imgsz", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--scale", default="n")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="which trainings; default: all three")
    parser.add_argument("--out", default="free_training.json")
    parser.add_argument("--stock-run", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.data = str(Path(options.data).resolve())
    if options.stock_run is not None:
        stock_run(options)
        return
    out = Path(options.out).resolve()
    done = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    for seed in options.seeds:
        for kind in options.kinds:
            if (key := f"{kind}, seed {seed}") in done:
                continue
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                if kind == "stock":
                    metrics = train_stock(options, seed, folder)
                else:
                    metrics = train_ours(options, seed, "fp32" if kind == "ours fp32" else "auto", folder)
            done[key] = {**metrics, "seconds": round(time.monotonic() - began, 1)}
            out.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
            print(key, done[key], flush=True)
    print(f"\n{options.epochs} epochs at {options.imgsz} px, batch {options.batch}, {options.device}")
    print("| training | mAP50 | mAP50-95 | seconds |\n|---|---|---|---|")
    for kind in options.kinds:
        rows = [done[f"{kind}, seed {seed}"] for seed in options.seeds]
        cells = []
        for name in ("mAP50", "mAP50-95", "seconds"):
            values = [row[name] for row in rows]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            digits = 1 if name == "seconds" else 4
            cells.append(f"{statistics.mean(values):.{digits}f} ± {spread:.{digits}f}")
        print(f"| {kind} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
