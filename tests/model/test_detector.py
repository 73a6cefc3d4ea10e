"""Building from a spec: what is allowed, and what a person reads when something does not fit."""

import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn

from yolograft.common.errors import UserError
from yolograft.model.detector import ModelSpec, build_detector
from yolograft.model.features import Feature, Scale, pyramid


@pytest.fixture
def mine(monkeypatch):
    """A module of somebody else's, with parts in it."""
    module = types.ModuleType("mine.parts")

    class TwoLevels(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.features = (Feature("P3", 8, 8), Feature("P4", 16, 16))

    class Mute(nn.Module):
        def __init__(self, scale):
            super().__init__()

    class Own(nn.Module):
        def __init__(self, scale, *, width: int = 8):
            super().__init__()
            self.maps = nn.ModuleList(nn.Conv2d(3, width, 3, stride, 1) for stride in (8, 16, 32))
            self.features = pyramid((width,) * 3)

        def forward(self, image):
            return [layer(image) for layer in self.maps]

    class Boastful(Own):
        def __init__(self, scale):
            super().__init__(scale)
            self.features = pyramid((8, 8, 16))

    for part in (TwoLevels, Mute, Own, Boastful):
        part.__module__ = "mine.parts"
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
    monkeypatch.setitem(sys.modules, "mine.parts", module)


def with_part(spec: ModelSpec, group: str, **part) -> ModelSpec:
    return replace(spec, parts=spec.parts | {group: part})


def refusal(spec: ModelSpec, trust=()) -> str:
    with pytest.raises(UserError) as error:
        build_detector(spec, trust)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_own_part_needs_trust(spec, mine):
    own = with_part(spec(nc=2), "backbone", _target_="mine.parts.Own", width=16)
    assert refusal(own) == (
        "backbone: 'mine.parts.Own' is not from yolograft.model, ultralytics.nn, timm, torch.nn; "
        "if you trust it, name its package: trust=[mine]"
    )
    model = build_detector(own, trust=["mine"])
    assert [f.channels for f in model.levels] == [16, 16, 16]
    assert model(torch.rand(2, 3, 64, 64))["scores"].shape == (2, 2, 84)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "torch.load",
        "torch.nn.modules.module.torch.hub.load",
        "timm.models.load_checkpoint",
        "timm.create_model",
        "yolograft.model.weights.Path",
        "yolografts.evil.Part",
        "builtins.eval",
        "eval",
    ],
)
def test_only_layers_of_trusted_packages(spec, target):
    message = refusal(with_part(spec(), "backbone", _target_=target))
    assert message.startswith("backbone: ")
    assert f"'{target}'" in message


def test_a_loss_is_checked_before_training(spec):
    assert "is not from" in refusal(replace(spec(), loss={"_target_": "os.system"}))


def test_levels_that_do_not_fit_name_both_groups(spec, mine):
    two = with_part(spec(context="none"), "backbone", _target_="mine.parts.TwoLevels")
    assert refusal(two, ["mine"]) == (
        "neck 'conv' needs P3, P4, P5 at strides 8, 16, 32; "
        "backbone 'parts' gives P3 (stride 8, 8 channels), P4 (stride 16, 16 channels)"
    )


def test_levels_are_what_a_backbone_gives(spec, mine):
    assert refusal(with_part(spec(), "backbone", _target_="mine.parts.Boastful"), ["mine"]) == (
        "backbone 'parts' says its levels are [(8, 8), (8, 16), (16, 32)] (channels, stride); "
        "its forward gives [(8, 8), (8, 16), (8, 32)]"
    )


def test_slips(spec, mine):
    assert refusal(with_part(spec(), "backbone", _target_="mine.parts.Mute"), ["mine"]).startswith(
        "backbone 'parts' does not set self.features"
    )
    assert "got an unexpected keyword argument 'widht'" in refusal(spec(backbone="effv1", widht=1))
    assert refusal(spec(backbone="effv1", width=-1)) == "backbone 'effv1': width must be above 0, not -1"
    assert "did you mean 'EffV1'" in refusal(
        with_part(spec(), "backbone", _target_="yolograft.model.backbones.effv1.EfV1")
    )
    assert "cannot import" in refusal(with_part(spec(), "neck", _target_="yolograft.model.necks.nothing.X"))
    assert refusal(replace(spec(), nc=0)).startswith("head 'detect' needs at least one class, not 0; neck 'conv' gives")
    assert refusal(replace(spec(nc=2), names={0: "a"})) == "names: 1 class names for nc=2"
    assert refusal(replace(spec(), scale={"name": "n"})).startswith("scale: needs name, depth")
    assert refusal(replace(spec(), parts={})) == "backbone: no _target_ given"


def test_an_unknown_variant_is_one_line(spec):
    message = refusal(spec(backbone="effv1", variant="b9"))
    assert "b9" in message
    assert "b8, l2" in message


def test_names(build, spec):
    assert build(nc=2).names == {0: "0", 1: "1"}
    assert build_detector(replace(spec(nc=2), names={0: "cat", 1: "dog"})).names == {0: "cat", 1: "dog"}


def test_spec_survives_json(spec):
    one = replace(spec(nc=2), names={0: "cat", 1: "dög"})
    assert ModelSpec.from_json(one.to_json()) == one
    for text in ("[]", "{}", '{"names": {}, "parts": {}}', "nonsense"):
        with pytest.raises(ValueError):
            ModelSpec.from_json(text)


def test_scale_follows_stock():
    n, m = Scale("n", 0.5, 0.25, 1024, False), Scale("m", 0.5, 1.0, 512, True)
    assert [n.channels(c) for c in (64, 1024, 2048, 100)] == [16, 256, 256, 32]
    assert [m.channels(c) for c in (64, 1024)] == [64, 512]
    assert [n.repeats(r) for r in (1, 2, 3, 6)] == [1, 1, 2, 3]


def test_a_part_knows_its_place(build):
    model = build(nc=2)
    assert [(part.f, part.i) for part in model.model] == [(-1, 0), (-1, 1), (-1, 2), (-1, 3)]
    assert sum(part.np for part in model.model) == sum(p.numel() for p in model.parameters())
    assert model.save == []
    assert model.model[0].type == "yolograft.model.backbones.yolo11.YOLO11"
