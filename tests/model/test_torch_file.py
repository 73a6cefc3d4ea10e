"""Files of `torch.save`, read without its unpickler: the same tensors, to the last bit."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from yolograft.model.state import read_state
from yolograft.upstream.model import upstream_model


def same(read: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert list(read) == list(wanted)
    for name, value in wanted.items():
        assert read[name].dtype == value.dtype
        assert torch.equal(read[name], value), name


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_tensors_of_every_kind(tmp_path: Path, zipped: bool, protocol: int) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    state = OrderedDict(
        plain=torch.rand(3, 2),
        turned=whole.t(),
        part=whole[1:3, ::2],
        shared=whole,
        number=torch.tensor(5),
        empty=torch.empty(0, 3),
        parameter=nn.Parameter(torch.rand(2)),
        half=torch.rand(4).half(),
        brain=torch.rand(4).bfloat16(),
        double=torch.rand(4).double(),
        flag=torch.tensor([True, False]),
        byte=torch.tensor([255], dtype=torch.uint8),
        wide=torch.rand(1, 2, 3, 4).to(memory_format=torch.channels_last),
    )
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    same(read_state(tmp_path / "w.pt"), state)


@pytest.mark.parametrize("key", ["ema", "model"])
def test_a_pickled_model_of_ultralytics(tmp_path: Path, key: str) -> None:
    """The order and names of `state_dict()`, buffers and all, in fp32 as stock has it."""
    model = upstream_model("yolo11", "n", nc=2).half()
    torch.save({"model": None, "ema": None, "epoch": 3, key: model, "train_args": {"lr0": 0.1}}, tmp_path / "w.pt")
    same(read_state(tmp_path / "w.pt", modules=True), model.float().state_dict())


def test_buffers_that_are_not_saved_are_left_out(tmp_path: Path) -> None:
    model = nn.BatchNorm2d(3)
    model.register_buffer("scratch", torch.zeros(9), persistent=False)
    outer = nn.Sequential(model, nn.Conv2d(3, 1, 1))
    torch.save(outer, tmp_path / "w.pt")
    same(read_state(tmp_path / "w.pt", modules=True), outer.state_dict())


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1000)}, tmp_path / "w.pt")
    content = bytearray((tmp_path / "w.pt").read_bytes())
    start = content.index(bytes(4000))
    content[start + 2000] ^= 4
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        read_state(tmp_path / "w.pt")
