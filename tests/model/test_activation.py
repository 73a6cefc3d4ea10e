"""Activations: each its function, exchanged in the parts that are meant, and nowhere else in the process."""

import sys
import types
from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from torch import nn

from helpers.models import build_variant, make_spec
from yolograft.common.errors import UserError
from yolograft.config.schema import Activation
from yolograft.model.activation import _EXCHANGED, ACTIVATIONS
from yolograft.model.detector import ModelSpec, build_detector, parts_params
from yolograft.model.features import pyramid
from yolograft.upstream.model import Conv

FUNCTIONS: dict[str, Any] = {
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "mish": lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))),
    "relu": lambda x: (x + x.abs()) / 2,
    "hardswish": lambda x: x * (x + 3).clamp(0, 6) / 6,
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "leaky_relu": lambda x: torch.where(x > 0, x, x / 10),
    "prelu": lambda x: torch.where(x > 0, x, x / 4),
}


def kinds(part: nn.Module) -> Counter[str]:
    """Count the activations of a part by place, those that stand in several places too."""
    modules = [module for _, module in part.named_modules(remove_duplicate=False)]
    return Counter(type(module).__name__ for module in modules if isinstance(module, _EXCHANGED))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_is_its_function(name):
    x = torch.linspace(-5, 5, 101)
    torch.testing.assert_close(ACTIVATIONS[name]()(x).detach(), FUNCTIONS[name](x), rtol=1e-5, atol=1e-6)


def test_the_command_line_knows_those_that_there_are():
    assert get_args(Activation) == tuple(ACTIVATIONS) == tuple(FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        *((name, {}) for name in ("mish", "prelu", "leaky_relu")),
        *((name, {"neck": "slim", "head": "lscd", "context": "aifi", "attention": "ca"}) for name in ("relu", "prelu")),
    ],
)
def test_every_part_has_it_and_the_process_keeps_its_own(name, choices):
    before = Conv.default_act
    torch.manual_seed(0)
    plain = build_variant(nc=2, **choices)
    torch.manual_seed(0)
    model = build_variant(nc=2, activation=name, **choices)
    assert Conv.default_act is before
    assert type(before) is nn.SiLU
    layer = type(ACTIVATIONS[name]()).__name__
    for (_, one), (_, other) in zip(plain.model.named_children(), model.model.named_children(), strict=True):
        assert kinds(other) == Counter({layer: kinds(one).total()}) if kinds(one) else not kinds(other)
    total = kinds(model).total()
    assert total == len({id(m) for m in model.modules() if isinstance(m, _EXCHANGED)}) > 50  # each place has its own
    weights = {n: p for n, p in model.state_dict().items() if n in plain.state_dict()}
    assert all(torch.equal(value, weights[n]) for n, value in plain.state_dict().items())
    extra = sum(parts_params(model).values()) - sum(parts_params(plain).values())
    assert extra == (total if name == "prelu" else 0)
    images = torch.rand(2, 3, 64, 64)
    out = model(images)
    (out["boxes"].square().sum() + out["scores"].square().sum()).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == ["model.head.dfl.conv.weight"]


def test_the_next_model_of_the_process_is_as_before():
    def made(**choices):
        torch.manual_seed(0)
        return build_variant(nc=2, **choices).eval()(torch.ones(1, 3, 64, 64))[0]

    with torch.no_grad():
        alone = made()
        for name in FUNCTIONS:
            assert torch.equal(made(activation=name), alone) == (name == "silu")
        assert torch.equal(made(), alone)


def test_a_backbone_that_is_not_yolos_keeps_its_own_unless_told():
    model = build_variant(backbone="mbv3", activation="mish", nc=2)
    assert kinds(model.model[0]).keys() == {"Hardswish", "ReLU"}
    assert kinds(model.model[2]).keys() == {"Mish"}
    coarse = replace(make_spec(backbone="mbv3", activation="mish", nc=2), levels=("P3", "P4", "P5", "P6"))
    assert kinds(build_detector(coarse).model[0]).keys() == {"Hardswish", "ReLU", "SiLU"}  # P6 is made behind it
    spec = make_spec(backbone="mbv3", nc=2)
    spec.parts["backbone"]["activation"] = "gelu"
    assert ModelSpec.from_json(spec.to_json()) == spec
    model = build_detector(spec)
    assert kinds(model.model[0]).keys() == {"GELU"}
    assert kinds(model.model[2]).keys() == {"SiLU"}
    spec = replace(make_spec(nc=2, activation="mish"))
    spec.parts["backbone"]["activation"] = "relu"
    model = build_detector(spec)
    assert kinds(model.model[0]).keys() == {"ReLU"}
    assert kinds(model.model[3]).keys() == {"Mish"}


@pytest.fixture
def mine(monkeypatch):
    module = types.ModuleType("mine.parts")

    class Plain(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.maps = nn.ModuleList(nn.Conv2d(3, 8, 3, stride, 1) for stride in (8, 16, 32))
            self.features = pyramid((8, 8, 8))

        def forward(self, image):
            return [layer(image) for layer in self.maps]

    class Own(Plain):
        def __init__(self, scale, *, activation: int = 1):
            super().__init__(scale)
            self.activation = activation

    for part in (Plain, Own):
        part.__module__ = "mine.parts"
        setattr(module, part.__name__, part)
    monkeypatch.setitem(sys.modules, "mine", types.ModuleType("mine"))
    monkeypatch.setitem(sys.modules, "mine.parts", module)


def with_backbone(**backbone):
    spec = make_spec(nc=2)
    return replace(spec, parts=spec.parts | {"backbone": backbone})


def test_refusals_are_one_line(mine):
    def refusal(spec):
        with pytest.raises(UserError) as error:
            build_detector(spec, ["mine"])
        return str(error.value)

    known = "there are silu, mish, relu, hardswish, gelu, leaky_relu, prelu"
    assert refusal(make_spec(nc=2, activation="swish")) == f"activation: no activation 'swish'; {known}"
    assert refusal(with_backbone(_target_="mine.parts.Plain", activation="mish")) == (
        "backbone.activation=mish: backbone 'parts' has no activation that can be exchanged"
    )
    assert refusal(with_backbone(_target_="yolograft.model.backbones.yolo11.YOLO11", activation="x")).startswith(
        "backbone.activation: no activation 'x'"
    )
    with pytest.raises(ValueError, match="activation is no text"):
        ModelSpec.from_json(replace(make_spec(), activation=3).to_json())  # type: ignore[arg-type]  # as a file may say


def test_a_backbone_with_an_option_of_that_name_keeps_its_meaning(mine):
    model = build_detector(with_backbone(_target_="mine.parts.Own", activation=7), ["mine"])
    assert model.model[0].activation == 7
