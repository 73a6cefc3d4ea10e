"""Every part builds, runs and learns; the parts are those of conf/, so that a new one is covered without an edit.

Really run on the CPU, forward and backward, at scale n with small images: a selection in which every backbone meets
every neck and every context. On the meta device, shapes without data: every variant at every scale is built in the fast
suite; all variants x necks x scales for 2 and 80 classes, up to effv1 l2 at x, run forward and backward in the slow
suite. The slow suite also really runs every variant at n, except effv1 l2.
"""

import itertools
from functools import cache

import pytest
import torch

from helpers.models import build_variant, group, names
from yolograft.common.parts import MODEL_GROUPS
from yolograft.model.describe import given
from yolograft.model.detector import parts_params

NAMES = {group: names(group) for group in MODEL_GROUPS}
NECKS, CONTEXTS = NAMES["neck"], NAMES["context"]
_BY_NAME = (".TimmFamily", ".LSKNet")
BACKBONES = [name for name in NAMES["backbone"] if not group("backbone", name)["_target_"].endswith(_BY_NAME)]
"""Those of one name and a size of their own are tested in test_named_backbones.py."""

VARIANTS_OF: dict[str, tuple[str | None, ...]] = {
    "effv1": ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2"),
    "effv2": ("s", "m", "l", "xl"),
    "mbv3": ("large", "small"),
}
"""The variants of a backbone; of one that is not listed, the variant that its YAML chooses is tested."""

SMALL: dict[str, tuple[str | None, ...]] = {"effv1": ("b0", "b1"), "effv2": ("s",)}
"""The variants that the fast suite really runs; all of them by default."""

VARIANTS = [(backbone, variant) for backbone in BACKBONES for variant in VARIANTS_OF.get(backbone, (None,))]


def meetings():
    """Yield (backbone, variant, neck, context, nc): every backbone with every neck and every context."""
    for row, backbone in enumerate(BACKBONES):
        variants = SMALL.get(backbone) or VARIANTS_OF.get(backbone, (None,))
        for place in range(max(len(NECKS), len(CONTEXTS), len(variants))):
            neck, context = NECKS[place % len(NECKS)], CONTEXTS[(row + place) % len(CONTEXTS)]
            yield backbone, variants[place % len(variants)], neck, context, (2, 80)[(row + place) % 2]


REAL = list(meetings())


def test_the_selection_has_every_part_of_conf():
    assert all(NAMES.values())
    assert {"yolo11", "effv1", "effv2", "mbv3", "timm"} <= set(BACKBONES)
    assert {"conv", "gsconv", "slim"} <= set(NECKS)
    assert {"sppf_c2psa", "sppf", "none"} <= set(CONTEXTS)
    assert VARIANTS_OF.keys() | SMALL.keys() <= set(BACKBONES)
    assert {(b, n) for b, _, n, _, _ in REAL} == set(itertools.product(BACKBONES, NECKS))
    assert {(b, c) for b, _, _, c, _ in REAL} == set(itertools.product(BACKBONES, CONTEXTS))
    assert {nc for *_, nc in REAL} == {2, 80}


def choices(backbone, variant):
    return {"backbone": backbone} | ({"variant": variant} if variant else {})


def learn(model, device="cpu"):
    """One step's forward and backward; return the names of the parameters that got no gradient."""
    model.train()
    out = model(torch.rand(2, 3, 64, 96, device=device))
    branches = [out[name] for name in ("one2many", "one2one") if name in out] or [out]
    torch.stack([branch[key].square().sum() for branch in branches for key in ("boxes", "scores")]).sum().backward()
    return [name for name, p in model.named_parameters() if p.grad is None], out


def check(model, nc, device):
    assert [(f.name, f.stride) for f in model.levels] == [("P3", 8), ("P4", 16), ("P5", 32)]
    maps: list[torch.Tensor] = []
    model.model[0].register_forward_hook(lambda part, args, output: maps.extend(output))
    idle, out = learn(model, device)
    assert idle == ["model.head.dfl.conv.weight"]
    assert [tuple(m.shape[2:]) for m in out["feats"]] == [(8, 12), (4, 6), (2, 3)]
    assert out["scores"].shape == (2, nc, 126)
    assert [m.shape[1] for m in maps] == [f.channels for f in model.levels]


@pytest.mark.parametrize(("backbone", "variant", "neck", "context", "nc"), REAL)
def test_learns(build, backbone, variant, neck, context, nc):
    check(build(**choices(backbone, variant), neck=neck, context=context, nc=nc), nc, "cpu")


@pytest.mark.parametrize(("backbone", "variant"), VARIANTS)
def test_builds_at_every_scale(build, backbone, variant):
    """On the meta device; scales and necks vary together, the full product is `test_full_product`."""
    for index, scale in enumerate("nsmlx"):
        with torch.device("meta"):
            model = build(**choices(backbone, variant), neck=NECKS[index % len(NECKS)], scale=scale, nc=2)
        assert [f.stride for f in model.levels] == [8, 16, 32]
        assert sum(parts_params(model).values()) == sum(p.numel() for p in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "variant"), VARIANTS)
def test_full_product(build, backbone, variant):
    """All necks x scales x 2 and 80 classes of each variant, forward and backward on the meta device."""
    for neck, scale, nc in itertools.product(NECKS, "nsmlx", (2, 80)):
        with torch.device("meta"):
            model = build(**choices(backbone, variant), neck=neck, scale=scale, nc=nc)
        check(model, nc, "meta")


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "variant"), [v for v in VARIANTS if v != ("effv1", "l2")])
def test_every_variant_learns(build, backbone, variant):
    """Really run at n; effv1 l2 is left to the meta device."""
    check(build(**choices(backbone, variant), nc=2), 2, "cpu")


@pytest.mark.parametrize(("group", "choice"), [(group, name) for group in ("head", "loss") for name in NAMES[group]])
def test_heads_and_losses_build_and_learn(build, group, choice):
    model = build(**{group: choice}, nc=2)
    assert learn(model)[0] == [name for name in ("model.head.dfl.conv.weight",) if model.model[-1].reg_max > 1]


SWAPS = [
    pytest.param(group, choice, marks=() if group != "backbone" or choice in BACKBONES else pytest.mark.slow)
    for group in NAMES
    for choice in NAMES[group]
]


@cache
def stock():
    with torch.device("meta"):
        return build_variant()


@pytest.mark.parametrize(("group", "choice"), SWAPS)
def test_swapping_one_group_leaves_the_others(group, choice):
    """A part that was not named has other parameters only where it is given maps of other widths."""
    with torch.device("meta"):
        model = build_variant(**{group: choice})
    params, before = parts_params(model), parts_params(stock())
    widths, widths_before = given(model), given(stock())
    for part in before:
        if part != group and widths.get(part) == widths_before.get(part):
            assert params[part] == before[part], f"{part} changed"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_activations_with_parameters_are_not_shared(build, backbone):
    model = build(backbone=backbone, nc=2)
    seen: dict[int, str] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if any(True for _ in module.parameters(recurse=False)):
            assert id(module) not in seen, f"{name} is {seen.get(id(module))}"
            seen[id(module)] = name


def test_info_says_where_a_width_is_forced():
    with torch.device("meta"):
        swapped = given(build_variant(backbone="mbv3"))
    assert swapped["context"] == {"P3": 16, "P4": 32, "P5": 240}
    assert {part for part, widths in swapped.items() if widths != given(stock())[part]} == {"context", "neck"}


def test_width_and_depth_override_the_scale(build):
    with torch.device("meta"):
        given = build(backbone="effv1", width=0.25, depth=0.5, scale="x")
        own = build(backbone="effv1", scale="n")
    assert parts_params(given)["backbone"] == parts_params(own)["backbone"]
