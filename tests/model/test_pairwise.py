"""Every value of every group meets every value of every other group, in a real training of two steps."""

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from helpers.covering import pairwise
from helpers.models import build_variant, names
from yolograft.common.parts import MODEL_GROUPS
from yolograft.data.dataset import build_dataset
from yolograft.data.loaders import val_loader
from yolograft.data.sources.shapes import shapes
from yolograft.model.activation import ACTIVATIONS

LARGE = {"swin"}
"""It meets everything in the slow suite alone, as all others do; here it would fill memory."""

FACTORS = {
    "base": ["yolo11", "yolo26"],
    **{group: names(group) for group in MODEL_GROUPS},
    "activation": ["", *ACTIVATIONS],
}
ROWS = pairwise(FACTORS)
FEW = [row for row in ROWS if row["backbone"] not in LARGE][7::53]
"""A part for every day, fixed: every 53rd row."""


def test_the_array_has_every_pair():
    found = {frozenset(pair) for row in ROWS for pair in itertools.combinations(row.items(), 2)}
    for one, other in itertools.combinations(FACTORS, 2):
        for a, b in itertools.product(FACTORS[one], FACTORS[other]):
            assert frozenset(((one, a), (other, b))) in found
    largest = sorted(map(len, FACTORS.values()))[-2:]
    assert len(ROWS) < 1.5 * largest[0] * largest[1]


@pytest.fixture(scope="module")
def batches() -> list[dict[str, Any]]:
    """Two batches of four pictures of 64 pixels."""
    spec = shapes(train=8, val=4, size=64)
    data = build_dataset(spec, "train", SimpleNamespace(), 64, 4, augment=False, rect=False)
    return list(val_loader(data, 4, 0))


def name(row: dict[str, str]) -> str:
    return "-".join(row[factor] or "own" for factor in FACTORS)


@pytest.mark.parametrize(
    "row", [pytest.param(row, marks=() if row in FEW else pytest.mark.slow, id=name(row)) for row in ROWS]
)
def test_two_steps(row, batches):
    torch.manual_seed(0)
    model = build_variant(
        **row | {"activation": row["activation"] or None}, nc=len(shapes(train=8, val=4, size=64).names)
    )
    model.train()
    before = {key: value.clone() for key, value in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    for batch in batches:
        loss, items = model.loss({**batch, "img": batch["img"].float() / 255})
        assert all(value.isfinite() for value in items.values()), items
        optimizer.zero_grad()
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    changed = {key.split(".")[1] for key, value in model.named_parameters() if not torch.equal(value, before[key])}
    holding = {
        part for part, module in model.model.named_children() if any(p.requires_grad for p in module.parameters())
    }
    assert changed == holding
    with torch.no_grad():
        answer = model.eval()(batches[0]["img"].float() / 255)
    assert torch.isfinite(answer[0] if isinstance(answer, tuple) else answer).all()
