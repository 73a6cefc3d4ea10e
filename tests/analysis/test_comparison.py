"""What is compared with what: rows, pairs of seeds, baselines."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.made_runs import WriteRun, made_run, metrics, rows_of, said
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, compare
from yolograft.common.errors import UserError


def test_one_row_per_variant_best_first_unfinished_last(grid: Comparison) -> None:
    assert [(row.variant.label, row.variant.status) for row in grid.rows] == [
        ("yolo11 + gsconv", "finished"),
        ("yolo11 + conv", "finished"),
        ("effv1 + conv", "finished"),
        ("effv1 + gsconv", "finished"),
        ("mbv3 + conv", "finished"),
        ("effv2 + conv", "running 3/10"),
        ("effv2_gsconv_n", "damaged"),
        ("mbv3 + gsconv", "failed 2/10"),
    ]
    assert [row.baseline for row in grid.rows] == [False, True, *[False] * 6]
    differences = [row.difference and row.difference.value for row in grid.rows]
    assert differences[:5] == pytest.approx([0.012, None, -0.069, -0.075, -0.112])
    assert differences[5:] == [None] * 3


def test_seeds_are_summed_up_and_paired(seeds: Comparison) -> None:
    rows = rows_of(seeds)
    stock, gsconv, both = (rows[name] for name in ("yolo11 + conv", "yolo11 + gsconv", "effv1 + gsconv"))
    assert (stock.statistics["mAP50-95"].mean, stock.statistics["mAP50-95"].sd) == pytest.approx((0.5, 0.01))
    assert gsconv.difference is not None
    assert gsconv.difference.value == pytest.approx(0.02)
    assert gsconv.difference.significant is True
    assert gsconv.relative["seconds"] == pytest.approx(-0.09)
    assert both.variant.status == "2 finished, 1 failed"
    assert both.difference is not None
    assert (both.n, both.difference.n, both.difference.left_out) == (2, 2, ((1, None),))
    assert said(seeds, "seeds") == [
        "effv1 + gsconv: left out of the difference, since only one side has finished them: seed 1"
    ]


def test_p_values_are_corrected_over_the_whole_table(seeds: Comparison) -> None:
    found = sorted((row.difference.p, row.difference.p_holm) for row in seeds.rows if row.difference)
    assert len(found) == 3
    assert found[0][1] == pytest.approx(3 * found[0][0])  # type: ignore[operator]


SHIFTED = st.floats(-0.3, 0.3).filter(lambda shift: abs(shift) > 1e-6)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=12, max_size=12), SHIFTED, st.integers(0, 3))
def test_shifting_a_variant_shifts_its_difference_and_no_other(numbers: list[float], shift: float, which: int) -> None:
    pairs = [("yolo11", "conv"), ("yolo11", "gsconv"), ("effv1", "conv"), ("effv1", "gsconv")]
    runs = [made_run(numbers[3 * place + seed], *pair, seed) for place, pair in enumerate(pairs) for seed in range(3)]
    moved = [
        replace(run, metrics=metrics(run.metrics["mAP50-95"] + shift)) if place // 3 == which else run
        for place, run in enumerate(runs)
    ]
    before, after = rows_of(compare(runs)), rows_of(compare(moved))
    shifted = " + ".join(pairs[which])
    for label in before:
        old, new = before[label], after[label]
        by = shift if label == shifted else 0.0
        assert new.statistics["mAP50-95"].mean == pytest.approx(old.statistics["mAP50-95"].mean + by)
        if old.difference and new.difference:
            by -= shift if shifted == "yolo11 + conv" else 0.0
            assert new.difference.value == pytest.approx(old.difference.value + by, abs=1e-9)
            if None not in (old.difference.low, new.difference.low):
                assert new.difference.low == pytest.approx(old.difference.low + by, abs=1e-6)  # type: ignore[operator]
            if by == 0:
                assert new.difference == replace(old.difference, p_holm=new.difference.p_holm)


def test_another_baseline_keeps_all_else_equal(sweep: Path) -> None:
    rows = rows_of(compare(collect([sweep]), baseline={"neck": "conv"}))
    assert {label: row.reference for label, row in rows.items() if row.reference} == {
        "effv1 + gsconv": "effv1 + conv",
        "yolo11 + gsconv": "yolo11 + conv",
        "mbv3 + gsconv": "mbv3 + conv",
    }
    assert rows["effv1 + gsconv"].difference is not None
    assert rows["effv1 + gsconv"].difference.value == pytest.approx(-0.006)
    assert rows["effv1 + conv"].baseline
    assert not rows["mbv3 + gsconv"].baseline


def test_another_metric_sorts_and_differs(sweep: Path) -> None:
    comparison = compare(collect([sweep]), metric="recall")
    assert {row.difference.value for row in comparison.rows if row.difference} == {0.0}


def test_an_unknown_metric_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"metric=map50: .* did you mean mAP50\? There are mAP50-95, mAP50, precision"):
        compare([], metric="map50")


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ({"neck": "gsconf"}, "baseline=neck=gsconf: no run has it; did you mean gsconv? There are conv, gsconv"),
        ({"nek": "conv"}, "baseline=nek=conv: no run has nek; did you mean neck? There are backbone, neck, base"),
    ],
)
def test_a_baseline_that_no_run_has_is_refused(sweep: Path, baseline: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        compare(collect([sweep]), baseline=baseline)
    assert str(refused.value).startswith(message)


def test_a_baseline_goes_by_the_tables_words(tmp_path: Path, write_run: WriteRun) -> None:
    for variant, value in (("b0", 0.4), ("b1", 0.5)):
        config = {"backbone": {"variant": variant}}
        write_run(tmp_path / variant, "effv1", config=config, metrics=metrics(value))
    runs = collect([tmp_path])
    rows = rows_of(compare(runs, baseline={"backbone": "effv1-b0"}))
    assert rows["effv1-b0"].baseline
    assert rows["effv1-b1"].difference is not None
    assert rows["effv1-b1"].difference.value == pytest.approx(0.1)
    with pytest.raises(UserError, match=r"baseline=backbone=effv1: there are several; say which: effv1-b0, effv1-b1"):
        compare(runs, baseline={"backbone": "effv1"})


def test_the_baseline_has_the_same_scale_and_data_set(tmp_path: Path, write_run: WriteRun) -> None:
    for scale, stock, other in (("n", 0.5, 0.4), ("s", 0.6, 0.65)):
        write_run(tmp_path / f"a{scale}", choices={"scale": scale}, metrics=metrics(stock))
        write_run(tmp_path / f"b{scale}", "effv1", choices={"scale": scale}, metrics=metrics(other))
    write_run(tmp_path / "c", "effv1", choices={"dataset": "coco8"}, metrics=metrics(0.9))
    comparison = compare(collect([tmp_path]))
    rows = rows_of(comparison)
    assert comparison.groups == ("backbone", "scale", "dataset")
    assert rows["effv1 + n + shapes"].difference.value == pytest.approx(-0.1)  # type: ignore[union-attr]
    assert rows["effv1 + s + shapes"].difference.value == pytest.approx(0.05)  # type: ignore[union-attr]
    assert rows["effv1 + n + coco8"].reference is None
    assert said(comparison, "baseline") == [
        "no baseline with the same other settings, hence no difference: effv1 + n + coco8"
    ]


def test_overridden_options_make_variants(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "stock", metrics=metrics(0.5))
    write_run(tmp_path / "wide", overrides=["backbone=yolo11", "backbone.width=0.5"], metrics=metrics(0.6))
    for variant in ("b0", "b1"):
        aside = ["logger.dir=x", "trainer.plots=false", f"name={variant}"]
        overrides = ["backbone=effv1", f"backbone.variant={variant}", *aside]
        write_run(tmp_path / variant, "effv1", overrides=overrides, metrics=metrics(0.4))
    comparison = compare(collect([tmp_path]))
    rows = rows_of(comparison)
    assert comparison.groups == ("backbone", "backbone.width")
    assert set(rows) == {"yolo11", "yolo11 + backbone.width=0.5", "effv1-b0", "effv1-b1"}
    assert rows["yolo11"].baseline
    assert rows["yolo11 + backbone.width=0.5"].reference == "yolo11"
    assert rows["effv1-b1"].reference == "yolo11"


@pytest.mark.parametrize("shared", [False, True])
def test_stock_with_an_option_of_its_own_is_not_stock_but_an_option_of_all_is_no_matter(
    tmp_path: Path, write_run: WriteRun, shared: bool
) -> None:
    option = "backbone.pretrained=true"
    write_run(tmp_path / "stock", overrides=["backbone=yolo11", option])
    write_run(tmp_path / "other", "effv1", overrides=["backbone=effv1", *([option] if shared else [])])
    (other,) = (row for row in compare(collect([tmp_path])).rows if row.variant.settings["backbone"] == "effv1")
    assert (other.reference is not None) == shared


def test_a_config_tells_variants_that_no_override_does(tmp_path: Path, write_run: WriteRun) -> None:
    """An experiment's file sets things too; seeds, names and loggers make no variant."""
    for name, lr0 in (("low", 0.01), ("high", 0.02)):
        config = {"optim": {"lr0": lr0, "lrf": 0.1}, "seed": 0, "name": name, "logger": {"kind": name}}
        config |= {"neck": {"_target_": f"moved.{name}"}}
        write_run(tmp_path / name, config=config)
    assert compare(collect([tmp_path])).groups == ("lr0",)


@pytest.mark.parametrize("usual", [None, "silu"])
def test_another_activation_is_compared_with_the_bases_own(
    tmp_path: Path, write_run: WriteRun, usual: str | None
) -> None:
    for name, value in ((usual, 0.5), ("mish", 0.4), ("relu", 0.3)):
        overrides = [] if name is None else [f"activation={name}"]
        write_run(tmp_path / str(name), metrics=metrics(value), config={"activation": name}, overrides=overrides)
    rows = compare(collect([tmp_path])).rows
    assert [(row.baseline, row.difference and row.difference.value) for row in rows] == [
        (True, None),
        (False, pytest.approx(-0.1)),
        (False, pytest.approx(-0.2)),
    ]


@pytest.mark.parametrize(("group", "value", "held"), [("loss", "eiou", False), ("context", "sppf", True)])
def test_a_swept_group_is_compared_with_stocks_and_a_held_one_within(
    tmp_path: Path, write_run: WriteRun, group: str, value: str, held: bool
) -> None:
    other: dict[str, Any] = {group: value}
    write_run(tmp_path / "stock", metrics=metrics(0.5), choices=other if held else {})
    write_run(tmp_path / "other", "effv1" if held else "yolo11", metrics=metrics(0.4), choices=other)
    assert [(row.baseline, row.difference and row.difference.value) for row in compare(collect([tmp_path])).rows] == [
        (True, None),
        (False, pytest.approx(-0.1)),
    ]


def test_a_failed_run_and_its_repetition_elsewhere_are_one_variant() -> None:
    again = made_run(0.5, path=Path("multirun/again/run"))
    comparison = compare([made_run(None), again])
    assert [(row.n, row.variant.status) for row in comparison.rows] == [(1, "1 finished, 1 failed")]


def test_a_crossed_setting_is_compared_within_itself() -> None:
    runs = [
        made_run(value, neck=neck, config={"imgsz": imgsz}, name=f"{neck}{imgsz}")
        for value, neck, imgsz in (
            (0.5, "conv", "640"),
            (0.6, "gsconv", "640"),
            (0.4, "conv", "320"),
            (0.3, "gsconv", "320"),
        )
    ]
    comparison = compare(runs)
    rows = rows_of(comparison)
    assert rows["gsconv + imgsz=320"].difference.value == pytest.approx(-0.1)  # type: ignore[union-attr]
    assert rows["gsconv + imgsz=640"].difference.value == pytest.approx(0.1)  # type: ignore[union-attr]
    assert said(comparison, "confounded") == []


def test_among_several_baselines_as_far_away_none_is_picked() -> None:
    runs = [made_run(0.5, config={"imgsz": size}) for size in ("320", "640")]
    comparison = compare([*runs, made_run(0.6, neck="gsconv", config={"imgsz": "960"})])
    assert rows_of(comparison)["gsconv + imgsz=960"].reference is None
