"""Agreement of every base with ultralytics' own model: parameters, weights from a seed, outputs, weights by role."""

from dataclasses import replace

import pytest
import torch

from helpers.models import make_spec
from yolograft.common.errors import UserError
from yolograft.model.bases import BASES
from yolograft.model.detector import build_detector, parts_params
from yolograft.model.roles import base_of
from yolograft.model.transfer import to_upstream, transfer
from yolograft.upstream.model import upstream_model

PARAMS = {
    "yolo11": {"n": 2_624_080, "s": 9_458_752, "m": 20_114_688, "l": 25_372_160, "x": 56_966_176},
    "yolo26": {"n": 2_572_280, "s": 10_009_784, "m": 21_896_248, "l": 26_299_704, "x": 58_993_368},
    "yolo12": {"n": 2_602_288, "s": 9_284_096, "m": 20_199_168, "l": 26_450_784, "x": 59_210_784},
    "yolov8": {"n": 3_157_200, "s": 11_166_560, "m": 25_902_640, "l": 43_691_520, "x": 68_229_648},
    "yolov10": {"n": 2_775_520, "s": 8_128_272, "m": 16_576_768, "b": 20_574_384, "l": 25_888_688, "x": 31_808_960},
}
"""As ultralytics' model files say; they do not for YOLOv10, whose models were built and counted."""

FAMILIES = [base for base in BASES if base != "yolo11"]  # of which test_model.py says the same and more
LARGER = [(base, scale) for base in BASES for scale in PARAMS[base] if scale != "n"]


def settle(model, seed=3):
    """Make batch normalisation do something in evaluation, as after training."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def check(build, base, scale):
    torch.manual_seed(7)
    stock = upstream_model(base, scale)
    next_of_stock = torch.rand(4)
    torch.manual_seed(7)
    ours = build(base=base, scale=scale)
    assert torch.equal(torch.rand(4), next_of_stock)  # as much randomness was used
    theirs = list(stock.state_dict().values())
    assert len(theirs) == len(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours.state_dict().values(), strict=True))
    assert sum(p.numel() for p in ours.parameters()) == PARAMS[base][scale]

    settle(stock)
    report = transfer(ours, stock.state_dict())
    assert (report.unmatched_ours, report.unmatched_upstream) == ((), ())
    image = torch.rand(2, 3, 96, 64)
    again = upstream_model(base, scale).eval()
    again.load_state_dict(to_upstream(ours))
    with torch.no_grad():
        for without_nms in (False, True) if hasattr(stock.model[-1], "one2one_cv2") else (None,):
            for model in (stock, ours.eval(), again):
                if without_nms is not None:
                    model.end2end = without_nms
            expected = stock(image)[0]
            assert expected.shape == ((2, 126, 6) if without_nms else (2, 84, 126))
            assert torch.equal(ours(image)[0], expected)
            assert torch.equal(again(image)[0], expected)


@pytest.mark.parametrize("base", FAMILIES)
def test_a_base_is_ultralytics_own(build, base):
    check(build, base, "n")


@pytest.mark.slow
@pytest.mark.parametrize(("base", "scale"), LARGER)
def test_a_base_is_ultralytics_own_at_every_scale(build, base, scale):
    check(build, base, scale)


@pytest.mark.parametrize(("base", "scale"), LARGER)
def test_parameters(build, base, scale):
    with torch.device("meta"):
        model = build(base=base, scale=scale)
    assert sum(p.numel() for p in model.parameters()) == PARAMS[base][scale]


def test_the_base_of_a_detector_is_found_by_its_layers(build):
    with torch.device("meta"):
        for name, base in BASES.items():
            if name != "yolo26":  # its layers are called as YOLO11's
                assert base_of(build(base=name)) is base
                assert base_of(build(base=name, backbone="mbv3")) is base
        assert base_of(build(base="yolo26")).roles == BASES["yolo26"].roles


@pytest.mark.parametrize("base", BASES)
def test_a_swapped_part_leaves_the_others(build, base):
    """The backbone of another base: every layer behind it that it does not widen still takes the upstream weights."""
    stock = upstream_model(base, "n")
    ours = build(base=base, neck="slim")
    report = transfer(ours, stock.state_dict())
    assert {layer.split(".")[0] for layer in report.unmatched_layers} == {"neck"}
    assert {name.split(".")[1] for name in report.unmatched_ours} == {"neck"}


def test_yolov10_needs_a_scale_that_says_where_the_compact_blocks_are():
    spec = make_spec(base="yolov10")
    with pytest.raises(UserError, match=r"backbone 'yolov10' needs a scale of the name n, s, m, b, l, x"):
        build_detector(replace(spec, scale={**spec.scale, "name": "t"}))


@pytest.mark.parametrize(("end", "levels"), [("p2", ("P2", "P3", "P4", "P5")), ("p6", ("P3", "P4", "P5", "P6"))])
def test_yolo26_with_other_levels_is_ultralytics_own(end, levels):
    ours = build_detector(replace(make_spec(base="yolo26"), levels=levels))
    theirs = upstream_model("yolo26", f"n-{end}")
    assert [t.shape for t in ours.state_dict().values()] == [t.shape for t in theirs.state_dict().values()]
    assert ours.stride.tolist() == theirs.stride.tolist()


def test_area_attention_says_which_channels_it_needs():
    spec = make_spec(base="yolo12")
    with pytest.raises(UserError, match=r"backbone 'yolo12' needs blocks of a multiple of 64 channels, not 160"):
        build_detector(replace(spec, scale={**spec.scale, "width": 0.3}))


@pytest.mark.parametrize("base", FAMILIES)
def test_swapping_one_part_of_a_base_leaves_the_others(build, base):
    swaps = {"backbone": "effv1", "context": "sppelan", "neck": "slim", "head": "detect", "loss": "eiou"}
    with torch.device("meta"):
        stock = parts_params(build(base=base))
        for group, choice in swaps.items():
            made = parts_params(build(base=base, **{group: choice}))
            # Only what takes the backbone's maps may follow their widths: the context (P5) and the neck (P3, P4).
            forced = {"context", "neck"} if group in ("backbone", "context") else set()
            assert {name for name in made if made[name] != stock.get(name)} <= {group} | forced
