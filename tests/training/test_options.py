"""An option that is accepted is used: each changes the training, and those that should not, do not."""

import csv
import json
import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from helpers.training import Train
from yolograft.config.schema import Augment, Optim
from yolograft.upstream.training import Evaluator

CHANGES = {
    "augment.device": "gpu",
    "augment.hsv_h": 0.5,
    "augment.hsv_s": 0.1,
    "augment.hsv_v": 0.1,
    "augment.degrees": 45,
    "augment.translate": 0.4,
    "augment.scale": 0.1,
    "augment.shear": 10,
    "augment.perspective": 0.001,
    "augment.flipud": 1.0,
    "augment.fliplr": 1.0,
    "augment.bgr": 1.0,
    "augment.mosaic": 0.0,
    "augment.mixup": 1.0,
    "augment.cutmix": 1.0,
    "augment.close_mosaic": 1,
    "augment.multi_scale": 0.5,
    "optim.optimizer": "AdamW",
    "optim.lr0": 0.02,
    "optim.lrf": 0.5,
    "optim.momentum": 0.5,
    "optim.weight_decay": 0.1,
    "optim.warmup_epochs": 0,
    "optim.warmup_momentum": 0.1,
    "optim.warmup_bias_lr": 0.0,
    "optim.cos_lr": "true",
    "optim.nbs": 12,
    "optim.backbone_lr": 0.1,
    "optim.backbone_freeze_epochs": 1,
    "loss": "eiou",
    "loss.box": 1.0,
    "loss.cls": 2.0,
    "loss.dfl": 3.0,
    "fraction": 0.5,
    "single_cls": "true",
    "rect": "true",
    "freeze": "neck",
    "progressive": "default",
    "seed": 1,
    "batch": 6,
}
# Steps of these sizes show only where something else is switched on.
BESIDE = {"optim.cos_lr": ("epochs=4",), "augment.close_mosaic": (), "optim.nbs": ("epochs=4",)}
NO_EFFECT = ("cache=false", "cache=disk", "cache_gb=0.00001", "workers=1", "patience=50", "logger=tensorboard")


def losses(folder: Path) -> list[list[str]]:
    """Return the training's losses as written."""
    rows = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    return [[row[key] for key in row if key.startswith(("train/", "val/"))] for row in rows]


BASE: dict[tuple[str, ...], list[list[str]]] = {}


def base(run: Train, extra: tuple[str, ...]) -> list[list[str]]:
    if extra not in BASE:
        BASE[extra] = losses(run("augment.close_mosaic=0", *extra, folder="base")[1])
    return BASE[extra]


@pytest.mark.parametrize("key", CHANGES)
def test_an_option_changes_the_training(key: str, run: Train) -> None:
    extra = BESIDE.get(key, ())
    before = base(run, extra)
    overrides = [o for o in ("augment.close_mosaic=0",) if not o.startswith(key)]
    assert losses(run(*overrides, *extra, f"{key}={CHANGES[key]}")[1]) != before


def test_every_value_of_the_recipe_is_proven() -> None:
    fields = {f"augment.{name}" for name in Augment.model_fields} | {f"optim.{name}" for name in Optim.model_fields}
    assert fields <= set(CHANGES)


@pytest.mark.parametrize("override", NO_EFFECT)
def test_what_should_not_change_it_does_not(override: str, run: Train) -> None:
    assert losses(run("augment.close_mosaic=0", override)[1]) == base(run, ())


def weights(folder: Path) -> dict:
    return load_file(folder / "checkpoints" / "best.safetensors")


@pytest.mark.parametrize(
    ("freeze", "prefix"),
    [("backbone", "model.backbone."), ("[neck.out_p3]", "model.neck.out_p3."), ("2", "model.backbone.stem.")],
)
def test_frozen_modules_keep_weights_and_statistics(freeze: str, prefix: str, run: Train) -> None:
    one = weights(run(f"freeze={freeze}", folder="one")[1])
    two = weights(run(f"freeze={freeze}", "optim.lr0=0.05", folder="two")[1])
    frozen = [name for name in one if name.startswith(prefix)]
    assert frozen
    assert all(one[name].equal(two[name]) for name in frozen)
    assert any(not one[name].equal(two[name]) for name in one if not name.startswith(prefix))


def test_a_waiting_backbone_thaws(run: Train) -> None:
    waits = weights(run("optim.backbone_freeze_epochs=2", folder="waits")[1])
    frozen = weights(run("freeze=backbone", folder="frozen")[1])
    thaws = weights(run("optim.backbone_freeze_epochs=1", "patience=0", "epochs=3", folder="thaws")[1])
    inside = [name for name in waits if name.startswith("model.backbone.") and name.endswith("conv.weight")]
    assert all(waits[name].equal(frozen[name]) for name in inside)
    assert any(not thaws[name].equal(frozen[name]) for name in inside)


def test_fraction_and_single_class_show_in_the_record(run: Train) -> None:
    record, _ = run("fraction=0.5", "single_cls=true")
    assert record["data"]["train"]["images"] == 6
    assert record["data"]["val"]["images"] == 4


def test_patience_ends_a_training_that_does_not_get_better(run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Evaluator.result

    def constant(self, gather=None):
        return {**result(self, gather), "mAP50-95": 0.5}

    monkeypatch.setattr(Evaluator, "result", constant)
    record, folder = run("patience=2", "epochs=9")
    assert record["status"] == "finished"
    assert record["epochs_done"] == len(losses(folder)) == 3


def test_a_time_budget_ends_a_training(run: Train) -> None:
    record, _ = run("time=0.001", "epochs=1000", "patience=0")
    assert record["status"] == "finished"
    assert record["epochs_done"] < 200
    assert 3.0 < record["seconds"] < 30


def test_progressive_learning_grows_image_size_and_augmentation() -> None:
    from yolograft.training.progressive import plan
    from yolograft.training.schedule import Schedule

    stages = plan(epochs=20, imgsz=320, stages=4, smallest=0.5, weakest=0.3)
    assert [(s.first, s.imgsz) for s in stages] == [(0, 160), (5, 224), (10, 256), (15, 320)]
    assert [round(s.strength, 2) for s in stages] == [0.3, 0.53, 0.77, 1.0]
    schedule = Schedule(20, 320, stages=stages)
    assert [schedule.stage(epoch) for epoch in (0, 4, 5, 19)] == [0, 0, 1, 3]
    assert stages[0].augment({"mosaic": 1.0, "fliplr": 0.5}) == {"mosaic": 0.3, "fliplr": 0.5}
    assert [s.imgsz for s in plan(2, 64, 4, 0.5, 0.3)] == [32, 64]


def test_single_class_is_one_class_as_in_stock(run: Train) -> None:
    record, folder = run("single_cls=true")
    assert list(record["metrics"]["per_class"]) in (["item"], [])
    assert weights(folder)["model.head.cv3.0.2.weight"].shape[0] == 1


def test_weights_are_a_start(run: Train, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    from yolograft.common.errors import UserError
    from yolograft.upstream.model import upstream_model

    one = run(folder="one")[1]
    still = ("optim.lr0=1e-9", "optim.warmup_bias_lr=0", "epochs=1")
    with caplog.at_level("INFO"):
        two = run(*still, f"weights={one}/checkpoints/best.safetensors", folder="two")[1]
    assert "Starting from" in caplog.text
    name = "model.neck.out_p3.cv1.conv.weight"
    assert torch.allclose(weights(one)[name], weights(two)[name], atol=1e-6)

    torch.manual_seed(9)
    stock = upstream_model("yolo11", "n", 4)
    torch.save(stock.state_dict(), tmp_path / "stock.pt")
    three = run(*still, f"weights={tmp_path}/stock.pt", folder="three")[1]
    assert torch.allclose(weights(three)["model.backbone.stem.conv.weight"], stock.model[0].conv.weight, atol=1e-6)

    # The table: printed, and in the record; a share below the least is refused before anything is trained.
    found = json.loads((two / "run.json").read_text(encoding="utf-8"))["transfer"]
    assert found["share"] == 1.0
    assert found["parts"]["neck"] == {"matched": 138, "resized": 0, "missing": 0}
    assert re.search(r"part +matched +resized +missing\n", caplog.text)
    assert re.search(r"neck +138 +0 +0\n", caplog.text)
    few = (*still, f"weights={one}", "neck=slim", "weights_min=0.9")
    with pytest.raises(UserError, match=r"\d\d% of the model's tensors, below weights_min=0\.9: backbone (\d+) of \1,"):
        run(*few, folder="five")

    with pytest.raises(UserError, match=r"no weights file 'nowhere\.pt'"):
        run("weights=nowhere.pt", folder="four")


def test_a_time_budget_goes_on_after_a_restart(run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from yolograft.training.callbacks.journal import Journal

    write = Journal._write_epoch

    def cut(self, trainer, module, row, fitness):
        write(self, trainer, module, row, fitness)
        if module.epoch == 4:
            raise RuntimeError("cut off")

    monkeypatch.setattr(Journal, "_write_epoch", cut)
    with pytest.raises(RuntimeError, match="cut off"):
        run("time=0.003", "epochs=1")
    monkeypatch.undo()
    record, _ = run("time=0.003", "epochs=1")
    assert record["status"] == "finished"
    assert record["epochs_done"] > 5
