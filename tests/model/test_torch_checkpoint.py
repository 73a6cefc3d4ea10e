"""A detector as a `.pt`: opened by a process that knows ultralytics only, and by ours without executing it."""

import json
import os
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.models import build_variant, make_spec
from helpers.pickled_attacks import MARK
from yolograft.cli.command_line import check_command_line
from yolograft.common.errors import UserError
from yolograft.model.detector import build_detector
from yolograft.model.from_config import model_spec
from yolograft.model.torch_checkpoint import stock_twin, write_checkpoint
from yolograft.model.weights import FORMAT, load_detector, save_detector

OPENED = """
import json, sys
if sys.argv[2] == "alone":
    sys.modules["yolograft"] = None  # not installed: importing it raises
import torch
from ultralytics import YOLO
yolo = YOLO(sys.argv[1])
image = torch.arange(3 * 64 * 64).reshape(1, 3, 64, 64) % 251 / 250
with torch.inference_mode():
    total = yolo.model.eval()(image)[0].double().sum().item()
found = yolo.predict(image, conf=0.0, max_det=5, verbose=False, device="cpu")[0]
kind = f"{type(yolo.model).__module__}.{type(yolo.model).__name__}"
print(json.dumps([kind, yolo.names, yolo.overrides["imgsz"], total, len(found.boxes)]))
"""
EXTRA = {"config": {"single_cls": False}, "imgsz": 64}


def opened(file: Path, *, alone: bool, env: dict[str, str]) -> list[Any]:
    process = subprocess.run(
        [sys.executable, "-c", OPENED, str(file), "alone" if alone else "beside"],
        env={**os.environ, **env, "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"},
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def total(weights: Path) -> float:
    image = torch.arange(3 * 64 * 64).reshape(1, 3, 64, 64) % 251 / 250
    with torch.inference_mode():
        return load_detector(weights)[0](image)[0].double().sum().item()


def globals_of(file: Path) -> set[str]:
    """Return the packages that a checkpoint's pickle names."""
    with zipfile.ZipFile(file) as archive:
        pickle = archive.read(next(name for name in archive.namelist() if name.endswith("/data.pkl")))
    return {str(arg).split(".")[0].split(" ")[0] for op, arg, _ in pickletools.genops(pickle) if op.name == "GLOBAL"}


@pytest.mark.parametrize(("neck", "stock"), [("conv", True), ("gsconv", False)])
def test_ultralytics_opens_it(neck: str, stock: bool, tmp_path: Path) -> None:
    model = build_variant(neck=neck, nc=2)
    model.names = {0: "猫", 1: "[a] b"}
    model.spec.names.update(model.names)
    weights, file = tmp_path / "best.safetensors", tmp_path / "模型 [1].pt"
    save_detector(model, weights, EXTRA)
    assert write_checkpoint(weights, file) is stock
    kind, names, imgsz, sum_there, boxes = opened(file, alone=stock, env={"YOLO_CONFIG_DIR": str(tmp_path)})
    assert kind == ("ultralytics.nn.tasks.DetectionModel" if stock else "yolograft.model.detector.Detector")
    assert (names, imgsz, boxes) == ({"0": "猫", "1": "[a] b"}, 64, 5)
    assert sum_there == total(weights)
    assert ("yolograft" in globals_of(file)) is not stock
    assert file.stat().st_size < 1.2 * weights.stat().st_size, "the weights are in it once"

    again, extra = load_detector(file)
    assert (again.spec, extra) == (load_detector(weights)[0].spec, EXTRA)
    assert total(file) == total(weights)


@pytest.mark.parametrize("change", ["scale.width", "context.repeats"])
def test_only_what_is_stock_throughout_passes_for_it(change: str, tmp_path: Path) -> None:
    spec = make_spec(nc=2)
    group, key = change.split(".")
    settings = spec.scale if group == "scale" else spec.parts[group]
    settings[key] = {"width": 0.3, "repeats": 3}[key]
    save_detector(build_detector(spec), tmp_path / "best.safetensors", EXTRA)
    assert write_checkpoint(tmp_path / "best.safetensors", tmp_path / "best.pt") is False


@pytest.mark.parametrize("base", ["yolo12", "yolo26", "yolov10", "yolov8"])
def test_every_base_is_stock(base: str) -> None:
    config = check_command_line("info", [f"base={base}", "nc=2"]).config
    detector = build_detector(model_spec(config, 2)).eval()
    twin = stock_twin(detector)
    assert twin is not None
    assert twin.end2end is detector.end2end


class Evil:
    """Its pickle makes a file when it is opened freely."""

    def __reduce__(self):
        return os.system, (f"touch {MARK}",)


def test_loading_one_executes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    weights, file = tmp_path / "best.safetensors", tmp_path / "best.pt"
    save_detector(build_variant(nc=2), weights, EXTRA)
    write_checkpoint(weights, file)
    checkpoint = torch.load(file, weights_only=False)
    torch.save({**checkpoint, "model": Evil(), "date": Evil()}, file)
    assert total(file) == total(weights), "what it holds of ours is read, whatever else it holds"

    spec = json.loads(checkpoint[FORMAT]["spec"])
    spec["parts"]["neck"]["_target_"] = "os.system"
    for held, said in [
        (Evil(), "was not saved by YOLOGraft"),
        ({"format": Evil()}, "was not saved by YOLOGraft"),
        ({**checkpoint[FORMAT], "state": Evil()}, "do not fit"),
        ({**checkpoint[FORMAT], "spec": Evil()}, "damaged"),
        ({**checkpoint[FORMAT], "spec": json.dumps(spec)}, "'os.system' is not from"),
    ]:
        torch.save({**checkpoint, FORMAT: held}, file)
        with pytest.raises(UserError, match=said):
            load_detector(file)
    assert not (tmp_path / MARK).exists()
    torch.load(file, weights_only=False)
    torch.save({"model": Evil()}, file)
    torch.load(file, weights_only=False)
    assert (tmp_path / MARK).exists(), "opened freely, it does what it is refused for"
