"""How GFLOPs are told."""

import pytest

from yolograft.common.text import gflops_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.667, "6.7"),
        (68.04, "68.0"),
        (1.0, "1.0"),
        (0.9996, "1.0"),
        (0.403, "0.403"),
        (0.4, "0.400"),
        (0.0167, "0.0167"),
    ],
)
def test_gflops_have_digits_enough_at_every_size(value: float, text: str) -> None:
    assert gflops_text(value) == text
