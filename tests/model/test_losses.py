"""The terms of the losses: by hand, against independent statements of their equations, and against torchvision's."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
import torchvision.ops
import ultralytics.utils.loss

from helpers.models import names
from yolograft.common.errors import UserError
from yolograft.model.losses.box_loss import BoxLoss
from yolograft.model.losses.ciou import ciou_loss
from yolograft.model.losses.detection import CLASSIFICATION
from yolograft.model.losses.diou import diou_loss
from yolograft.model.losses.eiou import eiou_loss
from yolograft.model.losses.focal import FocalBCE
from yolograft.model.losses.giou import giou_loss
from yolograft.model.losses.iou_replaced import IoUReplaced
from yolograft.model.losses.mpdiou import mpdiou_loss
from yolograft.model.losses.nwd import NWDShare, normalized_wasserstein
from yolograft.model.losses.pairs import BoxPairs
from yolograft.model.losses.shapeiou import shapeiou_loss
from yolograft.model.losses.siou import siou_loss
from yolograft.model.losses.slide import SlideBCE
from yolograft.model.losses.varifocal import VarifocalBCE
from yolograft.model.losses.wiou import wiou_loss

IMAGE = torch.tensor([60.0, 80.0])  # height, width
MEAN = torch.tensor(0.5)
LOSSES = names("loss")


TERMS = {
    "ciou": ciou_loss,
    "eiou": eiou_loss,
    "giou": giou_loss,
    "diou": diou_loss,
    "siou": siou_loss,
    "mpdiou": mpdiou_loss,
    "shapeiou": shapeiou_loss,
    "shapeiou 1": lambda pairs: shapeiou_loss(pairs, 1.0),
    "wiou 1": wiou_loss,
    "wiou 2": lambda pairs: wiou_loss(pairs, MEAN, 2),
    "wiou 3": lambda pairs: wiou_loss(pairs, MEAN, 3),
}


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def pairs(predicted, target, **more):
    return BoxPairs(predicted, target, image=IMAGE.double(), **more)


BESIDE = pairs(boxes([0, 0, 2, 2]), boxes([2, 0, 6, 2]))
"""2×2 at the origin and 4×2 beside it: IoU 0, the outer box 6×2, the centres 3 apart."""

WITHIN = pairs(boxes([1, 1, 3, 3]), boxes([0, 0, 4, 4]))
"""2×2 in the middle of 4×4: IoU 1/4, the outer box is the target."""

E = math.exp
HALF = (1 - E(-0.5)) ** 4
BY_HAND = {
    "ciou": (1 + 9 / 40 + (v := (2 * (math.atan(2) - math.atan(1)) / math.pi) ** 2) ** 2 / (1 + v), 3 / 4),
    "eiou": (1 + 9 / 40 + 4 / 36, 3 / 4 + 4 / 16 + 4 / 16),
    "giou": (1.0, 3 / 4),
    "diou": (1 + 9 / 40, 3 / 4),
    "siou": (1 + (1 - E(-2 * 9 / 36) + HALF) / 2, 3 / 4 + HALF),
    "mpdiou": (1 + (4 + 16) / 10_000, 3 / 4 + (2 + 2) / 10_000),
    "shapeiou": (1 + 9 / 40 + HALF / 2, 3 / 4 + HALF),
    "shapeiou 1": (1 + 2 / 3 * 9 / 40 + (1 - E(-1 / 3)) ** 4 / 2, 3 / 4 + HALF),
    "wiou 1": (E(9 / 40), 3 / 4),
    "wiou 2": (E(9 / 40) * math.sqrt(2), 3 / 4 * math.sqrt(1.5)),
    "wiou 3": (E(9 / 40) * 2 / (3 * 1.9**-1), 3 / 4 * 1.5 / (3 * 1.9**-1.5)),
}


@pytest.mark.parametrize("name", TERMS)
def test_by_hand(name):
    beside, within = BY_HAND[name]
    assert TERMS[name](BESIDE).shape == (1, 1)
    assert TERMS[name](BESIDE).item() == pytest.approx(beside, rel=1e-5)
    assert TERMS[name](WITHIN).item() == pytest.approx(within, rel=1e-5)


def stated(name, a, b):
    """State a loss for one pair of boxes in plain numbers, in the words of its paper."""
    (x1, y1, x2, y2), (u1, v1, u2, v2) = a, b
    w, h, wt, ht = x2 - x1, y2 - y1, u2 - u1, v2 - v1
    inter = max(min(x2, u2) - max(x1, u1), 0) * max(min(y2, v2) - max(y1, v1), 0)
    iou = inter / (w * h + wt * ht - inter)
    cw, ch = max(x2, u2) - min(x1, u1), max(y2, v2) - min(y1, v1)
    dx, dy = (x1 + x2 - u1 - u2) / 2, (y1 + y2 - v1 - v2) / 2
    d, c = math.hypot(dx, dy), math.hypot(cw, ch)
    match name.split():
        case ["eiou"]:
            return 1 - iou + d**2 / c**2 + (w - wt) ** 2 / cw**2 + (h - ht) ** 2 / ch**2
        case ["siou"]:
            angle = 1 - 2 * math.sin(math.asin(abs(dy) / d) - math.pi / 4) ** 2
            distance = sum(1 - E(-(2 - angle) * rho) for rho in ((dx / cw) ** 2, (dy / ch) ** 2))
            shape = sum((1 - E(-abs(s - t) / max(s, t))) ** 4 for s, t in ((w, wt), (h, ht)))
            return 1 - iou + (distance + shape) / 2
        case ["mpdiou"]:
            image = float(IMAGE.square().sum())
            return 1 - iou + math.dist((x1, y1), (u1, v1)) ** 2 / image + math.dist((x2, y2), (u2, v2)) ** 2 / image
        case ["shapeiou", *scale]:
            s = float(scale[0]) if scale else 0.0
            ww, hh = 2 * wt**s / (wt**s + ht**s), 2 * ht**s / (wt**s + ht**s)
            omega = (hh * abs(w - wt) / max(w, wt), ww * abs(h - ht) / max(h, ht))
            return 1 - iou + hh * dx**2 / c**2 + ww * dy**2 / c**2 + sum((1 - E(-o)) ** 4 for o in omega) / 2
        case ["wiou", version]:
            first, beta = E(d**2 / c**2) * (1 - iou), (1 - iou) / 0.5
            return first * {"1": 1, "2": beta**0.5, "3": beta / (3 * 1.9 ** (beta - 3))}[version]
    raise AssertionError(name)


def random_boxes(count=60):
    torch.manual_seed(0)
    corners = torch.rand(2, count, 2, dtype=torch.float64) * 40
    return [torch.cat([c, c + 2 + torch.rand(count, 2, dtype=torch.float64) * 30], 1) for c in corners]


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("ciou", "giou", "diou")])
def test_as_stated_by_the_paper(name):
    predicted, target = random_boxes()
    expected = [[stated(name, a, b)] for a, b in zip(predicted.tolist(), target.tolist(), strict=True)]
    torch.testing.assert_close(
        TERMS[name](pairs(predicted, target)), torch.tensor(expected).double(), rtol=1e-5, atol=0
    )


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("giou", torchvision.ops.generalized_box_iou_loss),
        ("diou", torchvision.ops.distance_box_iou_loss),
        ("ciou", torchvision.ops.complete_box_iou_loss),
    ],
)
def test_as_torchvision(name, theirs):
    predicted, target = random_boxes()
    torch.testing.assert_close(
        TERMS[name](pairs(predicted, target))[:, 0], theirs(predicted, target), rtol=1e-5, atol=0
    )


def test_replaced_ious_by_hand():
    halves = pairs(boxes([0, 0, 4, 4]), boxes([2, 0, 6, 4]))  # IoU 8 / 24; of half the sides they touch
    assert IoUReplaced(0.5, None)(halves).item() == 0
    assert IoUReplaced(2.0, None)(halves).item() == pytest.approx(48 / 80)
    assert IoUReplaced(None, [0.0, 0.5])(halves).item() == pytest.approx(2 / 3)
    assert IoUReplaced(None, [0.5, 0.9])(halves).item() == 0
    assert IoUReplaced(None, [0.0, 0.3])(halves).item() == 1
    assert IoUReplaced(2.0, [0.2, 1.0])(halves).item() == pytest.approx((0.6 - 0.2) / 0.8)


@pytest.mark.parametrize("name", TERMS)
def test_a_replaced_iou_takes_the_place_of_the_iou(name):
    """L + IoU − IoU', as both papers have it; Wise-IoU is a product, in which 1 − IoU' is the factor."""
    plain, halved = WITHIN, replace(WITHIN, replace_iou=IoUReplaced(None, [0.0, 0.5]))  # IoU 1/4 becomes 1/2
    ours, before = TERMS[name](halved).item(), BY_HAND[name][1]
    if name.startswith("wiou"):
        assert ours == pytest.approx({"1": 1 / 2, "2": 1 / 2, "3": 1 / 2 / (3 * 1.9**-2)}[name[-1]], rel=1e-5)
    else:
        assert ours == pytest.approx(before - 1 / 4, rel=1e-5)
    assert TERMS[name](plain).item() == pytest.approx(before, rel=1e-5)


def test_the_wasserstein_distance_by_hand():
    beside = BoxPairs(BESIDE.predicted, BESIDE.target, stride=boxes([8]))
    nwd = E(-8 * math.sqrt(9 + 1) / 16)  # in pixels: cells of 8; centres 3 apart, half widths 1
    assert normalized_wasserstein(beside, 16.0).item() == pytest.approx(nwd, rel=1e-6)
    assert normalized_wasserstein(BoxPairs(beside.predicted, beside.predicted), 12.8).item() == pytest.approx(
        1, abs=1e-4
    )
    assert NWDShare(0.25, 16.0)(boxes([2.0]), beside).item() == pytest.approx(0.75 * 2 + 0.25 * (1 - nwd), rel=1e-6)


PLACES = {
    "identical": ([1, 1, 3, 3], [1, 1, 3, 3]),
    "touching": ([0, 0, 2, 2], [2, 0, 6, 2]),
    "touching at a corner": ([0, 0, 2, 2], [2, 2, 4, 4]),
    "nested": ([1, 1, 3, 3], [0, 0, 4, 4]),
    "around": ([0, 0, 4, 4], [1, 1, 3, 3]),
    "disjoint": ([0, 0, 2, 2], [20, 20, 30, 25]),
    "turned inside out": ([3, 3, 1, 2], [0, 0, 4, 4]),  # sides that a head gives directly may be negative
    "without area": ([1, 1, 1, 1], [0, 0, 4, 4]),
}
WRAPPERS = [(None, None), (0.75, None), (1.25, None), (None, [0.0, 0.95]), (0.75, [0.1, 0.9])]


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_finite(name):
    for (place, (a, b)), wrapper in itertools.product(PLACES.items(), WRAPPERS):
        predicted = torch.tensor([a], dtype=torch.float32, requires_grad=True)
        replaced = None if wrapper == (None, None) else IoUReplaced(*wrapper)
        pair = BoxPairs(predicted, torch.tensor([b]).float(), torch.full((1, 1), 8.0), IMAGE * 8, replaced)
        loss = NWDShare(0.5, 12.8)(TERMS[name](pair), pair)
        loss.sum().backward()
        assert loss.isfinite().all(), (place, wrapper)
        assert predicted.grad is not None
        assert predicted.grad.isfinite().all(), (place, wrapper)
        if place == "disjoint":
            assert predicted.grad.abs().sum() > 0, wrapper


def test_focal_and_varifocal_are_ultralytics_own():
    torch.manual_seed(0)
    logits = torch.randn(1, 50, 3)
    target = torch.rand(1, 50, 3) * (torch.rand(1, 50, 3) < 0.2)
    theirs = ultralytics.utils.loss.FocalLoss(gamma=2.0, alpha=0.25)(logits.clone(), target)
    assert FocalBCE()(logits, target).mean(1).sum().item() == pytest.approx(theirs.item(), rel=1e-6)
    theirs = ultralytics.utils.loss.VarifocalLoss(gamma=2.0, alpha=0.75)(logits, target, (target > 0).float())
    assert VarifocalBCE()(logits, target).mean(1).sum().item() == pytest.approx(theirs.item(), rel=1e-6)


def test_class_terms_by_hand():
    none, sure = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)  # a logit of 0 is a probability of 1/2
    ln2 = math.log(2)
    assert FocalBCE()(none, sure).item() == pytest.approx(0.25 * 0.5**2 * ln2)
    assert FocalBCE()(none, none).item() == pytest.approx(0.75 * 0.5**2 * ln2)
    assert VarifocalBCE()(none, sure * 0.8).item() == pytest.approx(0.8 * ln2)
    assert VarifocalBCE()(none, none).item() == pytest.approx(0.75 * 0.5**2 * ln2)
    # the positives' mean is 0.6: easy below 0.5, near the line up to 0.6, hard from there
    target = torch.tensor([[[0.0], [0.55], [0.9], [0.35]]])
    weights = [1, E(1 - 0.6), E(1 - 0.9), 1]
    assert SlideBCE()(torch.zeros(1, 4, 1), target).flatten().tolist() == pytest.approx([w * ln2 for w in weights])
    assert SlideBCE()(none, none).item() == pytest.approx(ln2)


def stocks_arguments(reg_max, dtype=torch.float32):
    """What stock hands to its box loss: two images of 64 pixels, 20 anchors, of which a few have a target."""
    torch.manual_seed(0)
    centres = torch.rand(20, 2) * 8
    sides = 1 + torch.rand(2, 20, 4) * 2
    predicted = torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], -1).to(dtype).requires_grad_()
    target = torch.cat([centres - 1.5, centres + 1.5], -1).expand(2, -1, -1)
    scores = torch.rand(2, 20, 3)
    foreground = torch.rand(2, 20) < 0.3
    distances = torch.randn(2, 20, 4 * reg_max).to(dtype).requires_grad_()
    image, stride = torch.tensor([64.0, 64.0]), torch.full((20, 1), 8.0)
    return distances, predicted, centres, target, scores, scores.sum(), foreground, image, stride


@pytest.mark.parametrize("reg_max", [16, 1])
def test_around_the_term_everything_is_stocks(reg_max):
    """To the last bit, gradients too, with the heads of YOLO11 and of YOLO26."""
    results = []
    for loss in (ultralytics.utils.loss.BboxLoss(reg_max), BoxLoss(reg_max, ciou_loss)):
        distances, predicted, *rest = stocks_arguments(reg_max)
        box, dfl = loss(distances, predicted, *rest)
        (box + dfl).backward()
        results.append((box, dfl, distances.grad, predicted.grad))
    (box, *others), (our_box, *ours) = results
    torch.testing.assert_close(our_box, box)  # + IoU − IoU rounds
    assert torch.equal(ours[0], others[0])
    assert torch.equal(ours[1], others[1])
    torch.testing.assert_close(ours[2], others[2])


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_overflows_nowhere(build, name):
    model = build(loss=name, nc=3)
    term = model.init_criterion().box_term
    for reg_max in (16, 1):
        box, dfl = BoxLoss(reg_max, term, None, NWDShare(0.5, 12.8))(*stocks_arguments(reg_max, torch.float16))
        assert box.isfinite()
        assert dfl.isfinite()


def test_stock_is_left_alone_where_nothing_is_asked(build, spec):
    plain = build(nc=2).init_criterion()
    assert type(plain.bbox_loss) is ultralytics.utils.loss.BboxLoss
    assert type(plain.bce) is torch.nn.BCEWithLogitsLoss
    one = spec(nc=2)
    options = {"inner": 0.75, "classification": "vfl", "nwd": 0.2}
    changed = build_with(build, one, **options)
    assert (type(changed.bbox_loss), type(changed.bce)) == (BoxLoss, VarifocalBCE)


def build_with(build, one, **options):
    model = build(nc=2)
    model.spec = replace(one, loss=one.loss | options)
    return model.init_criterion()


BATCH = {
    "batch_idx": torch.tensor([0.0, 1.0, 1.0]),
    "cls": torch.tensor([[0.0], [1.0], [0.0]]),
    "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.6], [0.3, 0.3, 0.2, 0.2], [0.5, 0.5, 0.05, 0.08]]),
}


@pytest.mark.parametrize(
    ("loss", "classification"), list(itertools.zip_longest(LOSSES, ["bce", *CLASSIFICATION], fillvalue="bce"))
)
def test_a_step_with_every_loss(build, spec, loss, classification):
    """Loss and gradients of a whole detector, with every wrapper at once."""
    torch.manual_seed(0)
    model = build(loss=loss, nc=2)
    options = {"classification": classification, "inner": 0.8, "focaler": [0.0, 0.95], "nwd": 0.3}
    model.spec = replace(model.spec, loss=model.spec.loss | options)
    total, items = model({"img": torch.rand(2, 3, 64, 64), **BATCH})
    total.sum().backward()
    assert all(value > 0 for value in items.values())
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert idle == ["model.head.dfl.conv.weight"]


def test_wise_iou_learns_its_mean_in_training_only(build):
    torch.manual_seed(0)
    model = build(loss="wiou", nc=2)
    batch = {"img": torch.rand(2, 3, 64, 64), **BATCH}
    assert model.init_criterion().state_dict() == {"mean": 1.0}
    model(batch)
    state = model.criterion.state_dict()
    assert 0.99 < state["mean"] < 1
    with torch.no_grad():
        model(batch)
    model({**batch, "cls": torch.zeros(0, 1), "bboxes": torch.zeros(0, 4), "batch_idx": torch.zeros(0)})
    assert model.criterion.state_dict() == state
    again = model.init_criterion()
    again.load_state_dict(state)
    assert torch.equal(again.mean, model.criterion.mean)


def test_an_empty_range_is_refused(build, spec):
    for wrong in ([0.9, 0.1], [-0.5, 0.5], [0.0, 1.5]):
        with pytest.raises(UserError, match=r"loss\.focaler=\[.*lower end first"):
            build_with(build, spec(nc=2), focaler=wrong)
