"""Which columns are shown, which rows, in which order."""

from pathlib import Path

import pytest

from helpers.made_runs import made_run
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, Row, compare
from yolograft.common.errors import UserError
from yolograft.common.times import duration
from yolograft.render.table import Table, table


def shown(made: Table) -> list[str]:
    return [row.variant.label for row in made.rows]


def cells(made: Table, key: str) -> list[str]:
    (column,) = (column for column in made.columns if column.key == key)
    return [column.text(row) for row in made.rows]


def test_columns_that_say_nothing_are_left_out(grid: Comparison, seeds: Comparison) -> None:
    assert [column.heading for column in table(grid).columns] == [
        "backbone", "neck", "mAP50-95", "Δ mAP50-95", "mAP50", "precision", "recall", "params", "GFLOPs", "time",
        "images/s", "backbone/context/neck/head", "status",
    ]  # fmt: skip
    assert [column.heading for column in table(seeds).columns] == [
        "backbone", "neck", "n", "mAP50-95", "Δ mAP50-95", "95 % interval", "≠ 0", "mAP50", "params", "GFLOPs", "time",
        "status",
    ]  # fmt: skip


def test_cells_of_seeds(seeds: Comparison) -> None:
    made = table(seeds)
    assert shown(made) == ["yolo11 + gsconv", "yolo11 + conv", "effv1 + conv", "effv1 + gsconv"]
    assert cells(made, "mAP50-95") == ["0.520 ± 0.011", "0.500 ± 0.010", "0.417 ± 0.021", "0.404 ± 0.002"]
    assert cells(made, "difference") == ["+0.020", "baseline", "-0.083", "-0.091"]
    # differences 0.020, 0.021, 0.019: mean 0.02, sd 0.001, ± 4.302653 · 0.001/√3
    assert cells(made, "interval")[:2] == ["[+0.018, +0.022]", ""]
    assert cells(made, "significant")[:2] == ["yes", ""]


def test_sort_puts_the_better_first_and_turns_round(seeds: Comparison) -> None:
    assert shown(table(seeds, sort="recall")) == shown(table(seeds))  # known of none
    assert shown(table(seeds, sort="-mAP50-95")) == shown(table(seeds))[::-1]
    assert cells(table(seeds, sort="seconds"), "seconds") == ["1m31s"] * 2 + ["1m40s"] * 2
    assert cells(table(seeds, sort="-seconds"), "seconds") == ["1m40s"] * 2 + ["1m31s"] * 2
    assert cells(table(seeds, sort="backbone"), "backbone") == ["effv1", "effv1", "yolo11", "yolo11"]


def test_rows_where_the_sorted_column_is_unknown_come_last(grid: Comparison) -> None:
    for sort in ("mAP50-95", "-mAP50-95"):
        assert [row.n for row in table(grid, sort=sort).rows] == [1] * 5 + [0] * 3


def test_numbers_in_settings_are_sorted_as_numbers() -> None:
    comparison = compare([made_run(0.5, config={"batch": batch}) for batch in ("8", "16", "128")])
    assert cells(table(comparison, sort="batch"), "batch") == ["8", "16", "128"]


def test_filter_hides_rows_but_changes_no_number(seeds: Comparison) -> None:
    made = table(seeds, filter="neck == 'gsconv' and params < 3e6")
    assert shown(made) == ["yolo11 + gsconv", "effv1 + gsconv"]
    whole = {row.variant.label: row.difference for row in table(seeds).rows}
    assert {row.variant.label: row.difference for row in made.rows} == {name: whole[name] for name in shown(made)}


@pytest.mark.parametrize("name", ["effv1", "effv1-b1"])
def test_a_group_is_filtered_by_its_option_and_as_the_table_tells_it(name: str) -> None:
    runs = [made_run(0.5), *(made_run(0.4, "effv1", config={"backbone.variant": v}, name=v) for v in ("b0", "b1"))]
    made = table(compare(runs), filter=f"backbone == '{name}'")
    assert shown(made) == (["effv1-b0", "effv1-b1"] if name == "effv1" else ["effv1-b1"])


def test_columns_are_chosen_by_name_and_settings_are_columns_too(sweep: Path) -> None:
    comparison = compare(collect([sweep]))
    made = table(comparison, columns=["backbone", "params", "scale", "backbone_params"])
    assert [column.heading for column in made.columns] == ["backbone", "params", "scale", "backbone params"]
    assert cells(made, "scale")[0] == "n"
    assert len(table(comparison, columns=["all"]).columns) > 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            {"columns": ["parms"]},
            "columns=parms: there is no such column; did you mean params? There are backbone, neck",
        ),
        ({"sort": "-recal"}, "sort=-recal: there is no such column; did you mean recall?"),
        ({"filter": "neks == 'conv'"}, "filter=neks == 'conv': there is no such name; did you mean neck?"),
    ],
)
def test_unknown_words_are_refused_with_the_nearest(grid: Comparison, words: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        table(grid, **words)
    assert str(refused.value).startswith(message)


def test_places_are_those_of_what_is_read_with_ties() -> None:
    values = {"a": 0.5001, "b": 0.4999, "c": 0.49, "d": 0.1}
    made = table(compare([made_run(value, backbone) for backbone, value in values.items()]))
    (column,) = (column for column in made.columns if column.key == "mAP50-95")
    assert made.places(column) == {0: 1, 1: 1, 2: 2}
    cost = next(column for column in made.columns if column.key == "params")
    assert made.places(cost) == {}  # all the same: none is best


def test_means_that_read_alike_share_a_place_however_they_spread() -> None:
    values = {"a": (0.49, 0.51), "b": (0.45, 0.55), "c": (0.3, 0.4)}
    made = table(compare([made_run(v, name, seed=seed) for name, two in values.items() for seed, v in enumerate(two)]))
    (column,) = (column for column in made.columns if column.key == "mAP50-95")
    assert made.places(column) == {0: 1, 1: 1, 2: 2}


def test_where_less_is_better_the_least_is_first() -> None:
    made = table(compare([made_run(0.5), made_run(0.6, neck="slim", params=1_000_000)]))
    cost = next(column for column in made.columns if column.key == "params")
    assert made.places(cost) == {0: 1, 1: 2}


def test_notes_say_what_the_signs_mean(seeds: Comparison) -> None:
    assert table(seeds).notes == (
        "Δ mAP50-95: minus the baseline's, paired by seed; 95 % interval of the mean difference (t); "
        "≠ 0: significant at 5 %, corrected for 3 comparisons (Holm)",
        "±: standard deviation over seeds",
    )


def test_a_confounded_difference_has_a_mark() -> None:
    runs = [made_run(0.5, config={"imgsz": "640"}), made_run(0.6, neck="slim", config={"imgsz": "320"})]
    made = table(compare(runs))
    assert cells(made, "difference") == ["+0.100†", "baseline"]
    assert "†: confounded, see below" in made.notes


@pytest.mark.parametrize(("seconds", "text"), [(47.6, "48s"), (723, "12m03s"), (3725, "1h02m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_costs_relative_to_the_baseline(seeds: Comparison) -> None:
    made = table(seeds, columns=["variant", "seconds_change"])
    row = made.rows[0]
    assert isinstance(row, Row)
    assert cells(made, "seconds_change") == ["-9.0 %", "", "+0.0 %", "-9.0 %"]


def test_a_column_is_known_by_its_former_key_too(seeds: Comparison) -> None:
    made = table(seeds, ["neck", "told"], sort="told", filter="told")
    assert [column.key for column in made.columns] == ["neck", "significant"]
    assert made.rows == table(seeds, sort="significant", filter="significant").rows != ()
    assert [column.key for column in table(seeds, ["all"]).columns].count("significant") == 1
