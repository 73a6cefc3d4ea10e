"""Does every composition export? Boxes and mAP of each file in its own runtime, beside PyTorch's.

    nice python benchmarks/exports.py [BACKBONE …]

Every backbone of conf/backbone under every neck of conf/neck, at n, written as ONNX, OpenVINO, TorchScript and NCNN
by what `yolograft export` calls. Weights are fitted to a few drawn images until they find something, since equal mAP
says nothing where it is 0. The table in benchmarks/results/exports_cpu.txt is written anew after each row; started
again, the script does what is missing or failed. Each composition has a process of its own: a runtime that crashes
is a row.
"""

import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.fitted import IMAGES, SIZE, fitted_weights
from helpers.models import names
from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.common.metrics import METRIC
from yolograft.common.times import duration
from yolograft.evaluation.bench.bench import hardware
from yolograft.evaluation.export.export import export
from yolograft.evaluation.export.request import Request

RESULT = Path(__file__).parent / "results" / "exports_cpu.txt"
FORMATS = ("onnx", "openvino", "torchscript", "ncnn")
STOCK = {"yolo11", "conv"}
"""Compositions with one of these come first: they have every part once."""
STEPS = (40, 120, 360)
"""How often weights are fitted, until their mAP50-95 is above `LEAST`."""
LEAST = 0.01
PACKAGES = ("torch", "ultralytics", "timm", "onnx", "onnxruntime", "openvino", "ncnn", "pnnx")
COLUMNS = f"{'backbone':14}{'neck':9}{'format':13}{'outcome':9}{'boxes':>8}{METRIC:>10}{'PyTorch':>9}{'MB':>7}{'s':>6}"

Key = tuple[str, ...]
"""Backbone, neck, format."""


def main() -> int:
    """Export what is not in the record yet."""
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or names("backbone")
    pairs = sorted(product(chosen, names("neck")), key=STOCK.isdisjoint)
    rows = recorded()
    missing = {pair: [each for each in FORMATS if not is_well(rows.get((*pair, each), ""))] for pair in pairs}
    missing = {pair: formats for pair, formats in missing.items() if formats}
    began, total, done = time.monotonic(), sum(map(len, missing.values())), 0
    for pair, formats in missing.items():
        for form, row in made(pair, formats):
            rows[(*pair, form)] = row
            write(rows)
            done += 1
            left = (time.monotonic() - began) / done * (total - done)
            print(f"{row}   {done} of {total}, about {duration(left)} left", flush=True)
    return int(not all(map(is_well, rows.values())))


def made(pair: tuple[str, str], formats: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the row of each format; where a process dies, the format it was at has failed, and another goes on."""
    fork, left = multiprocessing.get_context("fork"), list(formats)
    while left:
        ours, theirs = fork.Pipe(duplex=False)
        process = fork.Process(target=work, args=(pair, left.copy(), theirs))
        process.start()
        theirs.close()
        try:
            while left:
                row = ours.recv()
                yield left.pop(0), row
        except EOFError:
            process.join()
            died = signal.Signals(-process.exitcode).name if (process.exitcode or 0) < 0 else "ended early"
            form = left.pop(0)
            yield form, f"{label(*pair, form)}{'failed':9} {died}"
        process.join()


def work(pair: tuple[str, str], formats: list[str], rows: Connection) -> None:
    """Fit weights, export them, and send the rows."""
    backbone, neck = pair
    with TemporaryDirectory() as folder:
        for steps in STEPS:
            weights = fitted_weights(Path(folder) / f"{steps}.safetensors", steps, backbone=backbone, neck=neck)
            found, _ = export(weights, request("pt"), str)
            if found.pytorch[METRIC] > LEAST:
                break
        for form in formats:
            rows.send(row(pair, weights, form))


def row(pair: tuple[str, str], weights: Path, form: str) -> str:
    """Export and return what came of it."""
    try:
        made, _ = export(weights, request(form), str)
    except UserError as problem:
        return f"{label(*pair, form)}{'failed':9} {problem}"
    ours, theirs = made.metrics[METRIC], made.pytorch[METRIC]
    boxes = "none" if made.boxes is None else f"{made.boxes:.0e}"
    numbers = f"{boxes:>8}{ours:10.4f}{theirs:9.4f}{(made.size or 0) / 1e6:7.1f}{made.seconds:6.1f}"
    return f"{label(*pair, form)}{made.status:9}{numbers}" + (f"  {made.reason}" if made.reason else "")


def request(form: str) -> Request:
    """Return what `yolograft export format=…` asks for."""
    return Request(form, workers=0, dataset={"check": "warn"})


def label(backbone: str, neck: str, form: str) -> str:
    """Return how a row begins."""
    return f"{backbone:14}{neck:9}{form:13}"


def recorded() -> dict[Key, str]:
    """Return the rows of the record, by what they are of."""
    lines = RESULT.read_text(encoding="utf-8").splitlines() if RESULT.exists() else []
    return {tuple(words[:3]): line for line in lines if len(words := line.split()) > 3 and words[2] in FORMATS}


def is_well(line: str) -> bool:
    """Whether a row is there and says that the file is good."""
    return "good" in line.split()[3:4]


def summary(form: str, lines: list[str]) -> str:
    """Return a format's row of the summary: its files, those that are good, and their largest differences."""
    good = [line.split() for line in lines if is_well(line)]
    boxes = max((float(words[4]) for words in good), default=0)
    apart = max((abs(float(words[5]) - float(words[6])) for words in good), default=0)
    return f"{form:13}{len(lines):6}{len(good):6}{boxes:15.0e}{apart:24.4f}"


def write(rows: dict[Key, str]) -> None:
    """Write the record."""
    text = [
        f"{hardware(torch.device('cpu'))}, one thread",
        ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        f"Scale n, {SIZE} px, float32, on the {IMAGES} images that the weights were fitted to. boxes: largest",
        "difference to PyTorch's, as a share of the longer side; s: to write the file, on a busy machine.",
        f"good: boxes within 1e-3, {METRIC} within 0.002.",
        "",
        f"{'':13}{'files':>6}{'good':>6}{'boxes at most':>15}{f'{METRIC} apart at most':>24}",
        *(summary(form, [rows[key] for key in rows if key[2] == form]) for form in FORMATS),
        "",
        COLUMNS,
        *(rows[key] for key in sorted(rows)),
    ]
    atomic_write(RESULT, ("\n".join(text) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
