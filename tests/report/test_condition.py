"""What may stand in `filter=`, and that nothing else is run."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yolograft.analysis.condition import Condition
from yolograft.common.errors import UserError

ROW: dict[str, Any] = {
    "neck": "gsconv",
    "backbone": ("effv1", "effv1-b0"),
    "params": 2_500_000,
    "mAP50-95": 0.41,
    "optim.lr0": "0.010",
    "latency": None,
    "told": True,
}


def holds(text: str) -> bool:
    return Condition("filter", text).holds(ROW.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        "neck == 'gsconv' and params < 3e6",
        "mAP50-95 > 0.4",
        "mAP50-95-0.01 >= 0.4 - 1e-9",
        "0.4 < mAP50-95 < 0.5",
        "backbone == 'effv1'",
        "backbone == 'effv1-b0'",
        "backbone in ['yolo11', 'effv1']",
        "backbone not in ('yolo11', 'mbv3')",
        "'eff' in backbone",
        "optim.lr0 == 0.01",
        "optim.lr0 * 100 == 1",
        "params / 1e6 == 2.5",
        "not (neck == 'conv' or params > 3e6)",
        "latency != 3",
        "latency == None",
        "told",
        "-params < 0",
    ],
)
def test_a_row_meets(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "neck != 'gsconv'",
        "params < 1e6",
        "latency < 100",  # unknown is neither less
        "latency >= 100",  # nor more
        "backbone != 'effv1'",
        "backbone == 'yolo11'",
        "params / 0 > 1",
        "not told",
    ],
)
def test_a_row_does_not_meet(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("neck = 'x'", "filter=neck = 'x': cannot be read; write it as"),
        ("", "filter=: cannot be read"),
        ("3 < 4", "filter=3 < 4: names no column"),
        ("__import__('os').system('true') == 0", "is not allowed; only comparisons"),
        ("[x for x in neck]", "is not allowed"),
        ("neck[0] == 'g'", "neck[0] is not allowed"),
        ("params ** 99 > 1", "is not allowed"),
        ("lambda: params", "is not allowed"),
        ("neck < 3", "'gsconv' is no number"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        holds(text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@settings(max_examples=200)
@given(st.text(alphabet="ab'\"()[]{}<>=!.,:-+*/ 0123eE\\\n\0#", max_size=30))
def test_nothing_that_is_typed_raises_anything_else(text: str) -> None:
    try:
        condition = Condition("filter", text)
        condition.holds(dict.fromkeys(condition.names, 1).__getitem__)
    except UserError:
        pass
