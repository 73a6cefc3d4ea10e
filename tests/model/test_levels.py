"""Pyramids other than P3 to P5: every part follows the levels that were asked for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helpers.models import group, make_spec
from helpers.program import Program
from yolograft.common.errors import UserError
from yolograft.common.levels import STRIDES
from yolograft.config.former import first_form, update_config
from yolograft.model.detector import build_detector
from yolograft.model.features import Scale, pyramid
from yolograft.model.necks.conv import ConvNeck
from yolograft.model.spec import ModelSpec
from yolograft.upstream.model import upstream_model

P2, P6, TWO = ("P2", "P3", "P4", "P5"), ("P3", "P4", "P5", "P6"), ("P2", "P3")
BACKBONES = [
    ("yolo11", {}),
    ("effv1", {}),
    ("effv2", {}),
    ("mbv3", {"variant": "large"}),
    ("mbv3", {"variant": "small"}),
    ("timm", {"model": "resnet18"}),
]


def made(levels, **choices):
    return build_detector(replace(make_spec(**choices), levels=levels))


def params(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("backbone", "options"), BACKBONES)
def test_all_parts_follow(backbone, options):
    for levels, context in ((P2, "sppf"), (P6, "sppf_c2psa"), (TWO, "none")):
        model = made(levels, backbone=backbone, context=context, nc=2, **options)
        strides = [STRIDES[level] for level in levels]
        assert [(f.name, f.stride) for f in model.levels] == list(zip(levels, strides, strict=True))
        assert model.stride.tolist() == strides
        out = model(torch.rand(2, 3, 128, 192))
        assert [tuple(m.shape[2:]) for m in out["feats"]] == [(128 // s, 192 // s) for s in strides]
        (out["boxes"].square().sum() + out["scores"].square().sum()).backward()
        # Nothing is built for a level that was not asked for.
        assert [n for n, p in model.named_parameters() if p.grad is None] == ["model.head.dfl.conv.weight"]


def upstream_layers(base, scale):
    return [params(layer) for layer in upstream_model(base, scale).model]


def test_p2_and_p6_are_built_as_ultralytics_does():
    """Its YOLO26 has this backbone and neck, with C3k blocks in the neck at n too, but for the last block."""
    scale = {key: value for key, value in group("scale", "n").items() if key != "c3k"}
    theirs = upstream_layers("yolo26", "n-p2")
    backbone = made(P2).model.backbone
    assert [params(layer) for layer in backbone.children()] == theirs[:9]
    neck = ConvNeck(pyramid((64, 128, 128, 256), P2), Scale(**scale, c3k=True, levels=P2))
    names = ("top_p4", "top_p3", "out_p2", "down_p3", "out_p3", "down_p4", "out_p4", "down_p5")
    assert [params(neck.get_submodule(name)) for name in names] == [theirs[i] for i in (13, 16, 19, 20, 22, 23, 25, 26)]
    theirs = upstream_layers("yolo26", "n-p6")
    model = made(P6).model
    assert [params(layer) for layer in model.backbone.children()] == theirs[:11]
    assert [params(layer) for layer in model.context.children()] == theirs[11:13]
    neck = ConvNeck(pyramid((128, 128, 192, 256), P6), Scale(**scale, c3k=True, levels=P6))
    names = ("top_p5", "top_p4", "out_p3", "down_p4", "out_p4", "down_p5", "out_p5", "down_p6")
    assert [params(neck.get_submodule(name)) for name in names] == [theirs[i] for i in (15, 18, 21, 22, 24, 25, 27, 28)]


@pytest.mark.parametrize(
    ("base", "scale", "levels"), [("yolov8", "n-p2", P2), ("yolo26", "n-p2", P2), ("yolo26", "n-p6", P6)]
)
def test_where_ultralytics_has_such_a_model_ours_is_the_same(base, scale, levels):
    """Tensor by tensor in one order, and to the last bit in what it answers."""
    theirs = upstream_model(base, scale).eval()
    ours = build_detector(replace(make_spec(base=base), levels=levels)).eval()
    state, names = theirs.state_dict(), list(ours.state_dict())
    ours.load_state_dict(dict(zip(names, state.values(), strict=True)))
    assert ours.stride.tolist() == theirs.stride.tolist()
    given: list[list[torch.Tensor]] = []  # what the head gets: it answers in one of two forms
    for model in (ours, theirs):
        model.model[-1].register_forward_pre_hook(lambda head, args: given.append(list(args[0])))
        with torch.no_grad():
            model(torch.rand(1, 3, 128, 192, generator=torch.Generator().manual_seed(0)))
    assert len(given[0]) == 4
    assert all(torch.equal(one, other) for one, other in zip(*given, strict=True))


def test_the_backbone_of_yolov8_p6():
    """Its neck has another block than YOLOv8's."""
    coarse = build_detector(replace(make_spec(base="yolov8"), levels=P6)).model
    layers = [params(layer) for part in list(coarse)[:2] for layer in part.children()]
    assert layers == upstream_layers("yolov8", "n-p6")[:12]


def test_p6_of_a_classifier_is_one_convolution():
    for backbone in ("effv1", "timm"):
        usual, more = made(("P3", "P4", "P5"), backbone=backbone), made(P6, backbone=backbone)
        p5, p6 = more.levels[-2:]
        assert p6.channels == 256
        added = params(more.model.backbone) - params(usual.model.backbone)
        assert added == 9 * p5.channels * p6.channels + 2 * p6.channels


def test_a_spec_keeps_its_levels():
    spec = replace(make_spec(), levels=P2)
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert "levels" not in json.loads(make_spec().to_json())
    for wrong in ([], ["P3"], ["P3", "P5"], ["P4", "P3"], ["P3", "P4", "P5", "P6", "P7"], ["x"] * 9, [3, 4], "P3"):
        with pytest.raises(ValueError, match="not a model's description"):
            ModelSpec.from_json(json.dumps({**json.loads(spec.to_json()), "levels": wrong}))


def test_a_part_that_has_other_levels_is_refused():
    with pytest.raises(UserError, match=r"has maps at strides 16; .* 4, 8, 16 and 32"):
        made(P2, backbone="timm", model="vit_tiny_patch16_224")


def test_the_usual_levels_are_no_part_of_an_identity():
    config = {"backbone": {"_target_": "x"}, "levels": ["P3", "P4", "P5"], "epochs": 1}
    assert "levels" not in first_form(config)
    assert first_form({**config, "levels": list(P2)})["levels"] == list(P2)
    assert update_config({"backbone": {}, "epochs": 1})["levels"] == ["P3", "P4", "P5"]


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["levels=[P3,P5]"], "levels=[P3,P5]: must be neighbours of P2, P3, P4, P5, P6, the finest first"),
        (["levels=[P3,P4,P5,P6]", "imgsz=672"], "imgsz=672: must be a multiple of 64, the stride of P6: 640 or 704"),
    ],
)
def test_the_command_line(yolograft: Program, words, refusal):
    done = yolograft("info", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"yolograft: {refusal}")


def test_info_and_a_training(yolograft: Program, tmp_path: Path):
    done = yolograft("info", "levels=[P3,P4,P5,P6]", "backbone=mbv3", "format=json")
    told = json.loads(done.stdout)
    assert {name: level["stride"] for name, level in told["levels"].items()} == {"P3": 8, "P4": 16, "P5": 32, "P6": 64}
    tiny = ["dataset=shapes", "dataset.train=4", "dataset.val=2", "imgsz=64", "batch=2", "epochs=1", "augment=none"]
    done = yolograft("train", *tiny, "levels=[P3,P4,P5,P6]", "backbone=mbv3", "augment.multi_scale=0.5")
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    done = yolograft("val", f"run={run}", "format=json")
    assert done.returncode == 0, done.stderr
    done = yolograft("val", f"run={run}", "imgsz=96")
    assert done.returncode == 2
    assert "imgsz=96: must be a multiple of 64" in done.stderr
