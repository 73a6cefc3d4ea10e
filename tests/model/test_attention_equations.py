"""Attention: each block against its equation in plain torch, its parameters in a formula, and in ONNX Runtime."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers.models import make_attention, names

ALL = [name for name in names("attention") if name != "none"]
C = 48
"""Channels that the blocks are tried with; not a power of two."""


def randomized(block: nn.Module) -> nn.Module:
    """Give every number of a block a value of its own: zeros and ones at the start hide terms of an equation."""
    with torch.no_grad():
        for tensor in (*block.parameters(), *block.buffers()):
            if tensor.is_floating_point():
                # Small weights, so that no gate is at its end; scales and variances above 0.
                tensor.copy_(torch.randn_like(tensor) / 10 if tensor.ndim > 1 else torch.rand_like(tensor) + 0.1)
    return block.eval()


def norm(x, bn):
    scale = bn.weight / (bn.running_var + bn.eps).sqrt()
    return (x - bn.running_mean.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + bn.bias.view(1, -1, 1, 1)


def by_group(x, gn):
    """Group normalisation: each group of channels over all of its values."""
    grouped = x.reshape(len(x), gn.num_groups, -1)
    mean, var = grouped.mean(2, keepdim=True), grouped.var(2, keepdim=True, correction=0)
    flat = ((grouped - mean) / (var + gn.eps).sqrt()).reshape(x.shape)
    return flat * gn.weight.view(1, -1, 1, 1) + gn.bias.view(1, -1, 1, 1)


def dense(x, conv):
    """A 1×1 convolution as a product."""
    y = torch.einsum("oc,bchw->bohw", conv.weight[:, :, 0, 0], x)
    return y if conv.bias is None else y + conv.bias.view(1, -1, 1, 1)


def along(x, conv):
    """A one-dimensional convolution with zeros at both ends, term by term; x is [B, N]."""
    kernel = conv.weight.flatten()
    padded = F.pad(x, (len(kernel) // 2,) * 2)
    return sum(w * padded[:, i : i + x.shape[1]] for i, w in enumerate(kernel))


def means(x):
    return x.mean((2, 3), keepdim=True)


def se(b, x):
    return x * dense(dense(means(x), b.fc1).relu(), b.fc2).sigmoid()


def eca(b, x):
    return x * along(x.mean((2, 3)), b.conv).sigmoid()[:, :, None, None]


def cbam(b, x):
    def mlp(v):
        return dense(dense(v, b.channel.fc1).relu(), b.channel.fc2)

    y = x * (mlp(means(x)) + mlp(x.amax((2, 3), keepdim=True))).sigmoid()
    pair = torch.cat((y.mean(1, keepdim=True), y.amax(1, keepdim=True)), 1)
    return y * norm(F.conv2d(pair, b.spatial.conv.conv.weight, padding=3), b.spatial.conv.bn).sigmoid()


def ca(b, x):
    def f(strip):
        return F.hardswish(norm(dense(strip, b.conv1), b.bn1))

    rows, columns = f(x.mean(3, keepdim=True)), f(x.mean(2, keepdim=True))
    return x * dense(rows, b.conv_h).sigmoid() * dense(columns, b.conv_w).sigmoid()


def ela(b, x):
    rows, columns = x.mean(3), x.mean(2)
    rows = F.conv1d(rows, b.conv_h.weight.squeeze(3), padding=3, groups=C)[..., None]
    columns = F.conv1d(columns, b.conv_w.weight.squeeze(2), padding=3, groups=C)[:, :, None]
    return x * by_group(rows, b.norm_h).sigmoid() * by_group(columns, b.norm_w).sigmoid()


def gc(b, x):
    share = torch.softmax(dense(x, b.conv_attn).flatten(1), 1).view(len(x), 1, *x.shape[2:])
    h = dense((x * share).sum((2, 3), keepdim=True), b.mlp_add.fc1)
    h = F.layer_norm(h.flatten(1), h.shape[1:2], b.mlp_add.norm.weight, b.mlp_add.norm.bias, b.mlp_add.norm.eps)
    return x + dense(h.relu()[:, :, None, None], b.mlp_add.fc2)


def simam(b, x):
    mean, var = means(x), x.var((2, 3), keepdim=True)
    energy = 4 * (var + 1e-4) / ((x - mean) ** 2 + 2 * var + 2e-4)  # eq. 5
    return x * (1 / energy).sigmoid()


def ema(b, x):
    width, done = C // 8, []
    for g in x.split(width, 1):
        rows, columns = dense(g.mean(3, keepdim=True), b.conv1x1), dense(g.mean(2, keepdim=True), b.conv1x1)
        one = by_group(g * rows.sigmoid() * columns.sigmoid(), b.gn)
        other = F.conv2d(g, b.conv3x3.weight, b.conv3x3.bias, padding=1)
        a, c = (torch.softmax(m.mean((2, 3)), 1) for m in (one, other))
        map_ = torch.einsum("bc,bchw->bhw", a, other) + torch.einsum("bc,bchw->bhw", c, one)
        done.append(g * map_.sigmoid()[:, None])
    return torch.cat(done, 1)


def lska(b, x):
    """As one dense k×k depth-wise kernel, the outer product of the strips, which the paper takes apart."""
    near, far = b.conv0v, b.conv_spatial_v
    for conv in (b.conv0h, near, b.conv_spatial_h, far):
        nn.init.zeros_(conv.bias)
    inner = near.weight @ b.conv0h.weight
    outer = far.weight @ b.conv_spatial_h.weight
    y = F.conv2d(F.conv2d(x, inner, padding=1, groups=C), outer, padding=4, dilation=2, groups=C)
    return x * dense(y, b.conv1)


def mlca(b, x):
    local = F.adaptive_avg_pool2d(x, 5)
    cells = local.permute(0, 2, 3, 1).reshape(len(x), -1)
    near = along(cells, b.conv_local).view(len(x), 5, 5, C).permute(0, 3, 1, 2).sigmoid()
    far = along(local.mean((2, 3)), b.conv).sigmoid()[:, :, None, None]
    return x * F.adaptive_avg_pool2d((near + far) / 2, x.shape[2:])


def triplet(b, x):
    def gate(gate, y):  # over the last two axes of y
        pair = torch.cat((y.amax(1, keepdim=True), y.mean(1, keepdim=True)), 1)
        return y * norm(F.conv2d(pair, gate.conv.weight, padding=3), gate.bn).sigmoid()

    turned = gate(b.cw, x.permute(0, 2, 1, 3)).permute(0, 2, 1, 3)
    tilted = gate(b.hc, x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return (gate(b.hw, x) + turned + tilted) / 3


def gam(b, x):
    y = x * dense(dense(x, b.channel[0]).relu(), b.channel[2]).sigmoid()
    hidden = norm(F.conv2d(y, b.spatial[0].weight, padding=3), b.spatial[1]).relu()
    return y * norm(F.conv2d(hidden, b.spatial[3].weight, padding=3), b.spatial[4]).sigmoid()


def nam(b, x):
    share = b.bn.weight / b.bn.weight.sum()  # all above 0 here
    return x * (share.view(1, -1, 1, 1) * norm(x, b.bn)).sigmoid()


def shuffle(b, x):
    done = []
    for g in x.split(C // 8, 1):
        one, other = g.chunk(2, 1)
        done.append(one * (b.cweight * means(one) + b.cbias).sigmoid())
        done.append(other * (b.sweight * by_group(other, b.gn) + b.sbias).sigmoid())
    joined = torch.cat(done, 1)
    return joined[:, [half * C // 2 + i for i in range(C // 2) for half in (0, 1)]]


def k(channels):
    """ECA's kernel."""
    return int((math.log2(channels) + 1) / 2) | 1


PARAMETERS = {
    "se": lambda c: 2 * c * (c // 16) + c // 16 + c,
    "eca": k,
    "cbam": lambda c: 2 * c * (c // 16) + 2 * 49 + 2,
    "ca": lambda c: (c + 1) * max(c // 32, 8) + 2 * max(c // 32, 8) + 2 * (max(c // 32, 8) + 1) * c,
    "ela": lambda c: 2 * 7 * c + 4 * c,
    "gc": lambda c: c + 1 + 2 * c * (c // 8) + 3 * (c // 8) + c,
    "simam": lambda c: 0,
    "ema": lambda c: 10 * (c // 8) ** 2 + 4 * (c // 8),
    "lska": lambda c: c * (3 + 3 + 5 + 5 + 4) + c * c + c,
    "mlca": lambda c: 2 * k(c),
    "triplet": lambda c: 3 * (2 * 49 + 2),
    "gam": lambda c: 2 * c * (c // 4) + c // 4 + c + 2 * 49 * c * (c // 4) + 2 * (c // 4) + 2 * c,
    "nam": lambda c: 2 * c,
    "shuffle": lambda c: 6 * (c // 16),
}
EQUATIONS = {
    "se": se,
    "eca": eca,
    "cbam": cbam,
    "ca": ca,
    "ela": ela,
    "gc": gc,
    "simam": simam,
    "ema": ema,
    "lska": lska,
    "mlca": mlca,
    "triplet": triplet,
    "gam": gam,
    "nam": nam,
    "shuffle": shuffle,
}


def test_every_attention_has_its_equation_and_formula():
    assert set(ALL) == set(EQUATIONS) == set(PARAMETERS)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [(9, 14), (10, 5)])
def test_is_its_equation(name, size):
    torch.manual_seed(0)
    block = randomized(make_attention(name))
    x = torch.randn(3, C, *size)
    with torch.no_grad():
        expected = EQUATIONS[name](block, x)
        got = block(x)
    assert got.shape == x.shape
    assert not torch.equal(got, x)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("channels", [C, 64, 256])
def test_has_as_many_parameters_as_its_formula(name, channels):
    with torch.device("meta"):
        block = make_attention(name, channels)
    assert sum(p.numel() for p in block.parameters()) == PARAMETERS[name](channels)


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_learns_and_small_maps_are_taken(name):
    torch.manual_seed(0)
    block = randomized(make_attention(name)).train()
    block(torch.randn(2, C, 6, 7, requires_grad=True)).square().sum().backward()
    dead = [n for n, p in block.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead
    one = make_attention(name).eval()(torch.randn(1, C, 1, 1))
    assert torch.isfinite(one).all()


@pytest.mark.parametrize("name", ALL)
def test_exported_to_onnx_it_gives_the_same(name, tmp_path):
    """By torch.onnx as ultralytics calls it; whole detectors are in test_heads.py."""
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    block, x = randomized(make_attention(name)), torch.randn(2, C, 9, 7)
    with torch.no_grad():
        expected = block(x)
        torch.onnx.export(block, (x,), tmp_path / "block.onnx", opset_version=18, dynamo=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "block.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-4, atol=1e-4)


def test_ecas_kernel_is_the_papers():
    assert [make_attention("eca", c).conv.kernel_size for c in (64, 128, 256, 512)] == [(3,), (5,), (5,), (5,)]
    assert make_attention("eca", kernel=9).conv.kernel_size == (9,)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("se", {"reduction": 0}, "needs a reduction of at least 1, not 0"),
        ("eca", {"kernel": 4}, "needs an odd kernel, not 4"),
        ("cbam", {"kernel": 6}, "needs an odd kernel, not 6"),
        ("ela", {"kernel": 2}, "needs an odd kernel, not 2"),
        ("triplet", {"kernel": 0}, "needs an odd kernel, not 0"),
        ("simam", {"regularization": 0.0}, "needs a regularization above 0, not 0"),
        ("ema", {"groups": 7}, "needs groups that divide the 48 channels, not 7"),
        ("shuffle", {"groups": 16}, "needs groups that divide the 48 channels, not 32"),
        ("lska", {"kernel": 9}, "no kernel 9; there are 7, 11, 23, 35, 41, 53"),
        ("mlca", {"grid": 0}, "needs a grid of 1 to 256, not 0"),
        ("mlca", {"local_weight": 1.5}, "needs a local_weight between 0 and 1, not 1.5"),
    ],
)
def test_refuses(name, options, reason):
    with pytest.raises(ValueError, match=reason):
        make_attention(name, **options)
