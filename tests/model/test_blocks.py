"""GSConv, its neighbours, and the box term of EIoU."""

import math
from dataclasses import replace

import pytest
import torch

from helpers.models import names
from yolograft.model.blocks.gsconv import GSConv, VoVGSCSP
from yolograft.model.detector import build_detector
from yolograft.model.losses.eiou import eiou_loss
from yolograft.model.losses.pairs import BoxPairs
from yolograft.upstream.model import default_args, upstream_model


def test_gsconv_interleaves_both_halves():
    block = GSConv(4, 6, 3, 2).eval()
    x = torch.rand(2, 4, 8, 8)
    with torch.no_grad():
        out, dense = block(x), block.cv1(x)
        sparse = block.cv2(dense)
    assert out.shape == (2, 6, 4, 4)
    assert torch.equal(out[:, 0::2], dense)
    assert torch.equal(out[:, 1::2], sparse)


def test_gsconv_refuses_odd_channels():
    with pytest.raises(ValueError, match="even number of output channels, not 7"):
        GSConv(4, 7)


def test_vovgscsp_has_no_idle_weights():
    block = VoVGSCSP(8, 16, n=2)
    out = block(torch.rand(2, 8, 4, 4))
    assert out.shape == (2, 16, 4, 4)
    out.square().sum().backward()
    assert all(p.grad is not None for p in block.parameters())


def test_eiou_by_hand():
    same = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    assert eiou_loss(BoxPairs(same, same)).item() == pytest.approx(0, abs=1e-6)
    # 2x2 at the origin against 4x2 beside it: IoU 0, outer box 6x2, centres 3 apart, widths 2 apart
    other = torch.tensor([[2.0, 0.0, 6.0, 2.0]])
    assert eiou_loss(BoxPairs(same, other)).item() == pytest.approx(1 + 9 / 40 + 4 / 36)
    assert eiou_loss(BoxPairs(same, other)).shape == (1, 1)


def test_eiou_has_gradients_where_boxes_do_not_meet():
    box = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    eiou_loss(BoxPairs(box, torch.tensor([[20.0, 20.0, 30.0, 30.0]]))).sum().backward()
    assert box.grad is not None
    assert box.grad.abs().sum() > 0


def batch(boxes):
    return {
        "img": torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
        "batch_idx": torch.zeros(len(boxes)),
        "cls": torch.zeros(len(boxes), 1),
        "bboxes": torch.tensor(boxes).reshape(-1, 4),
    }


def losses(build, loss, boxes):
    torch.manual_seed(0)
    model = build(loss=loss, nc=2)
    total, items = model(batch(boxes))
    total.sum().backward()
    return model, {name: value.item() for name, value in items.items()}


def test_only_the_box_term_differs(build):
    boxes = [[0.5, 0.5, 0.4, 0.6], [0.3, 0.3, 0.2, 0.2]]
    ciou_model, ciou = losses(build, "ciou", boxes)
    eiou_model, eiou = losses(build, "eiou", boxes)
    assert type(ciou_model.criterion).__name__ == "CIoULoss"
    assert type(eiou_model.criterion).__name__ == "EIoULoss"
    assert ciou["cls_loss"] == eiou["cls_loss"]
    assert ciou["dfl_loss"] == eiou["dfl_loss"]
    assert ciou["box_loss"] != eiou["box_loss"]
    assert all(math.isfinite(value) for value in (*ciou.values(), *eiou.values()))


@pytest.mark.parametrize("loss", names("loss"))
def test_images_without_boxes(build, loss):
    _, items = losses(build, loss, [])
    assert items["box_loss"] == 0
    assert items["cls_loss"] > 0


def test_ciou_is_stocks_loss(build):
    torch.manual_seed(0)
    stock = upstream_model("yolo11", "n", nc=2)
    stock.args = default_args()
    boxes = [[0.5, 0.5, 0.4, 0.6]]
    _, items = losses(build, "ciou", boxes)
    _, theirs = stock(batch(boxes))
    assert items == {name: value.item() for name, value in theirs.items()}


def test_loss_weights_come_from_the_spec(build, spec):
    one = spec(nc=2)
    model = build_detector(replace(one, loss=one.loss | {"box": 15.0}))
    assert model.init_criterion().hyp.box == 15.0
