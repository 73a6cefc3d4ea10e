"""Our metrics are those of ultralytics' own validator on the same weights."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from yolograft.data.dataset import build_dataset
from yolograft.data.loaders import val_loader
from yolograft.data.sources.shapes import shapes
from yolograft.evaluation.validate import evaluate
from yolograft.model.detector import Detector, ModelSpec, build_detector
from yolograft.upstream.confusion import labelled_boxes

BATCH, SIZE = 8, 96


def fitted(spec: ModelSpec, loader: object) -> Detector:
    """Return a detector that finds something: fitted to its own validation images."""
    torch.manual_seed(0)
    model = build_detector(spec).train()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.3  # so few steps must do for the statistics too
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(30):
        for batch in loader:  # type: ignore[attr-defined]
            loss, _ = model({**batch, "img": batch["img"].float() / 255})
            loss.sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


def test_metrics_equal_ultralytics_validator(tmp_path: Path) -> None:
    from ultralytics.models.yolo.detect.val import DetectionValidator

    data = shapes(train=8, val=16, size=SIZE, max_objects=2, seed=5)
    conf = Path(__file__).parents[2] / "conf"
    parts = {
        group: OmegaConf.to_container(OmegaConf.load(conf / group / f"{name}.yaml"))
        for group, name in {"backbone": "yolo11", "context": "sppf_c2psa", "neck": "gsconv", "head": "detect"}.items()
    }
    scale = OmegaConf.to_container(OmegaConf.load(conf / "scale" / "n.yaml"))
    spec = ModelSpec(parts, scale, data.nc, dict(data.names))  # type: ignore[arg-type]
    dataset = build_dataset(data, "val", SimpleNamespace(), imgsz=SIZE, batch=BATCH, augment=False, rect=True)
    loader = val_loader(dataset, BATCH, 0)
    model = fitted(spec, loader)

    ours = evaluate(model, loader, tmp_path / "ours", torch.device("cpu"))
    assert ours["mAP50"] > 0.2  # a comparison of zeros would say nothing

    yaml = tmp_path / "data.yaml"
    content = {"path": data.root, "train": list(data.train), "val": list(data.val), "names": dict(data.names)}
    OmegaConf.save(OmegaConf.create(content), yaml)
    args = {"data": str(yaml), "imgsz": SIZE, "batch": BATCH, "rect": True, "device": "cpu", "plots": False}
    stock = DetectionValidator(args=args, save_dir=tmp_path / "stock")(model=model)
    assert ours["mAP50"] == pytest.approx(stock["metrics/mAP50(B)"], abs=1e-4)
    assert ours["mAP50-95"] == pytest.approx(stock["metrics/mAP50-95(B)"], abs=1e-4)
    assert ours["precision"] == pytest.approx(stock["metrics/precision(B)"], abs=1e-4)
    assert ours["recall"] == pytest.approx(stock["metrics/recall(B)"], abs=1e-4)

    drawn = tmp_path / "drawn"
    drawn.mkdir()
    seen: list[torch.Tensor] = []
    again = evaluate(
        *(model, loader, drawn, torch.device("cpu")),
        plots=True,
        watch=[lambda batch, boxes: seen.append(labelled_boxes(batch, 0)["bboxes"])],
    )
    assert again["mAP50"] == ours["mAP50"]
    assert len(seen) == 2, "both batches, with labels that drawing has not touched"
    assert list(drawn.glob("val_batch*_pred.jpg"))
