"""Heads with one-to-one branches: their loss, its schedule, and training and validation without NMS."""

import csv
import json
from typing import Any

import pytest
import torch
from ultralytics.utils import nms

from helpers.models import build_variant, names
from helpers.training import Train
from yolograft.common.errors import UserError
from yolograft.evaluation.validate import validate
from yolograft.model.losses.end_to_end import EndToEndLoss
from yolograft.model.weights import load_detector
from yolograft.upstream.model import E2ELoss

HEADS = ("end2end", "yolo26", "yolov10")


def batch() -> dict[str, torch.Tensor]:
    boxes = torch.tensor([[0.5, 0.5, 0.4, 0.4], [0.3, 0.6, 0.2, 0.3], [0.6, 0.4, 0.5, 0.2]])
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return {"img": images, "cls": torch.zeros(3, 1), "bboxes": boxes, "batch_idx": torch.tensor([0.0, 0.0, 1.0])}


@pytest.mark.parametrize("loss", names("loss"))
@pytest.mark.parametrize("head", HEADS)
def test_any_loss_is_wrapped(head: str, loss: str) -> None:
    model = build_variant(head=head, loss=loss, nc=2).train()
    criterion = model.init_criterion()
    assert isinstance(criterion, EndToEndLoss)
    parts = (criterion.one2many, criterion.one2one)
    assert [(part.assigner.topk, part.assigner.topk2) for part in parts] == [(10, 10), (7, 1)]
    assert {f"{type(part).__module__}.{type(part).__name__}" for part in parts} == {model.spec.loss["_target_"]}
    given = batch()
    total, items = model.loss(given, model(given["img"]))
    assert tuple(items) == ("box_loss", "cls_loss", "dfl_loss")
    total.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_loss_is_both_losses_by_their_weights() -> None:
    model = build_variant(base="yolo26", nc=2).train()
    given = batch()
    answer = model(given["img"])
    criterion = model.init_criterion()
    many = criterion.one2many.loss(answer["one2many"], given)[0]
    one, items = criterion.one2one.loss(answer["one2one"], given)
    total, said = criterion(answer, given)
    assert torch.equal(total, many * 0.8 + one * (1.0 - 0.8))
    assert [float(v) for v in said.values()] == [float(v) for v in items.values()]
    assert tuple(items) == ("box_loss", "cls_loss", "l1_loss")  # stock's word


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_weights_of_an_epoch_are_those_of_stocks_trainer(epochs: int) -> None:
    """Stock updates its loss at the end of each epoch; ours depends on nothing but the epoch."""
    model = build_variant(base="yolo26", nc=2)
    model.args.epochs = epochs
    stock, ours = E2ELoss(model), model.init_criterion()
    expected = []
    for _ in range(epochs):
        expected.append((stock.o2m, stock.o2o))
        stock.update()
    for epoch in reversed(range(epochs)):
        ours.begin_epoch(epoch, epochs)
        assert (ours.o2m, ours.o2o) == expected[epoch]
    assert expected[0] == (0.8, 1 - 0.8)
    if epochs > 1:
        assert expected[-1] == pytest.approx((0.1, 0.9))


def test_one_to_one_branches_do_not_change_the_features() -> None:
    model = build_variant(head="end2end", nc=2).train()
    model(batch()["img"])["one2one"]["scores"].sum().backward()
    assert all(p.grad is None for name, p in model.named_parameters() if ".one2one_" not in name)


@pytest.mark.parametrize("head", HEADS)
@torch.no_grad()
def test_answers_need_no_nms_unless_asked(head: str) -> None:
    model = build_variant(head=head, nc=2).eval()
    assert model.end2end
    assert model(batch()["img"])[0].shape == (2, 84, 6)  # 64 + 16 + 4 cells, all below 300 boxes
    model.model[-1].max_det = 5
    best = model(batch()["img"])[0]
    assert best.shape == (2, 5, 6)
    assert (best[..., 4].diff(dim=1) <= 0).all()
    model.end2end = False
    assert model(batch()["img"])[0].shape == (2, 6, 84)


def test_a_loss_of_another_form_is_refused_in_one_line() -> None:
    model = build_variant(head="end2end", nc=2)
    with pytest.raises(UserError, match=r"loss torch.nn.*L1Loss: a head without NMS needs"):
        EndToEndLoss(model, lambda _: torch.nn.L1Loss())


def test_a_training_without_nms(run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """YOLO26's head on YOLOv8, whose loss is another; validated as the training has, without NMS."""
    asked = []

    def watched(prediction: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append((kwargs["end2end"], prediction[0].shape[-1]))
        return stock(prediction, *args, **kwargs)

    stock = nms.non_max_suppression
    monkeypatch.setattr(nms, "non_max_suppression", watched)
    record, folder = run("base=yolov8", "head=yolo26", "loss=eiou", "optim=musgd", "epochs=2")
    assert (record["status"], record["epochs_done"]) == ("finished", 2)
    assert record["choices"]["base"] == "yolov8"
    assert set(asked) == {(True, 6)}  # which passes boxes through
    with (folder / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(float(row["train/dfl_loss"]) > 0 and float(row["val/dfl_loss"]) > 0 for row in rows)
    best = folder / "checkpoints" / "best.safetensors"
    model, _ = load_detector(best)
    assert model.end2end
    assert json.loads((folder / "predictions.json").read_text())
    settings = {"dataset": {"check": "off"}, "split": "val", "imgsz": None, "batch": 4, "device": "cpu"}
    measured = validate(best, {**settings, "workers": 0, "plots": False, "trust": []})
    assert measured["mAP50-95"] == pytest.approx(record["metrics"]["mAP50-95"], abs=1e-4)
