"""Every piece of a neck, and every neck: it learns, is deterministic, folds, and runs in ONNX Runtime."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.models import make_spec, names
from yolograft.common.errors import UserError
from yolograft.model.blocks.dcnv2 import DCNv2
from yolograft.model.blocks.inner import InnerC3k2
from yolograft.model.detector import build_detector, gflops, parts_params
from yolograft.model.features import Scale, pyramid
from yolograft.model.fold import fold
from yolograft.model.necks.afpn import AFPN
from yolograft.model.necks.bifpn import BiFPN
from yolograft.model.necks.conv import ConvNeck
from yolograft.model.necks.gsconv import GSConvNeck
from yolograft.model.necks.hsfpn import HSFPN
from yolograft.model.necks.slim import SlimNeck
from yolograft.model.transfer import transfer
from yolograft.upstream.model import upstream_model

SCALE = Scale("tiny", depth=0.5, width=0.125, max_channels=1024, c3k=False)
GIVEN = (64, 64, 128)
PIECES: dict[str, tuple[str, ...]] = {
    "block": ("c3k2", "c2f", "vovgscsp1", "vovgscsp2", "vovgscsp3", "repcsp", "fasterblock"),
    "inner": ("wtconv", "rfaconv", "odconv", "pconv", "dcnv2"),
    "down": ("gsconv", "ghost", "dwconv", "scdown", "spdconv", "adown"),
    "up": ("carafe", "dysample", "transposed"),
    "fuse": ("bifpn", "asff", "sdi"),
}
CASES: list[tuple[type[nn.Module], dict[str, Any]]] = [
    *((ConvNeck, {key: value}) for key, values in PIECES.items() for value in values),
    (GSConvNeck, {"shuffle": "learned"}),
    (SlimNeck, {"gs_kernel": 17, "shuffle": "learned"}),
    (ConvNeck, {"block": "repcsp", "inner": "odconv", "down": "spdconv", "up": "carafe", "fuse": "asff"}),
    (BiFPN, {"repeats": 2}),
    (AFPN, {"repeats": 1}),
    (HSFPN, {}),
]


def label(case: Any) -> str:
    return case.__name__ if isinstance(case, type) else "-".join(map(str, case.values())) or "usual"


def maps(images: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sides = ((8, 12), (4, 6), (2, 3))
    return [torch.randn(images, c, *side, generator=generator) for c, side in zip(GIVEN, sides, strict=True)]


def made(kind: Any, options: Mapping[str, Any], seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return kind(pyramid(GIVEN), SCALE, **options)


class Spread(nn.Module):
    """A neck that takes its maps one by one, as a graph has inputs."""

    def __init__(self, neck: nn.Module) -> None:
        super().__init__()
        self.neck = neck

    def forward(self, p3: torch.Tensor, p4: torch.Tensor, p5: torch.Tensor) -> list[torch.Tensor]:
        return self.neck([p3, p4, p5])


def in_onnx_runtime(neck: nn.Module, given: list[torch.Tensor], tmp_path: Path) -> list[np.ndarray[Any, Any]]:
    onnxruntime = pytest.importorskip("onnxruntime")
    file, inputs = tmp_path / "neck.onnx", ["p3", "p4", "p5"]
    batches = {name: {0: "batch"} for name in inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Spread(neck), tuple(given), file, dynamo=False, opset_version=18, input_names=inputs, dynamic_axes=batches
        )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    twice = {name: torch.cat((m, m)).numpy() for name, m in zip(inputs, given, strict=True)}
    return session.run(None, twice)


@pytest.mark.parametrize(("kind", "options"), CASES, ids=label)
def test_a_neck(kind: Any, options: dict[str, Any], tmp_path: Path) -> None:
    neck: Any = made(kind, options)
    outs = neck(maps())
    assert [tuple(m.shape[1:]) for m in outs] == [(32, 8, 12), (64, 4, 6), (128, 2, 3)]
    assert [f.channels for f in neck.features] == [32, 64, 128]
    sum(m.square().sum() for m in outs).backward()
    assert [name for name, p in neck.named_parameters() if p.grad is None or not p.grad.any()] == []

    other = made(kind, options, seed=1)
    again = made(kind, options)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), made(kind, options).parameters(), strict=True))
    with torch.no_grad():
        for p in neck.parameters():  # so that offsets, gates and batch norms do something
            p += 0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel()))
    other.load_state_dict(neck.state_dict())
    neck.eval()
    with torch.no_grad():
        expected = neck(maps(1))
        assert all(torch.equal(a, b) for a, b in zip(expected, other.eval()(maps(1)), strict=True))
    # Exported with one image, run with two.
    for one, two in zip(expected, in_onnx_runtime(neck, maps(1), tmp_path), strict=True):
        rounding = 1e-4 + 1e-6 * float(one.abs().max())  # a small value may be the difference of two large ones
        np.testing.assert_allclose(two, torch.cat((one, one)).numpy(), rtol=1e-3, atol=rounding)


def detector(neck: str, **options: Any) -> Any:
    spec = make_spec(neck=neck, nc=2)
    return build_detector(replace(spec, parts=spec.parts | {"neck": spec.parts["neck"] | options}))


@pytest.mark.parametrize(
    ("neck", "options"),
    [
        ("conv", {"block": "repcsp", "inner": "wtconv", "down": "ghost", "up": "transposed", "fuse": "bifpn"}),
        ("conv", {"inner": "rfaconv", "down": "scdown", "up": "dysample", "fuse": "asff"}),
        ("conv", {"inner": "odconv", "down": "spdconv", "up": "carafe", "fuse": "sdi"}),
        ("conv", {"block": "c2f", "inner": "dcnv2", "down": "adown"}),
        ("conv", {"block": "fasterblock", "down": "dwconv"}),
        ("conv", {"block": "vovgscsp2", "down": "gsconv"}),
        ("conv", {"inner": "pconv"}),
        ("slim", {"block": "vovgscsp3", "shuffle": "learned", "gs_kernel": 9}),
        ("bifpn", {}),
        ("afpn", {}),
        ("hsfpn", {}),
    ],
)
def test_a_folded_detector_gives_the_same(neck: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = detector(neck, **options)
    image = torch.rand(2, 3, 64, 96)
    model.train()(image)  # batch norms that have seen something
    model.eval()
    folded = fold(model)
    assert sum(p.numel() for p in folded.parameters()) < sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        torch.testing.assert_close(folded(image)[0], model(image)[0], rtol=1e-3, atol=1e-3)


def conv(c1: int, c2: int, k: int = 1) -> int:
    """Parameters of a convolution and its batch norm."""
    return k * k * c1 * c2 + 2 * c2


def plain(c1: int, c2: int, k: int = 1) -> int:
    """Parameters of a convolution with a bias."""
    return k * k * c1 * c2 + c2


def test_the_parameters_of_afpn() -> None:
    def stage(widths: list[int]) -> int:
        count = len(widths)
        down = sum(conv(widths[a], widths[b], 2 ** (b - a)) for b in range(count) for a in range(b))
        up = sum(conv(widths[a], widths[b]) for b in range(count) for a in range(b + 1, count))
        fuse = sum(count * conv(width, 8) + plain(8 * count, count) for width in widths)
        return down + up + fuse + sum(2 * conv(width, width, 3) for width in widths)

    inside = [c // 4 for c in GIVEN]
    ends = sum(conv(c, c // 4) for c in GIVEN) + sum(conv(c, out) for c, out in zip(inside, (32, 64, 128), strict=True))
    assert count_of(made(AFPN, {"repeats": 1})) == ends + stage(inside[:2]) + stage(inside)


def test_the_parameters_of_hsfpn() -> None:
    width = 32
    weights = sum(2 * c * (c // 4) for c in GIVEN) + 2 * 2 * width * (width // 4)
    match = sum(plain(c, width) for c in GIVEN)
    up = 2 * plain(width, width, 3)

    def c3k2(c1: int, c2: int) -> int:
        half = c2 // 2
        return conv(c1, c2) + conv(half, half // 2, 3) + conv(half // 2, half, 3) + conv(3 * half, c2)

    assert count_of(made(HSFPN, {})) == weights + match + up + sum(c3k2(width, c) for c in (32, 64, 128))


def count_of(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_only_the_neck_differs() -> None:
    with torch.device("meta"):
        usual = parts_params(detector("conv"))
        for neck in names("neck"):
            assert {part for part, n in parts_params(detector(neck)).items() if n != usual[part]} <= {"neck"}
        for key, values in PIECES.items():
            for value in values:
                changed = {p for p, n in parts_params(detector("conv", **{key: value})).items() if n != usual[p]}
                assert changed == ({"neck"} if value != "c3k2" else set())


def test_presets_are_pieces() -> None:
    def shapes(model: Any) -> list[tuple[str, torch.Size]]:
        return [(name, t.shape) for name, t in model.state_dict().items()]

    with torch.device("meta"):
        assert shapes(detector("conv", down="gsconv")) == shapes(detector("gsconv"))
        assert shapes(detector("conv", down="gsconv", block="vovgscsp1")) == shapes(detector("slim"))
        # Files of before have no options.
        slim = make_spec(neck="slim")
        target = {"_target_": slim.parts["neck"]["_target_"]}
        bare = replace(slim, parts=slim.parts | {"neck": target})
        assert shapes(build_detector(bare)) == shapes(build_detector(slim))


def test_a_block_with_something_else_inside_takes_no_stock_weights() -> None:
    model = detector("conv", inner="pconv")
    assert isinstance(model.model.neck.top_p4, InnerC3k2)
    report = transfer(model, upstream_model("yolo11", "n", 2).state_dict())
    assert {layer for layer in report.unmatched_layers if layer.startswith("neck.")} == {
        "neck.top_p4",
        "neck.out_p3",
        "neck.out_p4",
        "neck.out_p5",
    }


def test_gsconv_in_the_backbone() -> None:
    """The four convolutions of stride 2 behind the stem, and nothing else."""
    with torch.device("meta"):
        usual, other = build_detector(make_spec()), build_detector(make_spec(conv="gsconv"))
    assert {p for p, n in parts_params(usual).items() if n != parts_params(other)[p]} == {"backbone"}
    down = [(16, 32), (64, 64), (128, 128), (128, 256)]
    spared = sum((9 * c1 * c2 + 2 * c2) - (9 * c1 * c2 // 2 + c2 + 25 * c2 // 2 + c2) for c1, c2 in down)
    assert parts_params(usual)["backbone"] - parts_params(other)["backbone"] == spared


class OwnBlock(ConvNeck):
    def block(self, c1: int, c2: int, scale: Scale, *, c3k: bool) -> nn.Module:
        return nn.Conv2d(c1, c2, 1)

    def downsample_at(self, place: str, channels: int) -> nn.Module:
        return nn.AvgPool2d(2)


def test_a_given_piece_stands_in_place_of_a_classes_own() -> None:
    own: Any = OwnBlock(pyramid(GIVEN), SCALE)
    assert (type(own.top_p4), type(own.down_p4)) == (nn.Conv2d, nn.AvgPool2d)
    given: Any = OwnBlock(pyramid(GIVEN), SCALE, block="c2f", down="scdown")
    assert (type(given.top_p4).__name__, type(given.down_p4).__name__) == ("C2f", "SCDown")


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"shuffle": "learned"}, "neck.shuffle=learned: needs a GSConv, as neck.down=gsconv has"),
        ({"gs_kernel": 7}, "neck.gs_kernel=7: needs a GSConv"),
        ({"gs_kernel": 6, "down": "gsconv"}, "neck.gs_kernel=6: must be an odd number up to 17"),
        ({"gs_kernel": 19, "down": "gsconv"}, "neck.gs_kernel=19: must be an odd number up to 17"),
        ({"inner": "wtconv", "block": "fasterblock"}, "neck.inner=wtconv: neck.block=fasterblock has no bottleneck"),
        ({"up": "bilinear"}, "neck.up=bilinear: must be one of nearest, carafe, dysample, transposed"),
    ],
)
def test_pieces_that_do_not_go_together(options: dict[str, Any], refusal: str) -> None:
    with pytest.raises(UserError) as error:
        detector("conv", **options)
    assert str(error.value).startswith(refusal)
    with pytest.raises(UserError, match=r"neck\.inner=pconv: OwnBlock has blocks of its own; add neck\.block=c3k2"):
        OwnBlock(pyramid(GIVEN), SCALE, inner="pconv")
    with pytest.raises(UserError, match="neck 'bifpn' needs repeats and width above 0, not 0 and 64"):
        detector("bifpn", repeats=0)


def test_gflops_count_every_convolution() -> None:
    """An ODConv and a DCNv2 compute what the convolution does in whose place they stand, and more."""
    usual = gflops(detector("conv"), 128)
    assert usual > 0
    for inner in ("odconv", "dcnv2"):
        model = detector("conv", inner=inner)
        state = {name: t.clone() for name, t in model.state_dict().items()}
        assert gflops(model, 128) > usual
        assert model.training
        assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())
    assert gflops(detector("conv", up="carafe"), 128) > usual
    block, x = DCNv2(4, 6), torch.zeros(1, 4, 5, 7)
    assert block.uncounted_macs(block(x)) == 9 * 4 * 6 * 35
    assert block(torch.full_like(x, torch.nan)).isnan().all()  # and does not end the process


class NeedsRoom(ConvNeck):
    def forward(self, maps: list[torch.Tensor]) -> list[torch.Tensor]:
        if maps[-1].shape[-1] < 5:
            raise RuntimeError("too\nsmall")
        return super().forward(maps)


def test_a_model_that_needs_room_has_gflops_all_the_same() -> None:
    model = detector("conv")
    usual = gflops(model, 320)
    model.model.neck.__class__ = NeedsRoom
    assert gflops(model, 320) == pytest.approx(usual, rel=0.02)
    with pytest.raises(UserError, match=r"neck: its forward fails for an image of 128×128 pixels: .*: too small"):
        gflops(model, 128)
