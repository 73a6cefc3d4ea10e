"""Contexts against their equations in plain torch, and their size."""

import pytest
import torch
from torch.nn import functional as F

from helpers.models import build_variant, make_spec
from yolograft.common.errors import UserError
from yolograft.model.detector import build_detector, parts_params


def convolved(x, conv):
    """A 1×1 convolution of ultralytics' in evaluation mode."""
    y = torch.einsum("oc,bchw->bohw", conv.conv.weight[:, :, 0, 0], x)
    mean, var = conv.bn.running_mean.view(1, -1, 1, 1), conv.bn.running_var.view(1, -1, 1, 1)
    y = (y - mean) / (var + conv.bn.eps).sqrt() * conv.bn.weight.view(1, -1, 1, 1) + conv.bn.bias.view(1, -1, 1, 1)
    return y * y.sigmoid()


def sppelan(context, x):
    z = [convolved(x, context.sppelan.cv1)]
    for _ in range(3):
        z.append(F.max_pool2d(z[-1], 5, 1, 2))
    return convolved(torch.cat(z, 1), context.sppelan.cv5)


def positions(height, width, channels):
    """Sines and cosines of the row, then of the column: [cells, channels]."""
    omega = 10000.0 ** -(torch.arange(channels // 4) / (channels // 4))
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = [place.flatten()[:, None] * omega for place in (row, column)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], 1)


def aifi(context, x, heads=8):
    layer = context.aifi
    x = convolved(x, context.project)
    cells = x.flatten(2).transpose(1, 2)
    placed = cells + positions(x.shape[2], x.shape[3], x.shape[1])
    q, k, v = layer.ma.in_proj_weight.chunk(3)
    bq, bk, bv = layer.ma.in_proj_bias.chunk(3)
    q, k, v = placed @ q.T + bq, placed @ k.T + bk, cells @ v.T + bv
    split = [m.unflatten(2, (heads, -1)).transpose(1, 2) for m in (q, k, v)]
    share = (split[0] @ split[1].transpose(2, 3) / split[0].shape[-1] ** 0.5).softmax(3)
    seen = (share @ split[2]).transpose(1, 2).flatten(2)
    y = cells + seen @ layer.ma.out_proj.weight.T + layer.ma.out_proj.bias
    y = F.layer_norm(y, y.shape[2:], layer.norm1.weight, layer.norm1.bias)
    hidden = y @ layer.fc1.weight.T + layer.fc1.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    y = y + hidden @ layer.fc2.weight.T + layer.fc2.bias
    return F.layer_norm(y, y.shape[2:], layer.norm2.weight, layer.norm2.bias).transpose(1, 2).view_as(x)


@pytest.mark.parametrize("name", ["sppelan", "aifi"])
def test_is_its_equation(name):
    torch.manual_seed(0)
    context = build_variant(context=name, nc=2).eval().model[1]
    with torch.no_grad():
        for tensor in (*context.parameters(), *context.buffers()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor.copy_(torch.rand_like(tensor) + 0.5)
        maps = [torch.randn(2, 128, 12, 20), torch.randn(2, 128, 6, 10), torch.randn(2, 256, 3, 5)]
        got = context(maps)
        expected = {"sppelan": sppelan, "aifi": aifi}[name](context, maps[2])
    assert got[0] is maps[0]
    assert got[1] is maps[1]
    torch.testing.assert_close(got[2], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("sppelan", lambda p5, c: (p5 + 2) * c // 2 + (2 * c + 2) * c),
        ("aifi", lambda p5, c: (p5 + 2) * c + 4 * (c + 1) * c + 8 * c * c + 5 * c + 4 * c),
    ],
)
@pytest.mark.parametrize(("scale", "width"), [("n", 256), ("m", 512)])
def test_has_as_many_parameters_as_its_formula(name, formula, scale, width):
    with torch.device("meta"):
        model, stock = build_variant(context=name, scale=scale), build_variant(scale=scale)
    assert parts_params(model) == parts_params(stock) | {"context": formula(width, width)}


def test_refuses_what_does_not_divide():
    spec = make_spec(context="aifi")
    spec.parts["context"]["heads"] = 7
    with pytest.raises(UserError, match="context 'aifi' needs heads that divide 256 channels and an expansion, not 7"):
        build_detector(spec)
    spec = make_spec(context="sppelan")
    spec.parts["context"]["kernel"] = 4
    with pytest.raises(UserError, match="context 'sppelan' needs an odd kernel, not 4"):
        build_detector(spec)
