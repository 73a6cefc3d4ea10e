"""Folding batch norms: the same answers, no norm left behind a convolution, and no wrong pair."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import nn

from helpers.models import build_variant, names
from yolograft.model.detector import gflops
from yolograft.model.fold import fold, fold_norms, norms_left
from yolograft.model.weights import save_detector
from yolograft.upstream.model import upstream_model


@pytest.fixture(autouse=True)
def same_weights():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@torch.no_grad()
def trained(model):
    """Give every batch norm weights and statistics as a training leaves them, so that a norm that is lost shows.

    The statistics are those of many images: with others the values explode on the way, and the head answers the same
    to all.
    """
    generator = torch.Generator().manual_seed(0)
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        if norm.weight is not None:
            norm.weight.copy_(torch.rand(norm.weight.shape, generator=generator) + 0.5)
            norm.bias.copy_(torch.rand(norm.bias.shape, generator=generator) * 0.6 - 0.3)
        norm.momentum = None  # the mean over all batches
    with torch.random.fork_rng(devices=[]):
        model.train()(torch.rand(32, 3, 64, 64, generator=generator))
    return model.eval()


@torch.no_grad()
def answer(model):
    """Return a detector's answer in float64, whatever it computes in."""
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = model(image.to(next(model.parameters()).dtype))[0].double()
    assert found.std(dim=2).min() > 0  # it looks at the image
    return found


def difference(one, other):
    """Return the largest difference of two detectors' answers: pixels of boxes, and scores."""
    return (answer(one) - answer(other)).abs().max().item()


def rounds_alike(model, folded):
    """Whether answers in float32 lie as far from those in float64 with folding as without, to an order of magnitude.

    These weights are random and carry rounding far: an absolute limit would say more of them than of folding.
    """
    plain, merged = answer(model), answer(folded)
    exact = answer(copy.deepcopy(model).double())
    own, both = ((each - exact).square().mean().sqrt().item() for each in (plain, merged))
    return both <= 10 * own + 1e-4


NECKS = names("neck")
MEETINGS = [(backbone, NECKS[place % len(NECKS)]) for place, backbone in enumerate(names("backbone"))]
MEETINGS += [("yolo11", neck) for neck in NECKS if ("yolo11", neck) not in MEETINGS]
LARGE = ("swin", "repvit", "hgnetv2", "mobileone")
PRE_NORM: dict[str, tuple[str, ...]] = {"lsknet": (".norm1", ".norm2")}
"""Norms that follow no convolution, but the sum of a block's two branches."""
PAIRS = [*itertools.product(names("backbone"), NECKS)]
"""All of them; those in `MEETINGS` in the quick suite."""


@pytest.mark.parametrize(
    ("backbone", "neck"),
    [
        pair if pair in MEETINGS and pair[0] not in LARGE else pytest.param(*pair, marks=pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_every_backbone_and_neck(backbone, neck):
    model = trained(build_variant(backbone=backbone, neck=neck, nc=2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded = fold(model)
    assert all(name.endswith(PRE_NORM.get(backbone, ())) for name in norms_left(folded)), norms_left(folded)
    assert rounds_alike(model, folded)
    assert sum(p.numel() for p in folded.parameters()) < sum(p.numel() for p in model.parameters())
    assert folded.is_fused()
    assert not model.is_fused()
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    model = model.double()
    assert difference(model, fold(model)) <= 1e-9  # pixels


@pytest.mark.parametrize(
    ("model", "left"),
    [
        ("repvit_m1", 0),
        pytest.param("repghostnet_050", 0, marks=pytest.mark.slow),
        pytest.param("fastvit_t8", 0, marks=pytest.mark.slow),
        pytest.param("tiny_vit_5m_224", 0, marks=pytest.mark.slow),
        # Pre-activation: a norm takes a concatenation or a sum.
        pytest.param("densenet121", 62, marks=pytest.mark.slow),
    ],
)
def test_timms_families(model, left):
    detector = trained(build_variant(backbone="timm", model=model, nc=2))
    folded = fold(detector)
    assert rounds_alike(detector, folded)
    assert len(norms_left(folded)) == left


def test_a_folded_detector_is_counted_and_not_saved(tmp_path):
    model = trained(build_variant(backbone="timm", model="mobileone_s0", nc=2))
    folded = fold(model)
    assert norms_left(folded) == []
    assert rounds_alike(model, folded)
    assert gflops(folded, 64) < 0.7 * gflops(model, 64)  # MobileOne trains with several branches for one convolution
    with pytest.raises(ValueError, match="a fused model cannot be saved"):
        save_detector(folded, tmp_path / "m.safetensors")
    assert folded.fuse(verbose=False) is folded


def test_stock_models_fold_too():
    stock = trained(upstream_model("yolo11", "n", nc=2)).double()
    folded = fold(stock)
    assert norms_left(folded) == []
    assert difference(stock, folded) <= 1e-7


class Net(nn.Module):
    """A forward pass given as a function of the modules."""

    def __init__(self, run: Callable[[Any, torch.Tensor], Any], **modules: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, image):
        return self.run(self, image)


def conv():
    return nn.Conv2d(3, 6, 3, padding=1)


class Standardised(nn.Conv2d):
    """A convolution that does not use its weight as it is."""

    def forward(self, x):
        weight = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        return nn.functional.conv2d(x, weight, self.bias, padding=1)


FOLDED = {
    "plain": Net(lambda m, x: m.b(m.a(x)), a=conv(), b=nn.BatchNorm2d(6)),
    "no affine": Net(lambda m, x: m.b(m.a(x)), a=conv(), b=nn.BatchNorm2d(6, affine=False)),
    "defined in another order": Net(lambda m, x: m.b(m.a(x)), b=nn.BatchNorm2d(6), a=conv()),
    "activation within": Net(lambda m, x: m.b(m.a(x)), a=conv(), b=BatchNormAct2d(6)),
    "same pair twice": Net(lambda m, x: m.b(m.a(x)) + m.b(m.a(x * 2)), a=conv(), b=nn.BatchNorm2d(6)),
    "linear": Net(lambda m, x: m.b(m.a(x.flatten(1)[:, :8])), a=nn.Linear(8, 5), b=nn.BatchNorm1d(5)),
    "transposed": Net(lambda m, x: m.b(m.a(x[:, :2])), a=nn.ConvTranspose2d(2, 6, 2, 2, groups=2), b=nn.BatchNorm2d(6)),
}
KEPT = {
    "the output is taken twice": Net(lambda m, x: m.b(y := m.a(x)) + y, a=conv(), b=nn.BatchNorm2d(6)),
    "the output is an answer, too": Net(lambda m, x: [m.b(y := m.a(x)), y], a=conv(), b=nn.BatchNorm2d(6)),
    "something in between": Net(lambda m, x: m.b(m.a(x).relu_()), a=conv(), b=nn.BatchNorm2d(6)),
    "two convolutions": Net(lambda m, x: m.b(m.a(x)) + m.b(m.c(x)), a=conv(), b=nn.BatchNorm2d(6), c=conv()),
    "the convolution is used elsewhere": Net(lambda m, x: m.b(m.a(x)) + m.a(x), a=conv(), b=nn.BatchNorm2d(6)),
    "the weight is used elsewhere": Net(lambda m, x: m.b(m.a(x)) * m.a.weight.sum(), a=conv(), b=nn.BatchNorm2d(6)),
    "the weight is standardised": Net(lambda m, x: m.b(m.a(x)), a=Standardised(3, 6, 3), b=nn.BatchNorm2d(6)),
    "statistics of the batch": Net(lambda m, x: m.b(m.a(x)), a=conv(), b=nn.BatchNorm2d(6, track_running_stats=False)),
    "before the convolution": Net(lambda m, x: m.a(m.b(x)), a=conv(), b=nn.BatchNorm2d(3)),
}


@pytest.mark.parametrize("case", [*FOLDED, *KEPT])
@torch.no_grad()
def test_pairs(case):
    net = trained({**FOLDED, **KEPT}[case])
    image = torch.rand(2, 3, 16, 16)
    before = net(image)
    fold_norms(net)
    assert norms_left(net) == ([] if case in FOLDED else ["b"])
    torch.testing.assert_close(net(image), before, rtol=1e-5, atol=1e-5)
    assert not net.training


def test_the_mode_and_hooks_of_a_model_are_as_they_were():
    layer = conv().eval()
    net = Net(lambda m, x: m.b(m.a(x)), a=layer, b=nn.BatchNorm2d(6))
    fold_norms(net)
    assert net.training
    assert not layer.training
    assert not layer._forward_hooks
