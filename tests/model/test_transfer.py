"""Weights by role: each tensor of a source is filled with a number of its own, which tells where it has come from."""

import re
from dataclasses import replace

import pytest
import torch
from ultralytics import YOLO

from yolograft.common.errors import UserError
from yolograft.model.detector import build_detector
from yolograft.model.transfer import transfer
from yolograft.model.weights import load_weights, save_detector
from yolograft.upstream.model import upstream_model

# What each layer of ultralytics' yolo11.yaml does.
STOCK = {
    0: "backbone.stem", 1: "backbone.down2", 2: "backbone.stage2", 3: "backbone.down3", 4: "backbone.stage3",
    5: "backbone.down4", 6: "backbone.stage4", 7: "backbone.down5", 8: "backbone.stage5",
    9: "context.sppf", 10: "context.psa",
    13: "neck.top_p4", 16: "neck.out_p3", 17: "neck.down_p4", 19: "neck.out_p4", 20: "neck.down_p5", 22: "neck.out_p5",
    23: "head",
}  # fmt: skip

DYHEAD_FIRST = [f"head.{branch}.{level}.0" for branch in ("cv2", "cv3") for level in (1, 2)]
"""Layers that get the dynamic head's maps, all of one width, in the place of P4 and P5."""


def numbered(state):
    """Fill each tensor with a number of its own, from 1; the bits of it stay exact in float32."""
    for number, value in enumerate(state.values(), 1):
        value.fill_(number)
    return state


def taken(model, state, report):
    """Return the source's name of each tensor that was filled whole, and assert that nothing else has changed."""
    names = list(state)
    found = {}
    for name, value in model.state_dict().items():
        if name in report.matched:
            number = int(value.flatten()[0])
            assert bool((value == number).all()), name
            found[name] = names[number - 1]
    return found


def as_ours(name):
    """Return the role of a tensor of stock's."""
    _, layer, rest = name.split(".", 2)
    return f"model.{STOCK[int(layer)]}.{rest}"


@pytest.mark.parametrize("scale", ["n", "s"])
@pytest.mark.parametrize(
    ("choices", "without"),
    [
        ({}, ()),
        ({"neck": "gsconv"}, ("neck.down_p4", "neck.down_p5")),
        ({"neck": "slim"}, ("neck",)),
        # what takes maps of the swapped backbone has other input channels; SPPF is as wide inside as its input says
        ({"backbone": "effv1"}, ("backbone", "context.sppf", "neck.top_p4.cv1", "neck.out_p3.cv1")),
        ({"context": "sppf"}, ("context.psa",)),
        # heads that are stock's with something before it: the branches are stock's, but for their width
        ({"head": "asff"}, ("head.fusions",)),
        ({"head": "dyhead"}, ("head.project", "head.blocks", *DYHEAD_FIRST)),
        ({"head": "lscd"}, ("head",)),
    ],
)
def test_stock_weights_into_compositions(build, scale, choices, without):
    state = numbered(upstream_model("yolo11", scale).state_dict())
    model = build(scale=scale, **choices)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = transfer(model, state)
    found = taken(model, state, report)
    assert {name: as_ours(theirs) for name, theirs in found.items()} == {name: name for name in found}
    assert not report.resized
    for name, value in model.state_dict().items():
        excused = name.startswith(tuple(f"model.{path}." for path in without))
        assert (name in found) or excused, name
        assert name in found or torch.equal(value, before[name]), name
    missing = {name for name in report.unmatched_ours if ".bn.num_batches_tracked" not in name}
    assert all(name.startswith(tuple(f"model.{path}." for path in without)) for name in missing)


def test_no_channel_of_other_maps_is_taken(build):
    """The class branch is taken in part where it is narrower, not where its maps are others."""
    model = build(head="dyhead")
    report = transfer(model, build().state_dict())
    assert not report.resized
    found = [name for name in report.matched if name.startswith(tuple(f"model.{path}.0." for path in DYHEAD_FIRST))]
    assert {name.rpartition(".")[2] for name in found} == {"num_batches_tracked"}  # the depthwise convolutions
    assert "model.head.cv3.1.1.0.conv.weight" in report.matched


def with_names(model, names):
    model.names = dict(enumerate(names))
    return model


@pytest.mark.parametrize("scale", ["n", "s"])
def test_classes_by_name(build, spec, scale, tmp_path):
    """A class's rows come from the class of the same name; those of others stay; s has a branch of the same width."""
    stock = YOLO(f"yolo11{scale}.yaml", verbose=False)
    numbered(stock.model.state_dict())
    names = [f"thing {index}" for index in range(80)]
    names[7], names[63] = "Truck", "laptop"
    stock.model.names = dict(enumerate(names))
    for branch in stock.model.model[-1].cv3:
        branch[-1].bias.data = torch.arange(80.0)
        branch[-1].weight.data[:] = torch.arange(80.0).view(80, 1, 1, 1)
    stock.save(tmp_path / "stock.pt")
    model = build_detector(replace(spec(scale=scale, nc=3), names={0: "laptop", 1: "zebu", 2: "truck"}))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = transfer(model, load_weights(tmp_path / "stock.pt"))
    assert report.classes == (2, 3)
    width = {"n": 64, "s": 128}[scale]  # of the branch; stock's is 80 and 128
    for level in range(3):
        for kind in ("weight", "bias"):
            name = f"model.head.cv3.{level}.2.{kind}"
            value = model.state_dict()[name]
            assert name in report.resized
            assert bool((value[0] == 63).all())
            assert bool((value[2] == 7).all())
            assert torch.equal(value[1], before[name][1])
        assert model.get_submodule(f"model.head.cv3.{level}")[-1].weight.shape[1] == width
    others = [name for name in report.resized if not re.search(r"cv3\.\d\.2\.", name)]
    assert bool(others) == (scale == "n")  # the hidden layers of a narrower branch take the first channels
    state = model.state_dict()
    names = list(stock.model.state_dict())
    assert all(bool((state[name] == names.index(f"model.23.{name[11:]}") + 1).all()) for name in others)
    assert report.unmatched_ours == ()


def test_unknown_classes(build):
    """As many classes are the same ones, another number are others, where no names are known."""
    assert transfer(build(nc=3), upstream_model("yolo11", "n", nc=3).state_dict()).unmatched_ours == ()
    report = transfer(build(nc=3), upstream_model("yolo11", "n", nc=5).state_dict())
    assert set(report.unmatched_ours) == {
        f"model.head.cv3.{i}.2.{kind}" for i in range(3) for kind in ("weight", "bias")
    }


BLOCKS = ("neck.top_p4", "neck.out_p3", "neck.out_p4", "neck.out_p5")
RESNET = {"backbone": "timm", "model": "resnet18"}
OURS = {
    "gsconv → conv": ({"neck": "gsconv"}, {}, ("neck.down_p4", "neck.down_p5")),
    "slim → conv": ({"neck": "slim"}, {}, (*BLOCKS, "neck.down_p4", "neck.down_p5")),
    "slim → gsconv": ({"neck": "slim"}, {"neck": "gsconv"}, BLOCKS),
    "effv1 → mbv3": ({"backbone": "effv1"}, {"backbone": "mbv3"}, ("backbone",)),
    "effv1 → effv2": ({"backbone": "effv1"}, {"backbone": "effv2"}, ("backbone",)),
    "timm → timm": (RESNET, {**RESNET, "model": "resnet34"}, ("backbone",)),
    "effv1 → effv1": ({"backbone": "effv1"}, {"backbone": "effv1"}, ()),
}


@pytest.mark.parametrize("case", OURS)
def test_ours_into_ours(build, tmp_path, case):
    """Layers of another kind under the same name take nothing, even where shapes agree."""
    source, target, without = OURS[case]
    giver = build(nc=2, **source)
    numbered(giver.state_dict())
    save_detector(giver, tmp_path / "best.safetensors")
    state = load_weights(tmp_path / "best.safetensors")
    model = build(nc=2, **target)
    report = transfer(model, state)
    found = taken(model, dict(giver.state_dict()), report)
    assert found == {name: name for name in found}
    swapped = [name for name in found if name.startswith(tuple(f"model.{path}." for path in without))]
    assert swapped == []
    missing_parts = {".".join(name.split(".")[1:3]) for name in report.unmatched_ours}
    assert all(part.startswith((*without, "context.sppf", "neck.")) for part in missing_parts)
    assert any(name.startswith("model.head.") for name in found)


def test_levels_by_role(build, spec):
    """P2: the block that ends the way down at P3 goes on there; what the levels' heads learnt stays with the level."""
    state = numbered(upstream_model("yolo11", "n", nc=2).state_dict())
    model = build_detector(replace(spec(nc=2), levels=("P2", "P3", "P4", "P5")))
    report = transfer(model, state)
    found = taken(model, state, report)
    role = {name: as_ours(theirs).removeprefix("model.") for name, theirs in found.items()}
    assert {name for name in role if name.startswith("model.neck.top_p3.")} != set()
    for name, theirs in role.items():
        ours = name.removeprefix("model.")
        if ours.startswith("neck.top_p3."):
            assert theirs == ours.replace("top_p3", "out_p3")
        elif match := re.match(r"head\.(cv\d)\.(\d)\.(.*)", ours):
            assert theirs == f"head.{match[1]}.{int(match[2]) - 1}.{match[3]}"
        else:
            assert theirs == ours
    assert not any(
        name.startswith(("model.neck.out_p2.", "model.neck.down_p3.", "model.neck.out_p3.")) for name in found
    )
    back = transfer(build(nc=2), dict(model.state_dict()))  # and back, without a description: by names and shapes alone
    assert {name.split(".")[1] for name in back.matched} == {"backbone", "context", "neck", "head"}


def test_the_table_of_the_parts(build):
    report = transfer(build(neck="gsconv", nc=2), upstream_model("yolo11", "n", nc=2).state_dict())
    assert report.parts["neck"] == {"matched": 126, "resized": 0, "missing": 24}
    assert list(report.parts) == ["backbone", "context", "neck", "head"]
    assert report.lines()[0].split() == ["part", "matched", "resized", "missing"]
    assert report.lines()[3].split() == ["neck", "126", "0", "24"]
    assert report.share == pytest.approx(1 - 24 / report.total)
    assert report.to_json()["parts"] == report.parts


def test_a_pretrained_backbones_normalization_goes_along(build, tmp_path):
    """Weights for images as they are take the normalization off, others bring theirs."""
    torch.save(build(backbone="effv1", width=1, depth=1).model[0].body.state_dict(), tmp_path / "w.pt")
    options = {"backbone": "effv1", "width": 1, "depth": 1, "nc": 2}
    normalized, plain = build(**options, pretrained=str(tmp_path / "w.pt")), build(**options)
    model = build(**options)
    assert "model.backbone.mean" not in transfer(model, normalized.state_dict()).unmatched_upstream
    assert torch.equal(model.model[0].mean, normalized.model[0].mean)
    model = build(**options, pretrained=str(tmp_path / "w.pt"))
    transfer(model, plain.state_dict())
    assert model.model[0].mean is None
    model = build(**options, pretrained=str(tmp_path / "w.pt"))
    transfer(model, upstream_model("yolo11", "n", nc=2).state_dict())  # neck and head only
    assert torch.equal(model.model[0].mean, normalized.model[0].mean)


def test_a_damaged_list_of_classes(build, tmp_path):
    stock = YOLO("yolo11n.yaml", verbose=False)
    for names in ({0: 5}, {1: "a"}, ["a", "b"], "ab", {"x": "y"}):
        stock.model.names = names
        stock.save(tmp_path / "m.pt")
        state = load_weights(tmp_path / "m.pt")
        assert state.names == ({0: "a", 1: "b"} if isinstance(names, list) else {})
    with pytest.raises(UserError, match="no weights file"):
        load_weights(tmp_path / "none.pt")
