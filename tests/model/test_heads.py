"""Heads: against their equations, on three and four levels, with ultralytics' loss, folded and exported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from helpers.models import build_variant, make_spec
from yolograft.common.errors import UserError
from yolograft.evaluation.runtimes import load_runtime
from yolograft.model.blocks.deformable import deformable
from yolograft.model.blocks.dyhead import DyHeadBlock, DyReLU
from yolograft.model.detector import ModelSpec, build_detector, parts_params
from yolograft.model.fold import fold
from yolograft.upstream.exporter import export
from yolograft.upstream.model import Detect

DERIVED = ("asff", "dyhead", "lscd")
P2 = ("P2", "P3", "P4", "P5")
WIDTHS = (64, 128, 256)
"""Channels of the neck's P3, P4, P5 at n."""


def detect_params(widths, nc):
    """Parameters of ultralytics' head in YOLO11's form, its batch norms included."""
    box, score = max(16, widths[0] // 4, 64), max(widths[0], min(nc, 100))
    total = 16  # the fixed weights of the distribution
    for width in widths:
        total += 9 * width * box + 2 * box + 9 * box * box + 2 * box + 64 * box + 64
        total += 9 * width + 2 * width + width * score + 2 * score
        total += 9 * score + 2 * score + score * score + 2 * score + score * nc + nc
    return total


def lscd_params(nc, hidden=64):
    stems = sum(width * hidden + 2 * hidden for width in WIDTHS)
    tower = 2 * (9 * hidden * hidden + 2 * hidden)
    return stems + tower + (hidden + 1) * (64 + nc) + 3 + 16


def dyhead_params(nc, hidden=64, blocks=2):
    block = (9 * hidden + 1) * 27 + 3 * (9 * hidden * hidden + 2 * hidden) + hidden + 1
    block += (hidden + 1) * (hidden // 4) + (hidden // 4 + 1) * 4 * hidden
    return sum(width * hidden + 2 * hidden for width in WIDTHS) + blocks * block + detect_params([hidden] * 3, nc)


def asff_params(nc):
    total = detect_params(WIDTHS, nc)
    for place, own in enumerate(WIDTHS):
        enlarged, reduced = sum(WIDTHS[place + 1 :]), sum(WIDTHS[:place])
        total += (enlarged + 9 * reduced + 2 * 2) * own  # a 1×1 or a 3×3 convolution of each of the two others
        total += 3 * (own * 8 + 2 * 8) + (3 * 8 + 1) * 3 + (9 * own + 2) * own
    return total


FORMULAS = {
    "detect": lambda nc: detect_params(WIDTHS, nc),
    "asff": asff_params,
    "lscd": lscd_params,
    "dyhead": dyhead_params,
}


@pytest.mark.parametrize("nc", [2, 80])
@pytest.mark.parametrize("head", FORMULAS)
def test_has_as_many_parameters_as_its_formula(head, nc):
    with torch.device("meta"):
        model = build_variant(head=head, nc=nc)
        stock = build_variant(nc=nc)
    assert parts_params(model) == parts_params(stock) | {"head": FORMULAS[head](nc)}


def test_a_deformable_convolution_is_torchvisions():
    torch.manual_seed(0)
    x, weight = torch.randn(2, 6, 9, 12, requires_grad=True), torch.randn(4, 6, 3, 3, requires_grad=True)
    for stride, size in ((1, (9, 12)), (2, (5, 6))):
        offset, mask = torch.randn(2, 18, *size) * 3, torch.rand(2, 9, *size)
        one = deformable(x, offset, mask, weight, stride)
        other = deform_conv2d(x, offset, weight, stride=stride, padding=1, mask=mask)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
        gradients = [torch.autograd.grad(y.square().sum(), (x, weight)) for y in (one, other)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-3)


def plain_dyrelu(b, x):
    theta = F.conv2d(F.conv2d(x.mean((2, 3), keepdim=True), b.see[0].weight, b.see[0].bias).relu(), b.see[2].weight)
    theta = F.relu6(theta + b.see[2].bias.view(1, -1, 1, 1) + 3) / 6 - 0.5
    a1, b1, a2, b2 = theta.view(len(x), 4, -1, 1, 1).unbind(1)
    return torch.where(x * (1 + 2 * a1) + b1 > 2 * a2 * x + b2, x * (1 + 2 * a1) + b1, 2 * a2 * x + b2)


def plain_dyhead(b, maps):
    def level(own, other, part, stride=1):
        o = F.conv2d(own, b.predict.weight, b.predict.bias, padding=1)
        y = deform_conv2d(other, o[:, :18], part.weight, stride=stride, padding=1, mask=o[:, 18:].sigmoid())
        y = F.group_norm(y, part.norm.num_groups, part.norm.weight, part.norm.bias)
        score = F.conv2d(y.mean((2, 3), keepdim=True), b.scale[0].weight, b.scale[0].bias).relu()
        return y * F.relu6(score + 3) / 6

    fine, middle, coarse = maps

    def enlarged(m, like):
        return F.interpolate(m, like.shape[2:], mode="bilinear", align_corners=True)

    return [
        plain_dyrelu(b.task, (level(fine, fine, b.same) + level(fine, enlarged(middle, fine), b.coarser)) / 2),
        plain_dyrelu(
            b.task,
            (
                level(middle, middle, b.same)
                + level(middle, fine, b.finer, 2)
                + level(middle, enlarged(coarse, middle), b.coarser)
            )
            / 3,
        ),
        plain_dyrelu(b.task, (level(coarse, coarse, b.same) + level(coarse, middle, b.finer, 2)) / 2),
    ]


def test_dyheads_block_is_its_equation():
    torch.manual_seed(0)
    block = DyHeadBlock(32)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(torch.randn_like(parameter) / 20)
    maps = [torch.randn(2, 32, 12, 16), torch.randn(2, 32, 6, 8), torch.randn(2, 32, 3, 4)]
    with torch.no_grad():
        for one, other in zip(block(maps), plain_dyhead(block, maps), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    x = torch.randn(2, 32, 3, 3)
    torch.testing.assert_close(DyReLU(32)(x).shape, x.shape)


def test_lscd_is_its_equation():
    torch.manual_seed(0)
    head: Any = build_variant(head="lscd", nc=3).model[-1].train()
    with torch.no_grad():
        for place, scale in enumerate(head.scales):
            scale.fill_(0.5 + place)
    maps = [torch.randn(2, width, side, side) for width, side in zip(WIDTHS, (8, 4, 2), strict=True)]

    def normed(x, pair):
        y = F.group_norm(F.conv2d(x, pair[0].weight, padding=pair[0].padding), 16, pair[1].weight, pair[1].bias)
        return y * y.sigmoid()

    boxes, scores = [], []
    for place, (m, stem) in enumerate(zip(maps, head.stems, strict=True)):
        t = normed(normed(normed(m, stem), head.tower[0]), head.tower[1])
        boxes.append((0.5 + place) * F.conv2d(t, head.cv2.weight, head.cv2.bias).flatten(2))
        scores.append(F.conv2d(t, head.cv3.weight, head.cv3.bias).flatten(2))
    out = head(maps)
    torch.testing.assert_close(out["boxes"], torch.cat(boxes, 2))
    torch.testing.assert_close(out["scores"], torch.cat(scores, 2))
    stock: Any = build_variant(nc=3).model[-1]
    priors = [branch[-1].bias.mean().item() for branch in stock.cv3]
    assert head.cv3.bias.mean().item() == pytest.approx(sum(priors) / 3)
    assert head.cv2.bias.unique().tolist() == stock.cv2[0][-1].bias.unique().tolist() == [2.0]


def convolved(x, conv):
    """A convolution of ultralytics', in training mode."""
    y = F.conv2d(x, conv.conv.weight, None, conv.conv.stride, conv.conv.padding)
    mean, var = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True, correction=0)
    y = (y - mean) / (var + conv.bn.eps).sqrt() * conv.bn.weight.view(1, -1, 1, 1) + conv.bn.bias.view(1, -1, 1, 1)
    return y * y.sigmoid()


def test_asff_sums_all_levels_at_each():
    torch.manual_seed(0)
    head: Any = build_variant(head="asff", nc=3).model[-1].train()
    maps = [torch.randn(2, width, side, side) for width, side in zip(WIDTHS, (16, 8, 4), strict=True)]
    p3, p4, p5 = maps
    r3, r4, r5 = (level.resize for level in head.fusions)
    resized = [
        [
            p3,
            *(
                convolved(m, r[0]).repeat_interleave(f, 2).repeat_interleave(f, 3)
                for m, r, f in ((p4, r3[1], 2), (p5, r3[2], 4))
            ),
        ],
        [convolved(p3, r4[0][0]), p4, convolved(p5, r4[2][0]).repeat_interleave(2, 2).repeat_interleave(2, 3)],
        [convolved(F.max_pool2d(p3, 3, 2, 1), r5[0][1]), convolved(p4, r5[1][0]), p5],
    ]
    got = head(maps)["feats"]
    for level, all_, m in zip(head.fusions, resized, got, strict=True):
        seen = torch.cat([convolved(each, see) for each, see in zip(all_, level.fuse.see, strict=True)], 1)
        alpha = F.conv2d(seen, level.fuse.weigh.weight, level.fuse.weigh.bias).exp()
        alpha = alpha / alpha.sum(1, keepdim=True)
        total = sum(alpha[:, i, None] * each for i, each in enumerate(all_))
        torch.testing.assert_close(m, convolved(total, level.expand), rtol=1e-3, atol=1e-3)


def batch(images):
    return {
        "img": images,
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
        "cls": torch.tensor([[0.0], [2.0], [1.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.6, 0.5], [0.3, 0.4, 0.2, 0.3], [0.6, 0.6, 0.5, 0.7]]),
    }


@pytest.mark.parametrize("levels", [("P3", "P4", "P5"), P2], ids=len)
@pytest.mark.parametrize("head", DERIVED)
def test_learns_by_ultralytics_loss_and_folds(head, levels):
    spec = replace(make_spec(head=head, nc=3), levels=levels)
    assert ModelSpec.from_json(spec.to_json()) == spec
    torch.manual_seed(0)
    model = build_detector(spec)
    assert isinstance(model.model[-1], Detect)
    assert model.stride.tolist() == [{"P2": 4, "P3": 8, "P4": 16, "P5": 32}[level] for level in levels]
    torch.manual_seed(0)
    again = build_detector(spec)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    images = torch.rand(2, 3, 64, 96)
    total, items = model(batch(images))
    total.sum().backward()
    assert all(value.isfinite() for value in items.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    out = model(images)
    (out["boxes"].square().sum() + out["scores"].square().sum()).backward()  # every level, positives or none
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == ["model.head.dfl.conv.weight"]
    places = sum(64 * 96 // int(stride) ** 2 for stride in model.stride)
    with torch.inference_mode():
        answer = model.eval()(images)[0]
        assert answer.shape == (2, 4 + 3, places)
        torch.testing.assert_close(fold(model)(images)[0], answer, rtol=1e-3, atol=1e-3)


def test_a_yolov8_built_before_leaves_the_heads_alone():
    with torch.device("meta"):
        before = {head: parts_params(build_variant(head=head)) for head in DERIVED}
        Detect.legacy = True
        try:
            after = {head: parts_params(build_variant(head=head)) for head in DERIVED}
        finally:
            Detect.legacy = False
    assert after == before


@pytest.mark.parametrize(
    ("head", "choices"),
    [
        ("asff", {"context": "sppelan", "attention": "mlca", "activation": "hardswish"}),
        ("dyhead", {"context": "aifi", "attention": "ema", "activation": "prelu"}),
        ("lscd", {"context": "sppf", "attention": "shuffle", "activation": "mish"}),
    ],
)
def test_exported_to_onnx_it_gives_the_same(head, choices, tmp_path: Path):
    torch.manual_seed(0)
    model = build_variant(head=head, nc=3, at=["backbone", "context", "neck"], **choices).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = model(images)[0]
    exported = export(model, tmp_path, {"format": "onnx", "imgsz": [64, 96], "batch": 1})
    found = load_runtime("onnx")(exported.path, device=torch.device("cpu"), threads=1)(images)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("head", "options", "reason"),
    [
        ("lscd", {"hidden": 0}, "needs hidden and groups of at least 1, not 0 and 16"),
        ("dyhead", {"blocks": 0}, "needs blocks and hidden of at least 1, not 0 and 64"),
        ("lscd", {}, "needs at least one class, not 0"),
    ],
)
def test_refuses_in_one_line(head, options, reason):
    spec = make_spec(head=head, nc=2 if options else 1)
    spec.parts["head"].update(options)
    with pytest.raises(UserError) as error:
        build_detector(spec if options else replace(spec, nc=0))
    assert str(error.value).startswith(f"head '{head}' {reason}; neck 'conv' gives P3 (stride 8, 64 channels)")
