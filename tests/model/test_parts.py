"""Every part builds, runs and learns.

Really run on the CPU, forward and backward, at scale n with small images: a selection in which every backbone meets
every neck and every context. On the meta device, shapes without data: every variant at every scale is built in the fast
suite; all variants x necks x scales for 2 and 80 classes, up to effv1 l2 at x, run forward and backward in the slow
suite. The slow suite also really runs every variant at n, except effv1 l2.
"""

import itertools

import pytest
import torch

from yolograft.model.detector import parts_params

VARIANTS = [
    ("yolo11", None),
    *(("effv1", v) for v in ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2")),
    *(("effv2", v) for v in ("s", "m", "l", "xl")),
    *(("mbv3", v) for v in ("large", "small")),
]
NECKS = ["conv", "gsconv", "slim"]
CONTEXTS = ["sppf_c2psa", "sppf", "none"]

# (backbone, variant, neck, context, nc): every backbone with every neck and every context, at least once
REAL = [
    ("yolo11", None, "conv", "none", 2),
    ("yolo11", None, "gsconv", "sppf", 80),
    ("yolo11", None, "slim", "sppf_c2psa", 2),
    ("effv1", "b0", "conv", "sppf", 2),
    ("effv1", "b0", "gsconv", "sppf_c2psa", 2),
    ("effv1", "b1", "slim", "none", 80),
    ("effv2", "s", "conv", "sppf_c2psa", 80),
    ("effv2", "s", "gsconv", "none", 2),
    ("effv2", "s", "slim", "sppf", 2),
    ("mbv3", "large", "conv", "none", 80),
    ("mbv3", "small", "gsconv", "sppf_c2psa", 2),
    ("mbv3", "small", "slim", "sppf", 80),
]


def choices(backbone, variant):
    return {"backbone": backbone} | ({"variant": variant} if variant else {})


def learn(model, device="cpu"):
    """One step's forward and backward; return the names of the parameters that got no gradient."""
    model.train()
    out = model(torch.rand(2, 3, 64, 96, device=device))
    (out["boxes"].square().sum() + out["scores"].square().sum()).backward()
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
            model = build(**choices(backbone, variant), neck=NECKS[index % 3], scale=scale, nc=2)
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


@pytest.mark.parametrize("group", ["backbone", "context", "neck"])
def test_swapping_one_group_leaves_the_others(build, group):
    stock = parts_params(build())
    for choice in {"backbone": ["effv1", "mbv3"], "context": CONTEXTS, "neck": NECKS}[group]:
        parts = parts_params(build(**{group: choice}))
        # Only what takes the backbone's maps as input may follow their widths: the context (P5) and the neck (P3, P4).
        forced = {"backbone": {"context", "neck"}, "context": set(), "neck": set()}[group]
        changed = {name for name in parts if parts[name] != stock[name]}
        assert changed <= {group} | forced
        assert parts["head"] == stock["head"]


@pytest.mark.parametrize("backbone", ["yolo11", "effv1", "effv2", "mbv3"])
def test_activations_with_parameters_are_not_shared(build, backbone):
    model = build(backbone=backbone, nc=2)
    seen: dict[int, str] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        if any(True for _ in module.parameters(recurse=False)):
            assert id(module) not in seen, f"{name} is {seen.get(id(module))}"
            seen[id(module)] = name


def test_width_and_depth_override_the_scale(build):
    with torch.device("meta"):
        given = build(backbone="effv1", width=0.25, depth=0.5, scale="x")
        own = build(backbone="effv1", scale="n")
    assert parts_params(given)["backbone"] == parts_params(own)["backbone"]
