"""`yolograft.load` gives an `ultralytics.YOLO` that works as its users know it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import yolograft
from evaluation.conftest import NAMES, write_weights


@pytest.fixture
def best(weights: Path, tmp_path: Path):
    shutil.copytree(weights.parent, tmp_path / "run" / "checkpoints")
    return yolograft.load(tmp_path / "run")


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (48, 80, 3), np.uint8)


def test_it_is_a_yolo_that_predicts_as_its_model_does(best, image: np.ndarray, tmp_path: Path) -> None:
    from ultralytics import YOLO
    from ultralytics.data.augment import LetterBox
    from ultralytics.utils.nms import non_max_suppression

    assert isinstance(best, YOLO)
    assert (best.names, best.task, best.overrides["imgsz"]) == (NAMES, "detect", 64)
    result = best.predict(image, conf=0.01, verbose=False, save=True, project=str(tmp_path), name="p")[0]
    assert list((tmp_path / "p").glob("*.jpg"))
    shaped = LetterBox((64, 64), auto=True, stride=32)(image=image)
    tensor = torch.from_numpy(shaped[..., ::-1].transpose(2, 0, 1).copy())[None].float() / 255
    with torch.inference_mode():
        direct = non_max_suppression(best.model(tensor), 0.01, 0.7)[0]
    assert len(result.boxes) == len(direct) > 0
    assert torch.allclose(result.boxes.conf, direct[:, 4], atol=1e-4)
    layers, params, *_ = best.info()
    assert params == sum(p.numel() for p in best.model.parameters())
    assert layers > best.fuse().info()[0]
    assert torch.allclose(best.predict(image, conf=0.01, verbose=False)[0].boxes.conf, result.boxes.conf, atol=1e-4)


def test_it_tracks(best, image: np.ndarray) -> None:
    ids = [best.track(image, conf=0.01, persist=frame > 0, verbose=False)[0].boxes.id for frame in range(2)]
    assert len(ids[0]) > 0
    assert set(ids[0].tolist()) & set(ids[1].tolist()), "the same image: the same objects"


def test_without_data_it_is_measured_on_that_of_its_training(best, tmp_path: Path) -> None:
    from yolograft.evaluation.validate import validate

    file = tmp_path / "run" / "checkpoints" / "best.safetensors"
    config: dict[str, Any] = {
        "dataset": {"check": "off"},
        "trust": [],
        "imgsz": None,
        "split": "val",
        "batch": 16,
        "plots": False,
    }
    ours = validate(file, {**config, "device": "cpu", "workers": 0})
    metrics = best.val(project=str(tmp_path), plots=False)
    assert metrics.box.map50 == pytest.approx(ours["mAP50"], abs=1e-6)
    assert metrics.box.mr == pytest.approx(ours["recall"], abs=1e-6)
    assert metrics.nt_per_class.sum() > 0
    assert not list(tmp_path.rglob("*.cache"))


def test_it_is_exported_beside_its_file_and_the_export_runs(best, image: np.ndarray) -> None:
    from ultralytics import YOLO

    exported = Path(best.export(format="torchscript"))
    assert exported == Path(best.ckpt_path).with_suffix(".torchscript")
    there = YOLO(exported, task="detect").predict(image, conf=0.01, rect=False, verbose=False)[0]
    here = best.predict(image, conf=0.01, rect=False, verbose=False)[0]
    assert there.names == NAMES
    assert len(here.boxes) == len(there.boxes) > 0
    assert torch.allclose(here.boxes.data, there.boxes.data, atol=1e-2)


@pytest.mark.slow
def test_it_is_benchmarked_on_its_own_data(best, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = best.benchmark(format="onnx", imgsz=64, device="cpu", verbose=True)
    assert table.row(0)[1:3] == ("ONNX", "✅")


def test_what_would_make_another_model_of_it_is_refused(best, tmp_path: Path) -> None:
    with pytest.raises(yolograft.UserError, match=r"yolograft\.train"):
        best.train(data="coco8.yaml")
    with pytest.raises(yolograft.UserError, match="does not say what it was trained on"):
        yolograft.load(write_weights(tmp_path / "other.safetensors", dataset=None)).val()
