"""The blocks of necks against their papers' equations, said again in plain torch, and their parameters in formulas."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from yolograft.model.blocks.asff_fusion import ASFFFusion
from yolograft.model.blocks.carafe import CARAFE
from yolograft.model.blocks.dcnv2 import DCNv2
from yolograft.model.blocks.dysample import DySample
from yolograft.model.blocks.gsconv import GSBottleneck, GSConv, VoVGSCSP, VoVGSCSP2, VoVGSCSP3
from yolograft.model.blocks.odconv import ODConv
from yolograft.model.blocks.pconv import FasterBlock, FasterC2f, PConv
from yolograft.model.blocks.rfaconv import RFAConv
from yolograft.model.blocks.sdi import SDI
from yolograft.model.blocks.spdconv import SPDConv
from yolograft.model.blocks.weighted_fusion import WeightedFusion
from yolograft.model.blocks.wtconv import WTConv
from yolograft.model.features import Scale, pyramid
from yolograft.model.necks.afpn import Stage
from yolograft.model.necks.bifpn import Layer, Node
from yolograft.model.necks.hsfpn import HSFPN, ChannelWeights
from yolograft.upstream.model import C3k2, Conv


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def trained(block: nn.Module) -> Any:
    """Return a block whose every number differs from where it started, in evaluation mode."""
    for tensor in (*block.parameters(), *block.buffers()):
        if tensor.is_floating_point() and not (isinstance(block, WTConv) and tensor is block.haar):
            tensor.copy_(tensor + 0.3 * torch.rand_like(tensor))
    return block.eval()


def norm(x: Tensor, bn: Any) -> Tensor:
    shape = (1, -1, 1, 1)
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return (x - bn.running_mean.view(shape)) * scale.view(shape) + bn.bias.view(shape)


def cbs(x: Tensor, layer: Any, act: Callable[[Tensor], Tensor] | None = F.silu) -> Tensor:
    """Convolution, batch norm, activation, of the numbers in one of ultralytics' `Conv`s."""
    k = layer.conv
    out = norm(F.conv2d(x, k.weight, None, k.stride, k.weight.shape[-1] // 2, 1, k.groups), layer.bn)
    return act(out) if act else out


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def gsconv(x: Tensor, block: Any, act: Callable[[Tensor], Tensor] | None = F.silu) -> Tensor:
    dense = cbs(x, block.cv1, act)
    both = torch.cat((dense, cbs(dense, block.cv2, act)), 1)
    if block.shuf is not None:
        return F.conv2d(both, block.shuf.weight)
    images, channels, height, width = both.shape
    return both.view(images, 2, channels // 2, height, width).transpose(1, 2).reshape(both.shape)


@pytest.mark.parametrize("shuffle", ["fixed", "learned"])
@pytest.mark.parametrize("kernel", [5, 17])
def test_gsconv(shuffle: Any, kernel: int) -> None:
    x = torch.randn(2, 6, 9, 8)
    block = trained(GSConv(6, 8, 3, 2, kernel=kernel, shuffle=shuffle))
    close(block(x), gsconv(x, block))
    learned = 8 * 8 if shuffle == "learned" else 0
    assert params(block) == 9 * 6 * 4 + kernel**2 * 4 + 2 * 8 + learned


def test_the_learned_shuffle_starts_as_the_fixed_one() -> None:
    fixed, learned = GSConv(6, 8), GSConv(6, 8, shuffle="learned")
    learned.load_state_dict(fixed.state_dict(), strict=False)
    x = torch.randn(1, 6, 5, 5)
    assert torch.equal(learned.eval()(x), fixed.eval()(x))


def bottleneck(x: Tensor, block: Any) -> Tensor:
    first, second = block.conv_lighting
    return gsconv(gsconv(x, first), second, None) + cbs(x, block.shortcut, None)


def test_vovgscsp() -> None:
    x = torch.randn(2, 6, 5, 7)
    one, two, three = (trained(kind(6, 16)) for kind in (VoVGSCSP, VoVGSCSP2, VoVGSCSP3))
    for block in (one, two, three):
        a, b = cbs(x, block.cv1), cbs(x, block.cv2)
        light = bottleneck(a, block.gsb[0])
        if block is two:
            out = cbs(torch.cat((b, light, cbs(light, block.res, None)), 1), block.cv3)
        else:
            out = cbs(torch.cat((b, light), 1), block.cv3)
        close(block(x), out + cbs(a, block.res, None) if block is three else out)
    half = 8
    gsb = params(GSBottleneck(half, half, 1.0))
    assert gsb == (half * half // 2 + 9 * half * half // 2) + 2 * 25 * half // 2 + half * half + 2 * 3 * half
    assert params(one) == 2 * (6 * half + 2 * half) + gsb + 2 * half * 16 + 2 * 16
    assert params(two) == params(one) + half * 16 + 9 * half * half + 2 * half
    assert params(three) == params(one) + 9 * half * 16 + 2 * 16


def test_carafe() -> None:
    block, x = trained(CARAFE(3, kernel=3, hidden=5)), torch.randn(2, 3, 4, 5)
    logits = block.encode(block.compress(x))  # [2, 9·4, 4, 5]: the place in the kernel, then which of the four pixels
    around, expected = F.pad(x, (1, 1, 1, 1)), torch.zeros(2, 3, 8, 10)
    for i in range(8):
        for j in range(10):
            row, column, pixel = i // 2, j // 2, 2 * (i % 2) + j % 2
            weights = torch.stack([logits[:, 4 * n + pixel, row, column] for n in range(9)], 1).softmax(1)
            window = around[:, :, row : row + 3, column : column + 3].flatten(2)
            expected[:, :, i, j] = (window * weights[:, None]).sum(-1)
    close(block(x), expected)
    assert params(CARAFE(32)) == (32 * 64 + 64) + (64 * 100 * 9 + 100)


def sample(plane: Tensor, row: float, column: float) -> float:
    """Return the bilinear value of [H, W] at a place, in pixel centres; beyond the border the border's."""
    height, width = plane.shape
    row, column = min(max(row, 0), height - 1), min(max(column, 0), width - 1)
    top, left = int(row), int(column)
    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, over = row - top, column - left
    upper = plane[top, left] * (1 - over) + plane[top, right] * over
    return float(upper * (1 - down) + (plane[below, left] * (1 - over) + plane[below, right] * over) * down)


def test_dysample() -> None:
    block, x = trained(DySample(4, groups=2)), torch.randn(1, 4, 3, 4)
    offsets = 0.25 * block.offset(x)[0]  # [right for 2 groups · 4 pixels, down for 2 groups · 4 pixels]
    expected = torch.zeros(1, 4, 6, 8)
    for channel in range(4):
        for i in range(6):
            for j in range(8):
                place = 4 * (channel // 2) + 2 * (i % 2) + j % 2
                right, down = offsets[place, i // 2, j // 2], offsets[8 + place, i // 2, j // 2]
                row, column = (i + 0.5) / 2 - 0.5 + float(down), (j + 0.5) / 2 - 0.5 + float(right)
                expected[0, channel, i, j] = sample(x[0, channel], row, column)
    close(block(x), expected)
    start = DySample(4)
    nn.init.zeros_(start.offset.weight)
    close(start(x), F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False))
    assert params(DySample(32)) == 32 * 32 + 32
    with pytest.raises(ValueError, match="4 groups divide, not 6"):
        DySample(6)


def test_spdconv() -> None:
    block, x = trained(SPDConv(3, 5)), torch.randn(2, 3, 4, 6)
    quarters = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    close(block(x), cbs(torch.stack(quarters, 2).flatten(1, 2), block.conv))
    assert params(block) == 9 * 4 * 3 * 5 + 2 * 5


def projected(block: Any, maps: list[Tensor]) -> list[Tensor]:
    return [m if isinstance(p, nn.Identity) else cbs(m, p, None) for p, m in zip(block.project, maps, strict=True)]


def test_fusions() -> None:
    maps = [torch.randn(2, c, 4, 5) for c in (6, 8, 10)]
    weighted, asff, sdi = (trained(kind((6, 8, 10), 8)) for kind in (WeightedFusion, ASFFFusion, SDI))
    weighted.weights[1] = -2.0
    w = weighted.weights.clamp(min=0)
    a, b, c = projected(weighted, maps)
    close(weighted(maps), (w[0] * a + w[1] * b + w[2] * c) / (w.sum() + 1e-4))
    same = projected(asff, maps)
    seen = torch.cat([cbs(m, see) for see, m in zip(asff.see, same, strict=True)], 1)
    alpha = F.conv2d(seen, asff.weigh.weight, asff.weigh.bias).exp()
    close(asff(maps), sum(alpha[:, [i]] * m for i, m in enumerate(same)) / alpha.sum(1, keepdim=True))
    a, b, c = (F.conv2d(m, s.weight, s.bias, 1, 1) for s, m in zip(sdi.smooth, projected(sdi, maps), strict=True))
    close(sdi(maps), a * b * c)
    project = (6 * 8 + 2 * 8) + (10 * 8 + 2 * 8)
    assert params(weighted) == project + 3
    assert params(asff) == project + 3 * (8 * 8 + 2 * 8) + (3 * 8 * 3 + 3)
    assert params(sdi) == project + 3 * (9 * 8 * 8 + 8)


def haar(x: Tensor) -> Tensor:
    """Return low-pass and three differences of every 2×2 block, for each channel."""
    a, b, c, d = x[:, :, ::2, ::2], x[:, :, ::2, 1::2], x[:, :, 1::2, ::2], x[:, :, 1::2, 1::2]
    return torch.stack((a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d), 2) / 2


def back(parts: Tensor) -> Tensor:
    low, rows, columns, both = parts.unbind(2)
    out = torch.zeros(*low.shape[:2], 2 * low.shape[2], 2 * low.shape[3])
    out[:, :, ::2, ::2], out[:, :, ::2, 1::2] = (low + rows + columns + both) / 2, (low + rows - columns - both) / 2
    out[:, :, 1::2, ::2], out[:, :, 1::2, 1::2] = (low - rows + columns - both) / 2, (low - rows - columns + both) / 2
    return out


def wave(x: Tensor, block: Any, level: int = 0) -> Tensor:
    height, width = x.shape[2:]
    parts = haar(F.pad(x, (0, width % 2, 0, height % 2)))
    conv = block.waves[level]
    changed = block.wave_scales[level] * F.conv2d(parts.flatten(1, 2), conv.weight, None, 1, 2, 1, conv.groups)
    changed = changed.view(parts.shape)
    if level + 1 < len(block.waves):
        changed[:, :, 0] += wave(parts[:, :, 0], block, level + 1)
    return back(changed)[:, :, :height, :width]


@pytest.mark.parametrize("levels", [1, 2])
def test_wtconv(levels: int) -> None:
    block, x = trained(WTConv(3, 5, levels=levels)), torch.randn(2, 3, 7, 6)
    base = block.base_scale * F.conv2d(x, block.base.weight, block.base.bias, 1, 2, 1, 3)
    close(block(x), cbs(base + wave(x, block), block.point))
    each = 4 * 3 * 25 + 4 * 3
    assert params(block) == (3 * 25 + 3 + 3) + levels * each + 3 * 5 + 2 * 5


def test_rfaconv() -> None:
    """As the authors write it: the k² features of a place as k×k pixels, and a k×k convolution of stride k."""
    block, x = trained(RFAConv(4, 6)), torch.randn(2, 4, 5, 7)
    pooled = F.avg_pool2d(x, 3, 1, 1)
    weights = F.conv2d(pooled, block.weigh[1].weight, groups=4).view(2, 4, 9, 5, 7).softmax(2)
    features = cbs(x, block.generate, F.relu).view(2, 4, 9, 5, 7)
    laid_out = (weights * features).view(2, 4, 3, 3, 5, 7).permute(0, 1, 4, 2, 5, 3).reshape(2, 4, 15, 21)
    kernel = block.conv.conv.weight.view(6, 4, 3, 3)
    close(block(x), F.silu(norm(F.conv2d(laid_out, kernel, stride=3), block.conv.bn)))
    assert params(block) == 4 * 9 + (4 * 9 * 9 + 2 * 36) + (36 * 6 + 2 * 6)


def test_odconv() -> None:
    """One kernel for each image, put together from all four attentions."""
    block, x = trained(ODConv(4, 6)), torch.randn(3, 4, 5, 7)
    hidden = F.relu(norm(F.conv2d(x.mean((2, 3), keepdim=True), block.squeeze[1].weight), block.squeeze[2]))
    heads = [head(hidden).flatten(1) for head in (block.of_kernel, block.of_output, block.of_input, block.of_place)]
    mix, output, given, place = heads[0].softmax(1), *(head.sigmoid() for head in heads[1:])
    kernels = block.weight.view(4, 6, 4, 3, 3)
    expected = []
    for image in range(3):
        kernel = sum(mix[image, n] * kernels[n] for n in range(4))
        kernel = kernel * output[image].view(6, 1, 1, 1) * given[image].view(1, 4, 1, 1) * place[image].view(1, 1, 3, 3)
        expected.append(F.conv2d(x[[image]], kernel, padding=1))
    close(block(x), F.silu(norm(torch.cat(expected), block.bn)))
    attention = 16 * (4 + 6 + 9 + 4) + (4 + 6 + 9 + 4)
    assert params(block) == (4 * 16 + 2 * 16) + attention + 4 * 9 * 4 * 6 + 2 * 6


def test_partial_convolution() -> None:
    x = torch.randn(2, 8, 5, 6)
    pconv, faster = trained(PConv(8, 6)), trained(FasterBlock(8))

    def partial(layer: Any) -> Tensor:
        return torch.cat((F.conv2d(x[:, :2], layer.conv.weight, padding=1), x[:, 2:]), 1)

    close(pconv(x), cbs(partial(pconv.partial), pconv.point))
    close(faster(x), x + F.conv2d(cbs(partial(faster.partial), faster.widen), faster.narrow.weight))
    csp = trained(FasterC2f(8, 16, 2))
    first, second = cbs(x, csp.cv1).chunk(2, 1)
    third = csp.m[0](second)
    close(csp(x), cbs(torch.cat((first, second, third, csp.m[1](third)), 1), csp.cv2))
    assert params(pconv) == 9 * 2 * 2 + 8 * 6 + 2 * 6
    assert params(faster) == 9 * 2 * 2 + 2 * (8 * 16) + 2 * 16


def test_dcnv2() -> None:
    x = torch.randn(2, 4, 5, 6)
    start = DCNv2(4, 6).eval()
    close(start(x), F.silu(norm(F.conv2d(x, start.conv.weight, padding=1) / 2, start.bn)))
    block = trained(DCNv2(4, 6))
    offset, logits = block.predict(x).split((18, 9), 1)
    expected = torch.zeros(2, 6, 5, 6)
    for image in range(2):
        for i in range(5):
            for j in range(6):
                for k in range(9):
                    row = i + k // 3 - 1 + float(offset[image, 2 * k, i, j])
                    column = j + k % 3 - 1 + float(offset[image, 2 * k + 1, i, j])
                    around = F.pad(x[image], (50, 50, 50, 50))  # zeros outside
                    taken = torch.tensor([sample(plane, row + 50, column + 50) for plane in around])
                    kernel = block.conv.weight[:, :, k // 3, k % 3]
                    expected[image, :, i, j] += kernel @ taken * logits[image, k, i, j].sigmoid()
    close(block(x), F.silu(norm(expected, block.bn)))
    close(block.sampled(x, offset, logits.sigmoid()), block.conv(x, offset, logits.sigmoid()))
    assert params(block) == (9 * 4 * 27 + 27) + 9 * 4 * 6 + 2 * 6


def test_bifpn() -> None:
    """P4' = P4 and P5 from above; then upwards, each with its own input too (the paper's equations for level 6)."""
    layer = trained(Layer(("p3", "p4", "p5"), 4))
    p3, p4, p5 = maps = [torch.randn(1, 4, s, s) for s in (8, 4, 2)]

    def node(name: str, *given: Tensor) -> Tensor:
        block = (layer.tops | layer.outs)[name] if isinstance(layer.tops, dict) else {**layer.tops, **layer.outs}[name]
        w = block.fuse.weights.clamp(min=0)
        mixed = F.silu(sum(a * m for a, m in zip(w, given, strict=True)) / (w.sum() + 1e-4))
        return cbs(F.conv2d(mixed, block.conv[0].weight, padding=1, groups=4), block.conv[1], None)

    def up(m: Tensor) -> Tensor:
        return m.repeat_interleave(2, 2).repeat_interleave(2, 3)

    top = node("top_p4", p4, up(p5))
    out3 = node("out_p3", p3, up(top))
    out4 = node("out_p4", p4, top, F.max_pool2d(out3, 3, 2, 1))
    out5 = node("out_p5", p5, F.max_pool2d(out4, 3, 2, 1))
    for ours, theirs in zip(layer(maps), (out3, out4, out5), strict=True):
        close(ours, theirs)
    assert params(layer) == 4 * (9 * 4 + 4 * 4 + 2 * 4) + 2 + 2 + 3 + 2
    assert params(Node(3, 4)) == 9 * 4 + 4 * 4 + 2 * 4 + 3


def test_afpn_stage() -> None:
    stage = trained(Stage((4, 6), 1))
    fine, coarse = torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4)
    down, up = stage.resample[1][0], stage.resample[0][1]
    halved = F.silu(norm(F.conv2d(fine, down.conv.weight, stride=2), down.bn))
    doubled = F.interpolate(cbs(coarse, up[0]), scale_factor=2, mode="bilinear", align_corners=False)
    for ours, fuse, blocks, pair in zip(
        stage([fine, coarse]), stage.fuse, stage.blocks, ((fine, doubled), (halved, coarse)), strict=True
    ):
        mixed = fuse(pair)
        close(ours, mixed + cbs(cbs(mixed, blocks[0].cv1), blocks[0].cv2))


def test_hsfpn() -> None:
    neck = trained(HSFPN(pyramid((8, 8), ("P3", "P4")), Scale("x", 0.5, 0.125, 1024, False, ("P3", "P4"))))
    fine, coarse = torch.randn(1, 8, 8, 8), torch.randn(1, 8, 4, 4)

    def weights(m: Tensor, block: ChannelWeights) -> Tensor:
        def mlp(v: Tensor) -> Tensor:
            hidden = F.relu(v @ block.mlp[0].weight[:, :, 0, 0].T)  # type: ignore[index]
            return hidden @ block.mlp[2].weight[:, :, 0, 0].T  # type: ignore[index]

        return (mlp(m.mean((2, 3))) + mlp(m.amax((2, 3)))).sigmoid()[:, :, None, None]

    low, high = (match(m * weights(m, s)) for s, match, m in zip(neck.select, neck.match, (fine, coarse), strict=True))
    raised = F.conv_transpose2d(high, neck.up[0].weight, neck.up[0].bias, 2, 1, 1)
    close(neck([fine, coarse])[0], neck.blocks[0](low * weights(raised, neck.weigh[0]) + raised))
    close(neck([fine, coarse])[1], neck.blocks[1](high))


def params(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_places_are_computed_in_fp32() -> None:
    """In bf16 whole numbers end at 256: of a map of 300 columns the last would be sampled at others' places."""
    x = torch.rand(1, 4, 3, 300).bfloat16()
    for block in (DySample(4), DCNv2(4, 6)):
        whole = block.eval()(x.float())
        half = block.bfloat16()(x).float()
        assert (half - whole).abs().max() < 0.03 * whole.abs().max()


def test_the_cost_of_gsconv_is_the_papers() -> None:
    """C2/2 · (k² · C1 + 25) multiplications beside k² · C1 · C2 (section 3.1), and the documented table is that."""
    rows: list[tuple[str, Callable[[int], nn.Module], Callable[[int], float] | None]] = [
        ("convolution, k = 1", lambda c: Conv(c, c, 1), lambda c: c * c),
        ("GSConv, k = 1", lambda c: GSConv(c, c, 1), lambda c: c / 2 * (c + 25)),
        ("convolution, k = 3", lambda c: Conv(c, c, 3), lambda c: 9 * c * c),
        ("GSConv, k = 3", lambda c: GSConv(c, c, 3), lambda c: c / 2 * (9 * c + 25)),
        ("VoV-GSCSP1", lambda c: VoVGSCSP(c, c), lambda c: 2 * c * c + 6 * (c / 2) ** 2 + 25 * c / 2),
        ("VoV-GSCSP2", lambda c: VoVGSCSP2(c, c), None),
        ("VoV-GSCSP3", lambda c: VoVGSCSP3(c, c), None),
        ("C3k2", lambda c: C3k2(c, c, 1), None),
    ]
    table = []
    for name, make, formula in rows:
        macs, sizes = [], []
        for c in (64, 128, 256):
            block = make(c).eval()
            with FlopCounterMode(display=False) as counter:
                block(torch.zeros(1, c, 8, 8))
            macs.append(counter.get_total_flops() // 2 // 64)
            sizes.append(params(block))
            assert formula is None or macs[-1] == formula(c), name
        table.append(f"| {name} | {' | '.join(f'{n:,}' for n in (*macs, *sizes))} |")
    print("\n".join(table))
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "necks.md").read_text(encoding="utf-8")
    assert "\n".join(table) in page
