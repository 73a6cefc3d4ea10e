"""The schedule against ultralytics' formulas, and both trainers step by step."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yolograft.compute.norm_act import available
from yolograft.training.recipe import Recipe

OPTIM = {
    "lrf": 0.01,
    "momentum": 0.937,
    "weight_decay": 0.0005,
    "warmup_epochs": 3.0,
    "warmup_momentum": 0.8,
    "warmup_bias_lr": 0.1,
    "cos_lr": False,
    "nbs": 64,
}


def recipe(**changes: object) -> Recipe:
    settings = {"epochs": 10, "batches": 20, "batch": 16, "images": 320, "optim": OPTIM, **changes}
    return Recipe(**settings)  # type: ignore[arg-type]


def test_linear_and_cosine_decay_end_at_lrf() -> None:
    assert recipe().decay(0) == 1.0
    assert recipe().decay(10) == pytest.approx(0.01)
    assert recipe().decay(5) == pytest.approx(0.505)
    cosine = recipe(optim={**OPTIM, "cos_lr": True})
    assert cosine.decay(5) == pytest.approx(0.505)
    assert cosine.decay(2) > recipe().decay(2)


def test_accumulation_grows_to_the_nominal_batch() -> None:
    assert [recipe().accumulate(i) for i in (0, 9, 10, 30, 50, 60, 199)] == [1, 1, 2, 2, 4, 4, 4]
    assert recipe(batch=64).accumulate(150) == 1
    assert recipe(epochs=1, batches=2).accumulate(1) == 2  # never more than there are batches


def test_weight_decay_is_scaled_to_what_a_step_sees() -> None:
    assert recipe().weight_decay == pytest.approx(0.0005)
    assert recipe(batch=128).weight_decay == pytest.approx(0.001)


def test_warmup_leaves_the_last_epoch() -> None:
    assert recipe().warmup == 60
    assert recipe(epochs=2).warmup == 20
    assert recipe(epochs=1).warmup == 0


def test_warmup_moves_rates_and_momenta() -> None:
    weight, bias = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    groups = [{"params": [weight], "param_group": "weight"}, {"params": [bias], "param_group": "bias"}]
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.01
    recipe().apply(optimizer, 0, 0, OPTIM)
    assert [g["lr"] for g in optimizer.param_groups] == [0.0, 0.1]
    assert optimizer.param_groups[0]["momentum"] == 0.8
    recipe().apply(optimizer, 60, 3, OPTIM)
    target = 0.01 * recipe().decay(3)
    assert [g["lr"] for g in optimizer.param_groups] == [target, target]
    assert optimizer.param_groups[0]["momentum"] == 0.937


def parity(settings: str) -> dict[str, dict[str, float]]:
    """The largest differences from stock's training, as `benchmarks/parity.py` finds them."""
    script = Path(__file__).parents[2] / "benchmarks" / "parity.py"
    done = subprocess.run([sys.executable, str(script), *settings.split()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "settings",
    [
        "--epochs 3 --optimizer SGD AdamW",
        "--epochs 7 --optimizer MuSGD --base yolo26",
        pytest.param("--epochs 7 --optimizer SGD MuSGD --base yolo26 yolov10 yolo12 yolov8", marks=pytest.mark.slow),
        pytest.param("--epochs 7 --optimizer SGD --base yolov10 yolo12 --scale l", marks=pytest.mark.slow),
    ],
)
def test_every_step_is_stocks(settings: str) -> None:
    """Both trainers on the same weights and batches; on one machine they agree to the last bit."""
    for name, differences in parity(f"--images 24 --imgsz 64 --batch 8 {settings}").items():
        assert differences["lr"] == differences["momentum"] == 0, name
        assert differences["loss"] <= 1e-6, name
        assert differences["ema"] <= 1e-7, name
        assert differences["gradient_norm"] <= 1e-6, name


@pytest.mark.skipif(not available(torch.float32), reason="norm_act.c is not built, or not for this machine")
def test_with_channels_last_steps_are_stocks_up_to_rounding() -> None:
    """The layout that we train in on a CPU; with PyTorch's own norms in it, the losses differ by 8e-5."""
    (differences,) = parity("--channels-last --images 48 --imgsz 160 --batch 8 --epochs 2 --optimizer SGD").values()
    assert differences["lr"] == differences["momentum"] == 0
    assert differences["loss"] <= 1e-5
    assert differences["ema"] <= 3e-7
    assert differences["gradient_norm"] <= 1e-4


@pytest.mark.parametrize("name", ["SGD", "MuSGD", "Adam", "Adamax", "AdamW", "NAdam", "RAdam", "RMSprop"])
def test_every_optimizer_is_built_with_stocks_groups(name: str) -> None:
    from yolograft.upstream.model import upstream_model
    from yolograft.upstream.training import build_optimizer

    model = upstream_model("yolo11", "n", 2)
    settings = {"optimizer": name, "lr0": 0.01, "momentum": 0.9, "warmup_bias_lr": 0.1}
    optimizer, _ = build_optimizer(model, settings, nc=2, weight_decay=0.0005, iterations=100)
    assert type(optimizer).__name__ == name
    kinds = [group["param_group"] for group in optimizer.param_groups]
    assert {"weight", "bn", "bias"} <= set(kinds)
    decays = {group["param_group"]: group["weight_decay"] for group in optimizer.param_groups}
    assert decays["weight"] == 0.0005
    assert decays["bn"] == decays["bias"] == 0
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == sum(
        p.numel() for p in model.parameters()
    )


@pytest.mark.parametrize(("iterations", "chosen"), [(100, "AdamW"), (10_001, "MuSGD")])
def test_auto_chooses_as_stock_does(iterations: int, chosen: str) -> None:
    from yolograft.upstream.model import upstream_model
    from yolograft.upstream.training import build_optimizer

    settings = {"optimizer": "auto", "lr0": 0.01, "momentum": 0.937, "warmup_bias_lr": 0.1}
    model = upstream_model("yolo11", "n", 2)
    optimizer, used = build_optimizer(model, settings, nc=2, weight_decay=0.0005, iterations=iterations)
    assert type(optimizer).__name__ == chosen
    assert used["warmup_bias_lr"] == 0.0
    assert used["lr0"] == (0.01 if chosen == "MuSGD" else round(0.002 * 5 / 6, 6))
