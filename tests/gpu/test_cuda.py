"""What only a GPU shows: `make test-gpu`. With YOLOGRAFT_GPU_TESTS_ON=cpu they run, as far as they can, without one."""

import contextlib
import csv
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from helpers.tiny import record

DEVICE = os.environ.get("YOLOGRAFT_GPU_TESTS_ON", "cuda")
ON_CUDA = DEVICE != "cpu"
LIMIT = 120 if ON_CUDA else 600
"""Seconds of one training."""

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ON_CUDA and not torch.cuda.is_available(), reason="no CUDA device"),
]
needs_cuda = pytest.mark.skipif(not ON_CUDA, reason="of CUDA alone")

SMALL = (
    *("dataset.train=32", "dataset.val=8", "dataset.size=96", "imgsz=96", "batch=8", "epochs=2", "optim=sgd"),
    *("optim.nbs=16", "trainer.plots=false", "trainer.threads=1", "workers=2" if ON_CUDA else "workers=0"),
    f"trainer.precision={'auto' if ON_CUDA else 'fp32'}",
)
PRECISIONS = ("fp32", "bf16", "fp16") if ON_CUDA else ("fp32", "bf16")
HOW = [(precision, "false") for precision in PRECISIONS] + [("fp16", "true")] * ON_CUDA
"""Precision, and whether passes are recorded."""

LIMITED = """
import runpy, sys, torch
torch.cuda.set_per_process_memory_fraction(float(sys.argv.pop(1)))
sys.argv[0] = "yolograft"
runpy.run_module("yolograft", run_name="__main__", alter_sys=True)
"""
"""The program, with a share of the device's memory."""


_started: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Kill what a test that failed has left running: it would slow down all that follows."""
    yield
    while _started:
        process = _started.pop()
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            process.kill()
            process.wait()


def start(folder: Path, *arguments: str, program: tuple[str, ...] = ("-m", "yolograft")) -> subprocess.Popen[bytes]:
    """Start the program with its output in a file: a pipe that nobody reads fills up."""
    said = (folder / f"said-{len(list(folder.glob('said-*')))}.txt").open("w")
    with said:
        process = subprocess.Popen(
            [sys.executable, *program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    _started.append(process)
    return process


def said(folder: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(folder.glob("said-*")))


def end(process: subprocess.Popen[bytes], folder: Path, seconds: float = LIMIT) -> None:
    assert process.wait(seconds) == 0, said(folder)[-3000:]


def train(folder: Path, *overrides: str, program: tuple[str, ...] = ("-m", "yolograft")) -> dict[str, Any]:
    """Train to the end and return run.json."""
    end(start(folder, "train", *SMALL, f"device={DEVICE}", *overrides, program=program), folder)
    return record(only(folder / "runs"))


def only(project: Path) -> Path:
    (found,) = project.glob("*/run.json")
    return found.parent


def rows(folder: Path) -> list[dict[str, str]]:
    try:
        with (folder / "metrics.csv").open() as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        return []


def seen_device(told: str) -> bool:
    return told == ("cuda:0" if ON_CUDA else "cpu")


@pytest.mark.parametrize(("precision", "graph"), HOW)
def test_killed_it_goes_on_to_the_same_numbers(tmp_path: Path, precision: str, graph: str) -> None:
    """Three trainings side by side: one that is left alone, the same again, and one that is killed and goes on."""
    how = (f"trainer.precision={precision}", f"trainer.cuda_graph={graph}")
    arguments = ("train", *SMALL, "epochs=6", f"device={DEVICE}", *how)
    places = {name: tmp_path / name for name in ("whole", "again", "cut")}
    for place in places.values():
        place.mkdir()
    running = {name: start(place, *arguments) for name, place in places.items()}
    deadline = time.monotonic() + LIMIT
    while not any(len(rows(file.parent)) >= 2 for file in places["cut"].glob("runs/*/run.json")):
        assert time.monotonic() < deadline
        assert running["cut"].poll() is None, said(places["cut"])[-3000:]
        time.sleep(0.02)
    running["cut"].kill()
    running["cut"].wait()
    assert record(only(places["cut"] / "runs"))["status"] == "running", "it had ended before it was killed"
    end(start(places["cut"], *arguments), places["cut"])
    for name in ("whole", "again"):
        end(running[name], places[name])
    assert "Going on after" in said(places["cut"])

    whole, again, cut = (only(place / "runs") for place in places.values())
    told = record(whole)
    assert seen_device(told["device"])
    assert told["precision"] == {"fp32": "fp32", "bf16": "bfloat16", "fp16": "float16"}[precision]
    assert len(rows(whole)) == 6
    assert all(math.isfinite(float(value)) for row in rows(whole) for value in row.values())
    assert (again / "metrics.csv").read_text() == (whole / "metrics.csv").read_text(), "not the same when repeated"
    assert (cut / "metrics.csv").read_text() == (whole / "metrics.csv").read_text(), "not the same after a kill"


@needs_cuda
def test_the_batch_that_fits_is_found(tmp_path: Path) -> None:
    told = train(tmp_path, "batch=-1", "epochs=1", "imgsz=320")
    assert told["status"] == "finished"
    assert 1 <= told["batch"] <= 32


@needs_cuda
def test_a_batch_too_large_for_the_memory_is_halved(tmp_path: Path) -> None:
    share = 3.5e9 / torch.cuda.get_device_properties(0).total_memory
    program = ("-c", LIMITED, str(share))
    told = train(tmp_path, "batch=32", "epochs=1", "imgsz=640", "trainer.precision=fp32", program=program)
    assert "ran out of memory with batch=32: trying 16" in said(tmp_path)
    assert told["status"] == "finished"
    assert told["batch"] in (16, 8, 4)


@needs_cuda
def test_a_gpu_has_many_names_and_a_run_one(tmp_path: Path) -> None:
    """However the device is named, it is the same run, which is finished once."""
    told = train(tmp_path, "epochs=1")
    assert seen_device(told["device"])
    for name in ("0", "cuda:0"):
        again = start(tmp_path, "train", *SMALL, "epochs=1", f"device={name}")
        end(again, tmp_path)
    assert said(tmp_path).count("is finished already") == 2


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path) -> None:
    process = start(tmp_path, "train", *SMALL, "device=97")
    assert process.wait(LIMIT) == 2
    assert "there is no GPU 97" in said(tmp_path)


def test_metrics_equal_ultralytics_validator(tmp_path: Path) -> None:
    """Of weights that find something: the demo's recipe, a few epochs of it."""
    from ultralytics.models.yolo.detect.val import DetectionValidator

    from yolograft.model.weights import load_detector

    recipe: tuple[str, ...] = (
        "dataset.train=256",
        "dataset.val=64",
        "dataset.size=128",
        "imgsz=128",
        "batch=16",
        "augment=none",
    )
    recipe += ("optim=adamw", "optim.lr0=0.005", "optim.nbs=16", "optim.warmup_epochs=1", "epochs=8")
    told = train(tmp_path, *recipe)
    assert told["metrics"]["mAP50"] > 0.05, "a comparison of zeros would say nothing"
    run = only(tmp_path / "runs")
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "val", f"run={run}", f"device={DEVICE}", "format=json", "batch=16"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ours = json.loads(done.stdout)

    (root,) = {
        Path(file).parent
        for file in Path(os.environ["YOLOGRAFT_CACHE"]).glob("shapes/*/finished.json")
        if json.loads(Path(file).read_text())["size"] == 128
    }
    yaml = tmp_path / "data.yaml"
    names = json.dumps(["circle", "square", "triangle", "star"])
    yaml.write_text(f"path: {json.dumps(str(root))}\ntrain: images/train\nval: images/val\nnames: {names}\n")
    args = {"data": str(yaml), "imgsz": 128, "batch": 16, "rect": True, "device": DEVICE, "plots": False}
    model = load_detector(run / "checkpoints" / "best.safetensors")[0].to(DEVICE).eval()
    stock = DetectionValidator(args=args, save_dir=tmp_path / "stock")(model=model)
    for name, key in (("mAP50", "mAP50"), ("mAP50-95", "mAP50-95"), ("precision", "precision"), ("recall", "recall")):
        assert ours[name] == pytest.approx(stock[f"metrics/{key}(B)"], abs=1e-4), name


@needs_cuda
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_recorded_passes_end_in_the_same_numbers(tmp_path: Path, precision: str) -> None:
    """`trainer.cuda_graph`: the last batch of an epoch is smaller, gradients of two batches make a step."""
    choices = (f"trainer.precision={precision}", "dataset.train=36", "epochs=3")
    for name, graph in (("usual", "false"), ("replayed", "true")):
        (tmp_path / name).mkdir()
        train(tmp_path / name, *choices, f"trainer.cuda_graph={graph}")
    assert "cannot be recorded" not in said(tmp_path / "replayed")
    usual, replayed = (rows(only(tmp_path / name / "runs")) for name in ("usual", "replayed"))
    assert len(usual) == len(replayed) == 3
    for before, after in zip(usual, replayed, strict=True):
        for key, value in before.items():
            assert float(after[key]) == pytest.approx(float(value), rel=1e-3, abs=1e-4), key


def test_two_runs_share_a_device(tmp_path: Path) -> None:
    """`jobs_per_gpu=2`: both run at the same time, and each has half of the processors."""
    count = "hydra.launcher.jobs_per_gpu=2" if ON_CUDA else "hydra.launcher.n_jobs=2"
    launcher = ("hydra/launcher=joblib", count, "device=auto" if ON_CUDA else "device=cpu")
    end(start(tmp_path, "train", "-m", *SMALL, "seed=0,1", "name=pair", *launcher), tmp_path)
    told = [record(file.parent) for file in (tmp_path / "multirun/pair").glob("*/run.json")]
    assert [run["status"] for run in told] == ["finished"] * 2
    assert all(seen_device(run["device"]) for run in told)
    assert max(run["started"] for run in told) < min(run["finished"] for run in told), "one after the other"
