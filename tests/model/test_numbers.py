"""The numbers that DESIGN.md says must hold. All are counted on the meta device: no weights are made."""

import pytest
import torch

from yolograft.model.blocks.gsconv import GSConv
from yolograft.model.detector import gflops, parts_params
from yolograft.upstream.model import upstream_model

SCALES = "nsmlx"
TOTALS = {
    ("yolo11", "conv", 80): (2_624_080, 9_458_752, 20_114_688, 25_372_160, 56_966_176),
    ("yolo11", "gsconv", 80): (2_534_320, 9_094_912, 18_649_728, 23_907_200, 53_662_816),
    ("yolo11", "gsconv", 2): (2_500_470, 9_064_726, 18_589_590, 23_847_062, 53_572_726),
    ("effv1", "conv", 80): (1_706_214, 5_658_112, 12_874_076, 17_644_156, 39_450_046),
}


def params(model, *, trainable=False):
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable)


@pytest.mark.parametrize(
    ("variant", "scale", "total"),
    [(variant, scale, total) for variant, row in TOTALS.items() for scale, total in zip(SCALES, row, strict=True)],
)
def test_parameters(build, variant, scale, total):
    backbone, neck, nc = variant
    with torch.device("meta"):
        model = build(backbone=backbone, neck=neck, nc=nc, scale=scale)
    assert params(model) == total
    assert params(model, trainable=True) == total - 16  # the fixed DFL weights
    assert sum(parts_params(model).values()) == total


@pytest.mark.parametrize(("channels", "total"), [(64, 19_360), (128, 75_584)])
def test_one_gsconv(channels, total):
    assert params(GSConv(channels, channels, 3, 2)) == total


def test_effv1_b0_at_n(build):
    with torch.device("meta"):
        model = build(backbone="effv1", scale="n")
    assert [(level.name, level.channels, level.stride) for level in model.levels] == [
        ("P3", 16, 8),
        ("P4", 32, 16),
        ("P5", 80, 32),
    ]
    assert parts_params(model)["backbone"] == 172_582


def test_mbv3_ends_in_its_last_convolution(build):
    with torch.device("meta"):
        whole, former = build(backbone="mbv3"), build(backbone="mbv3", last_conv=False)
        small = build(backbone="mbv3", variant="small", width=1.0)
    assert (params(whole), whole.levels[-1].channels) == (1_888_584, 240)
    assert former.levels[-1].channels == 40
    assert parts_params(whole)["backbone"] - parts_params(former)["backbone"] == 40 * 240 + 2 * 240
    assert small.levels[-1].channels == 576


def test_gflops_are_ultralytics_own(build):
    model = build()
    assert gflops(model) == gflops(upstream_model("yolo11", "n")) == pytest.approx(6.67, abs=0.01)
    assert gflops(model, 320) == pytest.approx(gflops(model) / 4, rel=0.05)
    assert gflops(build(neck="gsconv")) < gflops(model)
