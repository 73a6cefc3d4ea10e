"""Two processes train as one does with the same batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.norm_rank import norm_rank
from helpers.tiny import TINY
from yolograft.training.distributed import launch
from yolograft.training.stopping import StopRequest

TESTS = Path(__file__).parents[1]


def follow(folder: Path, project: str, device: str, *more: str) -> tuple[list[list[float]], Path]:
    """Train 10 steps in double precision and return each one's losses and gradient norm."""
    settings = [*TINY, "dataset.train=40", "dataset.val=10", "dataset.size=96", "imgsz=96", "batch=8", "epochs=2"]
    settings += ["optim.nbs=8", "optim.lr0=0.0005", "optim.warmup_epochs=0", f"device={device}", f"project={project}"]
    settings += more
    settings += ["+callbacks.follow._target_=helpers.follow.Follow", f"+callbacks.follow.path={project}.json"]
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "train", *settings, "+callbacks.follow.double=true"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = (folder / project).iterdir()
    return json.loads((folder / f"{project}.json").read_text()), run


@pytest.mark.parametrize(
    "loss",
    [
        ("loss=ciou",),
        # those that take means over the batch
        pytest.param(("loss=wiou", "loss.classification=slide", "loss.nwd=0.3"), marks=pytest.mark.slow),
        pytest.param(("head=end2end",), marks=pytest.mark.slow),  # two losses with targets of their own
    ],
)
def test_losses_of_two_processes_are_those_of_one(tmp_path: Path, loss: tuple[str, ...]) -> None:
    """In double precision: with float32, rounding alone makes the assignment of boxes to cells differ."""
    one, first = follow(tmp_path, "one", "cpu", *loss)
    two, second = follow(tmp_path, "two", "[cpu,cpu]", *loss)
    assert len(one) == len(two) == 10
    for step, (a, b) in enumerate(zip(one, two, strict=True)):
        assert b == pytest.approx(a, rel=1e-5), f"step {step}"
    records = [json.loads((run / "run.json").read_text()) for run in (first, second)]
    assert [r["status"] for r in records] == ["finished", "finished"]
    assert records[0]["data"] == records[1]["data"]
    for name in ("mAP50", "mAP50-95"):
        assert records[1]["metrics"][name] == pytest.approx(records[0]["metrics"][name], abs=1e-4)
    assert len((second / "metrics.csv").read_text().splitlines()) == 3


def test_norms_see_the_whole_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    x = torch.randn(7, 3, 4, 4, requires_grad=True)
    (norm(x) ** 3).sum().backward()
    launch(2, norm_rank, str(tmp_path), stop=StopRequest())
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert x.grad is not None
    assert norm.weight.grad is not None
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert torch.allclose(torch.cat([parts[0][0], parts[1][0]]), x.grad, atol=1e-5)
    for part in parts:
        assert torch.allclose(part[1], norm.running_mean, atol=1e-6)
        assert torch.allclose(part[2], norm.running_var, atol=1e-6)
    assert torch.allclose(parts[0][3] + parts[1][3], norm.weight.grad, atol=1e-4)
