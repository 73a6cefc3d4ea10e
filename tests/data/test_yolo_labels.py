"""Each mistake in a label file is found at its line, by the rules that ultralytics applies."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolograft.data.checks import Fault
from yolograft.data.labels.reader import Labels, UnreadableLabelsError
from yolograft.data.labels.yolo import YoloLabels, refused_rows
from yolograft.upstream.data import RefusedLabelsError, _read_labels, read_label_file

numbers = st.floats(allow_nan=True).map(str) | st.integers(-3, 5).map(str) | st.text(max_size=5)

GOOD = "0 0.5 0.5 0.2 0.2\n"


@pytest.fixture
def label(tmp_path: Path) -> Path:
    return tmp_path / "a b.txt"


def stock_refuses(label: Path, nc: int, single_cls: bool = False) -> bool:
    """Ask ultralytics' reader."""
    with np.errstate(over="ignore"):
        return _read_labels(("image.jpg", str(label), "", False, nc, 0, 0, single_cls))[0] is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3 0.5 0.5 0.2 0.2", "class 3 is out of range; the data set has classes 0 to 2"),
        ("-1 0.5 0.5 0.2 0.2", "class -1 is out of range; the data set has classes 0 to 2"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5 is not a whole number"),
        ("cat 0.5 0.5 0.2 0.2", "'cat' is not a number"),
        ("0 0,5 0.5 0.2 0.2", "'0,5' is not a number; write decimals with a point"),
        ("0 nan 0.5 0.2 0.2", "'nan' is not a finite number"),
        ("0 inf 0.5 0.2 0.2", "'inf' is not a finite number"),
        ("0 0.5 0.5 0.2", "4 columns instead of 5 (class x y width height)"),
        ("0 0.5 0.5 0.2 0.2 0.9", "6 columns instead of 5 (class x y width height)"),
        ("0", "1 columns instead of 5 (class x y width height)"),
        ("0 1.2 0.5 0.2 0.2", "coordinate 1.2 is outside the image (0 to 1)"),
        ("0 -0.1 0.5 0.2 0.2", "coordinate -0.1 is outside the image (0 to 1)"),
        ("0 0.5 0.5 0.2 1.02", "coordinate 1.02 is outside the image (0 to 1)"),
        ("0 320 240 50 60", "coordinate 320 is not a fraction of the image (0 to 1); are these pixels?"),
        ("0 0.5 0.5 -0.2 0.2", "width -0.2 is negative"),
        ("0 0.5 0.5 0.2 -0.001", "height -0.001 is negative"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_refused_rows(label: Path, row: str, message: str, end: str) -> None:
    text = "\ufeff" + GOOD + "\n" + row + "\n" + GOOD
    label.write_text(text.replace("\n", end), encoding="utf-8", newline="")
    assert stock_refuses(label, 3)
    (fault,) = refused_rows(str(label), 3)
    assert (fault.file, fault.line, fault.message, fault.severity) == (str(label), 3, message, "error")


@pytest.mark.parametrize("row", ["2 1.005 0.5 0.2 0.2", "2 -0.009 0.5 0.2 0.2", "1.0 0 0 0 0", "1e0 5e-1 .5 1 1", ""])
def test_rows_that_ultralytics_accepts(label: Path, row: str) -> None:
    label.write_text(GOOD + row + "\n")
    assert not stock_refuses(label, 3)
    assert refused_rows(str(label), 3) == []


def test_any_row_of_numbers_is_judged_as_ultralytics_judges_it(label: Path) -> None:
    rng = np.random.default_rng(0)
    edges = np.array([-1, -0.011, -0.01, -0.0099, -1e-9, 0, 0.3, 1, 1.0099, 1.01, 1.0101, 2])
    for _ in range(400):
        kind = rng.choice([0, 1, 2, 3, -1, 0.5], p=[0.3, 0.3, 0.25, 0.05, 0.05, 0.05])
        label.write_text(f"{kind:g} " + " ".join(f"{value:.10g}" for value in rng.choice(edges, 4)) + "\n")
        for single in (False, True):
            assert bool(refused_rows(str(label), 3, single)) == stock_refuses(label, 3, single), label.read_text()


def test_polygons(label: Path) -> None:
    triangle = "0 0.1 0.1 0.5 0.1 0.3 0.4\n"
    label.write_text(triangle + "1 0.1 0.1 0.5 0.1 0.3\n" + GOOD)
    assert stock_refuses(label, 3)
    assert [str(fault).removeprefix(str(label)) for fault in refused_rows(str(label), 3)] == [
        ":2: 6 columns; a polygon has a class and at least 3 points x y",
        ":3: a box (5 columns) among polygons; a label file holds one or the other",
    ]
    label.write_text(triangle)
    assert refused_rows(str(label), 3) == []


def test_one_fault_for_each_kind_at_its_first_line(label: Path) -> None:
    label.write_text(GOOD + "7 0.5 0.5 0.2 0.2\n" * 3 + "0 5 0.5 0.2 0.2\n8 0.5 0.5 0.2 0.2\n0 6 0.5 0.2 0.2\n")
    assert [(fault.line, fault.message, fault.kind, fault.count) for fault in refused_rows(str(label), 3)] == [
        (2, "class 7 is out of range; the data set has classes 0 to 2", "class-range", 4),
        (5, "coordinate 5 is not a fraction of the image (0 to 1); are these pixels?", "pixels", 2),
    ]


def test_bytes_that_are_no_text(label: Path) -> None:
    label.write_bytes(GOOD.encode() + b"0 0.5 \xff 0.2 0.2\n")
    assert [str(fault) for fault in refused_rows(str(label), 3)] == [f"{label}:2: byte 0xff is not UTF-8 text"]


def read(label: Path) -> Labels:
    return YoloLabels().read("a b.jpg", str(label), (10, 20), 3, False)


def test_doubtful_rows_are_kept(label: Path) -> None:
    text = GOOD + "0 0.95 0.5 0.3 0.2\n1 0.5 0.5 0 0.2\n2 0.9 0.5 0.21 0.2\n"
    label.write_text(text)
    assert not stock_refuses(label, 3)
    labels = read(label)
    assert len(labels.rows) == 4
    assert [(fault.line, fault.message, fault.kind) for fault in labels.faults] == [
        (2, "the box reaches outside the image (x from 0.800 to 1.100); kept", "overhang"),
        (3, "a box without area (0 x 0.2); kept", "zero-area"),
    ]


def test_repeated_rows_are_used_once(label: Path) -> None:
    label.write_text(GOOD + "1 0.5 0.5 0.1 0.1\n" + GOOD + "0 0.50 .5 0.2 0.2\n")
    labels = read(label)
    assert len(labels.rows) == 2
    assert labels.faults == [Fault(str(label), 3, "repeats a row before it; used once", "duplicate-row", 2)]


def test_what_an_editor_on_windows_left_is_noted(label: Path) -> None:
    label.write_bytes(b"\xef\xbb\xbf0 0.5 0.5 0.2 0.2\r\n1 0.5 0.5 0.2 0.2\r\n")
    labels = read(label)
    assert labels.rows[:, 0].tolist() == [0, 1]
    assert [(fault.kind, fault.severity) for fault in labels.faults] == [("bom", "info"), ("crlf", "info")]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_labels_nothing(label: Path, content: bytes) -> None:
    label.write_bytes(content)
    assert read(label).rows.shape == (0, 5)
    assert YoloLabels().read("a b.jpg", str(label) + ".none", (10, 20), 3, False).rows.shape == (0, 5)


def test_ultralytics_reason_is_passed_on(label: Path) -> None:
    label.write_text("9 0.5 0.5 0.2 0.2\n")
    with pytest.raises(RefusedLabelsError, match=r"^Label class 9 exceeds dataset class count 3"):
        read_label_file(str(label), 3)
    with pytest.raises(UnreadableLabelsError, match="class 9 is out of range"):
        read(label)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200) | st.lists(st.lists(numbers, max_size=8).map(" ".join)).map("\n".join).map(str.encode))
def test_whatever_a_file_holds_it_is_read_or_refused_as_ultralytics_does(label: Path, content: bytes) -> None:
    label.write_bytes(content)
    refused = stock_refuses(label, 3)
    if not refused:
        assert read(label).rows.shape[1] == 5
        return
    with pytest.raises(UnreadableLabelsError) as error:
        read(label)
    assert error.value.faults[0].severity == "error"
