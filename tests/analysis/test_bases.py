"""A variant is compared with its own base; bases as they are, with YOLO11."""

from helpers.made_runs import made_run, rows_of
from yolograft.analysis.comparison import compare
from yolograft.config.defaults import base_choices

DEPTHS = {"yolo11": "0.5", "yolo26": "0.5", "yolov8": "0.33"}


def run(value: float, base: str, **changes: str):
    """A run of a base with options of its own, with the settings that its config has."""
    choices = {**base_choices(base), **changes}
    words = tuple(f"{group}={choice}" for group, choice in changes.items())
    config = {**choices, "scale.depth": DEPTHS[base], "epochs": "10"}
    name = "-".join([base, *changes.values()])
    return made_run(value, choices=choices, overrides=(f"base={base}", *words), config=config, name=name)


def test_each_base_is_the_baseline_of_its_variants() -> None:
    comparison = compare(
        [
            run(0.50, "yolo11"),
            run(0.52, "yolo11", neck="slim"),
            run(0.55, "yolo26"),
            run(0.54, "yolo26", neck="slim"),
            run(0.45, "yolov8"),
        ]
    )
    assert comparison.groups == ("base", "neck")  # what comes with a base is no choice of its own
    rows = rows_of(comparison)
    assert rows["yolo11 + conv"].baseline
    assert rows["yolo11 + slim"].reference == "yolo11 + conv"
    assert rows["yolo26 + slim"].reference == "yolo26 + yolo26"
    assert rows["yolo26 + yolo26"].reference == rows["yolov8 + yolov8"].reference == "yolo11 + conv"
    assert rows["yolov8 + yolov8"].confounds == ()  # its scale is its own
    difference = rows["yolo26 + slim"].difference
    assert difference is not None
    assert round(difference.value, 6) == -0.01


def test_without_yolo11_a_base_as_it_is_is_the_baseline() -> None:
    rows = compare([run(0.55, "yolo26"), run(0.54, "yolo26", head="detect")]).rows
    assert [(row.baseline, row.variant.settings["head"]) for row in rows] == [(True, "yolo26"), (False, "detect")]
    assert rows[1].reference == rows[0].variant.label


def test_runs_of_before_are_variants_of_yolo11() -> None:
    before = made_run(0.5)  # its record knows no base
    rows = compare([before, made_run(0.52, neck="slim")]).rows
    assert [row.baseline for row in rows] == [False, True]
