"""Parts of the person's own that cannot work are refused when they are composed, in one line with the reason."""

import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.model.contexts.none import NoContext
from yolograft.model.detector import build_detector, gflops
from yolograft.model.heads.detect import detect
from yolograft.model.losses.ciou import CIoULoss
from yolograft.model.necks.conv import ConvNeck


class Works(ConvNeck):
    def __init__(self, features, scale):
        super().__init__(features, scale)
        self.norm = nn.BatchNorm2d(features[-1].channels)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        assert maps[-1].shape[0] > 1 or not self.training
        return super().forward([*maps[:-1], self.norm(maps[-1] * torch.rand(()))])


class NeedsRoom(ConvNeck):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        nn.functional.max_pool2d(maps[-1], 5)  # larger than P5 of a 64 px image
        return super().forward(maps)


class WrongOrder(ConvNeck):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return super().forward(maps[::-1])


class FailsInTraining(ConvNeck):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        if self.training:
            raise RuntimeError("no\ntraining")
        return super().forward(maps)


class Turned(NoContext):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [m.transpose(2, 3) for m in maps]


class Thinner(NoContext):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [m[:, :8] for m in maps]


class Unbuilt(NoContext):
    def __init__(self, features, scale):
        raise KeyError("x")


class Mute(nn.Module):
    def __init__(self, features, nc):
        super().__init__()
        self.inner = detect(features, nc)
        self.stride = self.inner.stride
        self.bias_init = self.inner.bias_init

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.inner(maps)[0] if not self.training else maps[0]


class Strideless(nn.Module):
    def __init__(self, features, nc):
        super().__init__()


def one_more(features, nc):
    return detect(features, nc + 1)


class BadLoss(CIoULoss):
    def __call__(self, preds, batch):
        return preds["nothing"]


OWN = (Works, NeedsRoom, WrongOrder, FailsInTraining, Turned, Thinner, Unbuilt, Mute, Strideless, one_more, BadLoss)


@pytest.fixture(autouse=True)
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("mine_parts")
    for part in OWN:
        monkeypatch.setattr(part, "__module__", "mine_parts")
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, "mine_parts", module)


def composed(spec, **targets):
    made = spec(nc=2, context="none")
    loss = {"_target_": f"mine_parts.{targets.pop('loss')}"} if "loss" in targets else made.loss
    parts = {group: {"_target_": f"mine_parts.{name}"} for group, name in targets.items()}
    return build_detector(replace(made, parts=made.parts | parts, loss=loss), trust=["mine_parts"])


@pytest.mark.parametrize(
    ("targets", "refusal"),
    [
        (
            {"neck": "WrongOrder"},
            r"neck 'mine_parts': its forward fails for an image in evaluation mode .*Sizes of .*pieces\.py:",
        ),
        ({"neck": "FailsInTraining"}, "its forward fails for two images in training mode .*RuntimeError: no training"),
        ({"context": "Turned"}, r"says its levels are .*its forward gives \[\(128, '12×8'\)"),
        (
            {"context": "Thinner"},
            r"says its levels are \[\(128, 8\).*its forward gives \[\(8, 8\), \(8, 16\), \(8, 32\)\]",
        ),
        ({"context": "Unbuilt"}, r"context 'mine_parts' cannot be built: KeyError: 'x' \(.*test_probe\.py:\d+\)"),
        (
            {"head": "one_more"},
            r"head 'mine_parts' gives \(1, 7, 126\) for one image and 2 classes, not \(1, 6, boxes\)",
        ),
        ({"head": "Mute"}, "loss 'ciou' fails on what head 'mine_parts' gives"),
        ({"head": "Strideless"}, "head 'mine_parts' needs stride"),
        ({"loss": "BadLoss"}, "loss 'mine_parts' fails on what head 'detect' gives: KeyError: 'nothing'"),
    ],
)
def test_refused(spec, targets, refusal) -> None:
    with pytest.raises(UserError, match=refusal) as error:
        composed(spec, **targets)
    assert "\n" not in str(error.value)


def test_what_works_is_taken_and_left_as_it_was(spec) -> None:
    torch.manual_seed(0)
    model = composed(spec, neck="Works")
    after = torch.rand(1)
    torch.manual_seed(0)
    composed(spec, neck="Works")
    assert torch.equal(torch.rand(1), after)
    norm = model.model.neck.norm
    assert model.training
    assert norm.training
    assert int(norm.num_batches_tracked) == 0
    assert torch.equal(norm.running_mean, torch.zeros_like(norm.running_mean))
    assert gflops(model, 64) > 0


def test_a_part_that_needs_room_is_not_refused(spec) -> None:
    assert composed(spec, neck="NeedsRoom").training
