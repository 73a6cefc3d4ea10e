"""What `auto` means on this machine."""

import pytest
import torch

from yolograft.compute import devices
from yolograft.compute.devices import for_inference, resolve


@pytest.mark.parametrize(
    ("precision", "kernels", "built", "channels_last"),
    [
        ("fp32", "auto", True, True),
        ("fp32", "auto", False, False),  # PyTorch's norms are coarse with channels last, and would be used
        ("fp32", False, True, False),
        ("bf16", "auto", False, True),
        ("bf16", False, True, True),
    ],
)
def test_layout_on_a_cpu_is_one_whose_norms_are_accurate(
    precision: str, kernels: object, built: bool, channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "available", lambda dtype: built and dtype == torch.float32)
    trainer = {"precision": precision, "channels_last": "auto", "cpu_kernels": kernels, "threads": 1}
    assert resolve("cpu", 0, trainer).channels_last is channels_last


@pytest.mark.parametrize("layout", [True, False])
def test_a_layout_that_is_asked_for_is_taken(layout: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available", lambda dtype: not layout)
    trainer = {"precision": "fp32", "channels_last": layout, "threads": 1}
    assert resolve("cpu", 0, trainer).channels_last is layout


def test_inference_does_not_try_out_the_norms_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available", lambda dtype: pytest.fail("tried out"))
    compute = for_inference("cpu", threads=1)
    assert (compute.accelerator, compute.autocast, compute.channels_last) == ("cpu", None, False)
