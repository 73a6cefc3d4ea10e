"""Attention in a detector: where it is placed, what it leaves alone, and what a file may name."""

import json
import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.models import build_variant, make_attention, make_spec, names
from yolograft.common.errors import UserError
from yolograft.config.places import places
from yolograft.model.detector import ModelSpec, build_detector, parts_params
from yolograft.model.transfer import transfer
from yolograft.upstream.model import upstream_model

ALL = [name for name in names("attention") if name != "none"]


def test_places():
    assert places("context") == {"context": ("",)}
    assert places(["neck.P3", "backbone.P5", "neck.P5"]) == {"backbone": ("P5",), "neck": ("P3", "P5")}
    assert places(["neck", "backbone"]) == {"backbone": None, "neck": None}
    for wrong in ([], "head", "P5", "neck.3", "context.P5", "neck.P8", ["neck", "neck.P3"], ["neck.P3", "neck.P3"]):
        with pytest.raises(ValueError, match=r"no place|twice"):
            places(wrong)


def test_only_the_named_levels_are_weighed():
    """And every other part keeps its names, its parameters and, by the same seed, its weights up to there."""
    torch.manual_seed(0)
    model = build_variant(attention="se", at=["neck.P3", "backbone.P5", "context"], nc=2).eval()
    names_ = [name for name, _ in model.model.named_children()]
    assert names_ == [
        "backbone",
        "attention_backbone",
        "context",
        "attention_context",
        "neck",
        "attention_neck",
        "head",
    ]
    assert [list(model.model.get_submodule(f"attention_{p}").on) for p in ("backbone", "context", "neck")] == [
        ["P5"],
        ["P5"],
        ["P3"],
    ]
    torch.manual_seed(0)
    plain = build_variant(nc=2)
    counts, before = parts_params(model), parts_params(plain)
    widths = (256, 256, 64)
    assert counts == before | {"attention": sum(2 * c * (c // 16) + c // 16 + c for c in widths)}
    kept = plain.state_dict()
    shared = {name: value for name, value in model.state_dict().items() if ".attention" not in name}
    assert shared.keys() == kept.keys()
    assert all(torch.equal(value, kept[n]) for n, value in shared.items() if n.startswith("model.backbone."))
    image = torch.rand(1, 3, 64, 64)
    maps = model.model[0](image)
    after = model.model[1](maps)
    assert after[0] is maps[0]
    assert after[1] is maps[1]
    assert torch.equal(after[2], model.model[1].on["P5"](maps[2]))


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_and_the_same_description_make_the_same(name):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(make_attention(name).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    spec = make_spec(attention=name, at=["backbone.P5", "neck"], nc=2)
    again = ModelSpec.from_json(spec.to_json())
    assert again == spec
    with torch.device("meta"):
        one, other = build_detector(spec), build_detector(again)
    assert [(k, v.shape) for k, v in one.state_dict().items()] == [(k, v.shape) for k, v in other.state_dict().items()]


@pytest.mark.parametrize("name", ["ema", "shuffle"])
def test_a_detector_with_it_learns(name):
    model = build_variant(attention=name, at=["backbone", "context", "neck"], nc=2)
    out = model(torch.rand(2, 3, 64, 96))
    (out["boxes"].square().sum() + out["scores"].square().sum()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == ["model.head.dfl.conv.weight"]


def test_stock_weights_find_their_places_beside_it():
    model = build_variant(attention="ca", at=["backbone", "context", "neck"])
    stock = upstream_model().state_dict()
    report = transfer(model, stock)
    assert not report.unmatched_upstream
    assert len(report.matched) == len(stock)
    assert report.unmatched_ours
    assert all(name.startswith("model.attention_") for name in report.unmatched_ours)


def test_a_file_may_name_no_other_thing_as_attention():
    spec = make_spec(attention="se", nc=2)
    for target in ("os.system", "timm.layers.SEModule", "yolograft.model.heads.lscd.LSCD"):
        with pytest.raises(UserError, match=r"^attention: "):
            build_detector(replace(spec, attention={"_target_": target, "at": "context"}))
    for wrong in ("se", [1], {"_target_": "x", "at": object}):
        text = json.dumps({**json.loads(spec.to_json()), "attention": wrong}, default=str)
        with pytest.raises((ValueError, UserError)):
            build_detector(ModelSpec.from_json(text))


def test_a_fault_in_ones_own_attention_is_one_line(monkeypatch):
    class Narrow(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = nn.Conv2d(channels, channels // 2, 1)

        def forward(self, x):
            return self.conv(x)

    class Broken(Narrow):
        def forward(self, x):
            return x * self.conv(x)

    module = types.ModuleType("mine.parts")
    for part in (Narrow, Broken):
        part.__module__ = "mine.parts"
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
    monkeypatch.setitem(sys.modules, "mine.parts", module)
    spec = make_spec(nc=2)
    for name, said in (
        ("Narrow", "attention 'parts' says its levels are"),
        ("Broken", "attention 'parts': its forward"),
    ):
        with pytest.raises(UserError) as error:
            build_detector(replace(spec, attention={"_target_": f"mine.parts.{name}", "at": "neck"}), ["mine"])
        assert str(error.value).startswith(said)
        assert "\n" not in str(error.value)


def test_what_does_not_fit_is_one_line():
    def refusal(**choices):
        with pytest.raises(UserError) as error:
            build_variant(nc=2, **choices)
        return str(error.value)

    assert refusal(attention="se", at=["neck.P2"]) == (
        "attention.at names P2; neck 'conv' gives P3 (stride 8, 64 channels), P4 (stride 16, 128 channels), "
        "P5 (stride 32, 256 channels)"
    )
    assert refusal(attention="se", at="head").startswith("attention.at: 'head' is no place")
    assert refusal(attention="se", at=3).startswith("attention.at: ")


def test_without_attention_a_description_is_as_before():
    assert set(json.loads(make_spec().to_json())) == {"parts", "scale", "nc", "names", "loss"}
