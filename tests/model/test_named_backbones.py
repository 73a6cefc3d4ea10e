"""Backbones that a person finds by name: the families of timm, and LSKNet. Folding them: test_fold.py."""

from pathlib import Path

import pytest
import timm
import torch

from helpers.models import build_variant, group, names
from yolograft.common.errors import UserError
from yolograft.evaluation.runtimes import load_runtime
from yolograft.model.backbones.lsknet import VARIANTS, LSKNet
from yolograft.model.features import Scale
from yolograft.upstream.exporter import export

FAMILIES = [name for name in names("backbone") if group("backbone", name)["_target_"].endswith(".TimmFamily")]
NAMED = [*FAMILIES, "lsknet"]
LARGE = {"swin", "repvit", "hgnetv2"}
"""Really run in the slow suite only."""


def marked(few: set[str] | None = None):
    """Return every name, those slow that are large (or not among a few)."""
    return [pytest.param(n, marks=pytest.mark.slow) if n in LARGE or (few and n not in few) else n for n in NAMED]


def test_the_families_of_the_issue():
    assert set(FAMILIES) == {
        *("resnet", "convnextv2", "repvit", "mobilenetv4", "efficientvit", "ghostnetv2", "hgnetv2"),
        *("fasternet", "starnet", "swin", "mobileone", "lcnet", "edgenext"),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_every_size_is_of_the_family_and_has_published_weights(family):
    sizes = group("backbone", family)["sizes"]
    assert list(sizes) == list("nsmlx")
    published = timm.list_pretrained(f"{family}*")
    for name in sizes.values():
        assert timm.is_model(name)
        assert any(tagged.partition(".")[0] == name for tagged in published), name


@pytest.mark.parametrize("name", marked())
def test_learns_and_goes_through_a_file(name):
    """Every weight gets a gradient in training, sizes of image vary, and the state makes the same network again."""
    torch.manual_seed(0)
    model = build_variant(backbone=name, nc=2)
    for height, width in ((64, 96), (128, 64)):
        maps = model.model[0](torch.rand(2, 3, height, width))
        assert [tuple(m.shape) for m in maps] == [
            (2, f.channels, height // f.stride, width // f.stride) for f in model.levels
        ]
    out = model(torch.rand(2, 3, 64, 96))
    (out["boxes"].square().sum() + out["scores"].square().sum()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == ["model.head.dfl.conv.weight"]
    again = build_variant(backbone=name, nc=2)
    again.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again.eval()(image)[0], model.eval()(image)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_every_scale_builds(name):
    for scale in "nsmlx":
        with torch.device("meta"):
            model = build_variant(backbone=name, nc=2, scale=scale)
        assert [f.stride for f in model.levels] == [8, 16, 32]


@pytest.mark.parametrize("name", marked({"lcnet", "lsknet"}))
def test_onnx_gives_the_same(name, tmp_path: Path):
    torch.manual_seed(0)
    model = build_variant(backbone=name, nc=2).eval()
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = model(image)[0]
    exported = export(model, tmp_path, {"format": "onnx", "imgsz": [64, 96], "batch": 1})
    found = load_runtime("onnx")(exported.path, device=torch.device("cpu"), threads=1)(image)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_scale_chooses_the_size_unless_a_model_is_named():
    def params(**options):
        with torch.device("meta"):
            return sum(p.numel() for p in build_variant(backbone="lcnet", nc=2, **options).model[0].parameters())

    assert params(scale="s") == params(scale="n", model="lcnet_075")
    assert params(scale="n") < params(scale="s")
    with pytest.raises(UserError, match=r"backbone 'timm_family': has no size for scale 'n', only for s"):
        params(sizes={"s": "lcnet_075"})


def lsknet_params(channels, depths):
    """Parameters of LSKNet, counted from its description: convolutions with bias, two norms in each block."""
    total, inputs = 0, 3
    for stage, (c, depth) in enumerate(zip(channels, depths, strict=True)):
        kernel = 7 if stage == 0 else 3
        total += c * (inputs * kernel**2 + 1) + 2 * c + 2 * c  # embedding, its norm, the norm at the end
        half, hidden = c // 2, c * (8, 8, 4, 4)[stage]
        attention = 2 * (c * c + c) + c * 26 + c * 50 + 2 * (c * half + half) + 2 * (2 * 49 + 1) + half * c + c
        feed_forward = c * hidden + hidden + hidden * 10 + hidden * c + c
        total += depth * (attention + feed_forward + 4 * c + 2 * c)
        inputs = c
    return total


@pytest.mark.parametrize(("scale", "variant", "published"), [("n", "t", 4.3e6), ("m", "s", 14.4e6)])
def test_lsknet_has_the_parameters_of_the_paper(scale, variant, published):
    with torch.device("meta"):
        backbone = LSKNet(Scale(scale, 0.5, 0.25, 1024, False))
    count = sum(p.numel() for p in backbone.parameters())
    assert count == lsknet_params(*VARIANTS[variant])
    classifier = VARIANTS[variant][0][-1] * 1000 + 1000  # the paper's numbers are with it
    assert count + classifier == pytest.approx(published, rel=0.015)


def test_lsknet_leaves_no_stage_idle():
    """Of levels that end early, the stages behind them are not built."""
    backbone = LSKNet(Scale("n", 0.5, 0.25, 1024, False, levels=("P2", "P3", "P4")))
    maps = backbone(torch.rand(2, 3, 64, 64))
    assert [m.shape[1] for m in maps] == [32, 64, 160]
    torch.stack([m.sum() for m in maps]).sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())
