"""Agreement with stock YOLO11: same weights from the same seed, same output from the same weights."""

import contextlib
from copy import deepcopy

import pytest
import torch
from ultralytics.nn.tasks import DetectionModel

from helpers.models import names
from yolograft.model.bases import DEFAULT_BASE
from yolograft.model.transfer import to_upstream, transfer
from yolograft.upstream.model import Conv, Detect, upstream_model


def randomise_statistics(model):
    """Make batch normalisation do something in evaluation, as after training."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    return model.eval()


def test_same_seed_gives_the_same_weights(build):
    torch.manual_seed(7)
    stock = upstream_model("yolo11", "n")
    next_of_stock = torch.rand(4)
    torch.manual_seed(7)
    ours = build()
    assert torch.equal(torch.rand(4), next_of_stock)  # as much randomness was used
    theirs = list(stock.state_dict().values())
    assert len(theirs) == len(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(theirs, ours.state_dict().values(), strict=True))


def test_same_settings_of_every_layer(build):
    def settings(model):
        return [
            (type(m), getattr(m, "eps", None), getattr(m, "momentum", None), getattr(m, "stride", None))
            for m in model.modules()
            if isinstance(m, torch.nn.BatchNorm2d | torch.nn.Conv2d)
        ]

    assert settings(build()) == settings(upstream_model("yolo11", "n"))


@pytest.mark.parametrize("scale", ["n", "s", "m"])
@torch.no_grad()
def test_weights_by_role_both_ways(build, scale):
    stock = randomise_statistics(upstream_model("yolo11", scale))
    ours = build(scale=scale).eval()
    report = transfer(ours, stock.state_dict())
    assert (report.unmatched_ours, report.unmatched_upstream) == ((), ())
    assert len(report.matched) == len(stock.state_dict())
    image = torch.rand(2, 3, 96, 64)
    assert torch.equal(ours(image)[0], stock(image)[0])

    again = upstream_model("yolo11", scale).eval()
    again.load_state_dict(to_upstream(ours))
    assert torch.equal(again(image)[0], stock(image)[0])


@pytest.mark.parametrize(
    "scale", ["n", pytest.param("s", marks=pytest.mark.slow), pytest.param("m", marks=pytest.mark.slow)]
)
def test_gsconv_leaves_exactly_two_layers_unmatched(build, scale):
    stock = upstream_model("yolo11", scale)
    ours = build(neck="gsconv", scale=scale)
    report = transfer(ours, stock.state_dict())
    assert report.unmatched_layers == ("neck.down_p4", "neck.down_p5")
    assert all(name.startswith(("model.neck.down_p4.", "model.neck.down_p5.")) for name in report.unmatched_ours)
    assert {name.split(".")[1] for name in report.unmatched_upstream} == {"17", "20"}
    assert not any(name.startswith(("model.17.", "model.20.")) for name in to_upstream(ours))


@pytest.mark.parametrize(
    ("choices", "parts"),
    [
        ({"backbone": "mbv3"}, {"backbone", "context"}),  # SPPF's input width follows the backbone's
        ({"context": "sppf"}, {"context"}),
        ({"neck": "slim"}, {"neck"}),
    ],
)
def test_swapped_parts_are_not_matched(build, choices, parts):
    report = transfer(build(**choices), upstream_model("yolo11", "n").state_dict())
    assert {path.split(".")[0] for path in report.unmatched_layers} >= parts - {"backbone"}
    swapped = {role.path for role in DEFAULT_BASE.roles if role.path.split(".")[0] in parts & set(choices)}
    kept = {"context.sppf"} if choices.get("context") else set()
    assert swapped - kept <= set(report.unmatched_layers)
    assert "head" not in report.unmatched_layers


def test_another_number_of_classes_is_reported(build):
    report = transfer(build(nc=3), upstream_model("yolo11", "n", nc=80).state_dict())
    assert report.unmatched_layers == ("head",)
    assert all(".cv3." in name for name in report.unmatched_ours)
    assert str(report).endswith("(not: head)")


def test_transfer_takes_either_naming(build):
    one, other = build(), build()
    assert transfer(one, other.state_dict()).unmatched_ours == ()
    assert transfer(one, upstream_model("yolo11", "n").state_dict()).unmatched_ours == ()


def test_strides_are_those_of_a_real_forward(build):
    model = build(nc=2).eval()
    with torch.no_grad():
        maps = model(torch.zeros(1, 3, 128, 128))[1]["feats"]
    assert model.stride.tolist() == [128 / m.shape[-1] for m in maps] == [8, 16, 32]
    assert model.model[-1].stride is model.stride


@torch.no_grad()
def test_fuse_and_copies(build):
    model = randomise_statistics(build(neck="slim", nc=2))
    image = torch.rand(1, 3, 64, 64)
    expected = model(image)[0]
    fused = deepcopy(model).fuse(verbose=False)
    assert fused.is_fused()
    assert not model.is_fused()
    torch.testing.assert_close(fused(image)[0], expected, rtol=1e-3, atol=1e-3)
    assert torch.equal(model(image, augment=False)[0], expected)
    assert model(image, augment=True)[0].shape[1] == 6  # stock's test-time augmentation takes the head for its own


def test_pickle(build, tmp_path):
    model = build(backbone="effv1", nc=2).eval()
    torch.save(model, tmp_path / "m.pt")
    copy = torch.load(tmp_path / "m.pt", weights_only=False)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(copy(image)[0], model(image)[0])
    assert copy.spec == model.spec


@pytest.mark.parametrize("loss", names("loss"))
def test_nothing_is_left_behind_in_the_process(build, loss):
    def state():
        return Conv.default_act, dict(vars(Conv)), dict(vars(Detect)), torch.backends.cudnn.benchmark

    before = state()
    model = build(backbone="effv2", neck="slim", loss=loss, nc=2)
    model.init_criterion()
    assert state() == before
    assert "head" in dict(model.model.named_children())


def test_the_head_does_not_depend_on_what_was_built_before(build):
    expected = sum(p.numel() for p in build().model[-1].parameters())
    with contextlib.ExitStack() as undo:
        undo.callback(setattr, Detect, "legacy", Detect.legacy)
        DetectionModel("yolov8n.yaml", verbose=False)
        assert Detect.legacy is True  # stock's own side effect
        model = build()
        assert sum(p.numel() for p in model.model[-1].parameters()) == expected
        assert type(model.model[-1]) is Detect
