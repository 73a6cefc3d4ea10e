"""What a fault does to a training, and how it is said."""

import pytest

from yolograft.common.errors import UserError
from yolograft.data.checks import KINDS, Fault, bounded, conversions, enforce, kinds, merged, summary_lines

GRAVE = Fault("labels/a.txt", 2, "class 7 is out of range", "class-range")
SLIGHT = Fault("labels/b.txt", 1, "a box without area", "zero-area", 3)
NOTE = Fault("images/c.png", None, "grey", "grey")


def test_only_errors_stop_and_only_when_strict() -> None:
    enforce("strict", [SLIGHT, NOTE])
    for check in ("warn", "off"):
        enforce(check, [GRAVE])
    more = [SLIGHT, GRAVE, Fault("labels/a.txt", 3, "x", "pixels", 2), Fault("labels/d.txt", 1, "x", "class-range", 4)]
    with pytest.raises(UserError) as refused:
        enforce("strict", more)
    assert str(refused.value) == (
        "labels/a.txt:2: class 7 is out of range; also 4 class-range, 2 pixels. Results on such data would be "
        "wrong: fix it (`yolograft data` lists every fault), or train anyway with dataset.check=warn"
    )


def test_the_gravest_come_first_and_notes_are_not_shown() -> None:
    assert summary_lines([NOTE, SLIGHT, GRAVE]) == [
        "labels/a.txt:2: class 7 is out of range",
        "labels/b.txt:1: a box without area (and 2 more like it)",
    ]
    assert summary_lines([NOTE, SLIGHT, GRAVE], 1) == [
        "labels/a.txt:2: class 7 is out of range",
        "… in all: 1 class-range, 3 zero-area (`yolograft data` lists every one)",
    ]
    assert kinds([NOTE, SLIGHT, GRAVE, SLIGHT]) == {"class-range": 1, "zero-area": 6, "grey": 1}


def test_a_conversion_is_one_line_with_its_count() -> None:
    polygons = [Fault(f"{n}.txt", None, "a polygon in each row", "polygons", n) for n in (3, 4)]
    faults = merged([polygons[0], NOTE, SLIGHT, polygons[1], NOTE, SLIGHT])
    assert faults == [Fault("3.txt", None, "a polygon in each row", "polygons", 7), NOTE, SLIGHT, NOTE, SLIGHT]
    faults += [Fault("b.xml", 8, "marked as difficult; left out", "ignored", 2)]
    assert conversions(faults) == [
        "polygons: their bounds are used as boxes: 7, first 3.txt: a polygon in each row",
        "object marked as crowd, difficult or to be ignored: left out: 2, first b.xml:8: marked as difficult; left out",
    ]
    assert summary_lines(faults) == [str(SLIGHT), str(SLIGHT)], "they are no faults"


def test_many_faults_of_a_kind_are_counted_on_the_last_that_is_shown() -> None:
    many = [Fault("a.json", None, f"annotation {n}", "number") for n in range(50)]
    found = bounded([GRAVE, *many], 3)
    assert found == [GRAVE, many[0], many[1], Fault("a.json", None, "annotation 2", "number", 48)]


def test_a_name_with_a_line_break_stays_on_one_line() -> None:
    assert str(Fault("images/a\nb 猫.jpg", None, "broken", "unreadable-image")) == "images/a\\nb 猫.jpg: broken"


def test_every_kind_says_what_it_is() -> None:
    assert {severity for severity, _ in KINDS.values()} == {"error", "warning", "converted", "info"}
    assert all(len(text) > 8 for _, text in KINDS.values())
