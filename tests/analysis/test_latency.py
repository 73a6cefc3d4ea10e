"""Medians, their intervals, and what cannot be told apart."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.made_runs import WriteRun, rows_of
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.analysis.latency import latencies, measured, median_interval, sign_tests
from yolograft.analysis.plain_values import variant_record, variant_rows
from yolograft.common.metrics import METRIC
from yolograft.render.table import table
from yolograft.runs.bench_file import Cell, Subject, write_bench
from yolograft.runs.exports import FOLDER, Export, write_exports


def cell_of(**times: np.ndarray | list[float]) -> Cell:
    subjects = tuple(Subject(name, name, times=tuple(map(float, values))) for name, values in times.items())
    return Cell("here", "cpu", "a processor", "pytorch", 2, 640, 1, 0.0, 0.0, 0.25, subjects=subjects)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    # Conover, Practical Nonparametric Statistics, 3rd ed., table A3: ranks for n and 95 %.
    [(5, None, None), (6, 1, 6), (10, 2, 9), (20, 6, 15), (100, 40, 61)],
)
def test_the_interval_of_a_median_by_its_ranks(n: int, low: int | None, high: int | None) -> None:
    assert median_interval(list(range(n, 0, -1))) == (None if low is None else (low, high))


def test_sign_tests_by_hand() -> None:
    p = sign_tests(np.array([8, 5, 0]), np.array([0, 5, 0]))
    assert p.tolist() == pytest.approx([2 / 256, 1.0, 1.0])


def test_the_interval_holds_what_it_says() -> None:
    draw = np.random.default_rng(0)
    true = np.log(2)  # the median of the exponential distribution
    ends = [median_interval(draw.exponential(size=30).tolist()) or (0.0, 0.0) for _ in range(400)]
    assert 0.93 < np.mean([low <= true <= high for low, high in ends]) < 0.99


def test_values_of_one_subject() -> None:
    (found,) = latencies(cell_of(a=[0.1] * 5 + [0.2] * 5))
    assert found.median == pytest.approx(0.15)
    assert found.images_per_second == pytest.approx(2 / 0.15)
    assert found.p90 == pytest.approx(0.2)
    assert (found.low, found.high) == (0.1, 0.2)


def test_what_differs_in_every_round_is_told_apart_however_much_the_machine_varies() -> None:
    drift = 1 + 0.5 * np.random.default_rng(0).random(40)
    found = latencies(cell_of(slow=1.05 * drift, fast=drift, slower=1.30 * drift))
    assert [one.subject.name for one in found] == ["fast", "slow", "slower"]
    assert [one.alike for one in found] == [(), (), ()]


def test_what_differs_by_chance_or_hardly_is_not() -> None:
    draw = np.random.default_rng(1)
    noisy = {name: draw.lognormal(sigma=0.2, size=40) for name in "ab"}
    assert [one.alike for one in latencies(cell_of(**noisy))] in ([("b",), ("a",)], [("a",), ("b",)])
    hardly = latencies(cell_of(a=[1.0] * 40, b=[1.01] * 40, c=[1.03] * 40))  # in every round, but by 1 %
    assert [one.alike for one in hardly] == [("b",), ("a", "c"), ("b",)]


def test_a_busy_machine_keeps_the_order_in_which_they_were_given() -> None:
    cell = replace(cell_of(b=[2.0] * 9, a=[1.0] * 9), load_during=1.0)
    assert [one.subject.name for one in latencies(cell)] == ["b", "a"]


def test_the_largest_file_is_compared_in_bounded_time() -> None:
    draw = np.random.default_rng(0)
    began = time.process_time()
    latencies(cell_of(**{f"v{n}": draw.random(10_000) for n in range(100)}))
    assert time.process_time() - began < 20


def test_the_report_shows_what_bench_has_measured(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "one", "yolo11")
    write_run(tmp_path / "two", "effv1")
    write_run(tmp_path / "other_seed", "effv1", seed=1)
    assert measured(collect([tmp_path])) == []
    cell = replace(cell_of(one=[0.010] * 9, two=[0.020] * 9), measured="2026-11-26T22:00:00+00:00")
    write_bench(tmp_path, [cell, replace(cell, batch=1, subjects=cell.subjects[:1])])

    comparison = compare(collect([tmp_path]))
    rows = rows_of(comparison)
    found = {label: row.latency["latency"].median for label, row in rows.items() if row.latency}
    assert found == {"yolo11": 0.010, "effv1": 0.020}
    shown = table(comparison)
    (column,) = [column for column in shown.columns if column.key == "latency"]
    assert sorted(column.text(row) for row in shown.rows) == ["10.0 [10.0, 10.0]", "20.0 [20.0, 20.0]"]
    assert column.better == "less"
    note = next(note for note in shown.notes if note.startswith("latency"))
    assert "PyTorch on cpu (a processor), 640 px, batch 2, 1 thread on here, 2026-11-26" in note
    assert "1 more ways in bench.json" in note
    record = variant_record(comparison, rows["effv1"])
    assert record["latency"]["median_ms"] == pytest.approx(20)
    assert record["latency"]["hardware"] == "a processor"
    assert [row.variant.label for row in table(comparison, sort="latency").rows] == ["yolo11", "effv1"]
    assert len(table(comparison, filter="latency < 15").rows) == 1


def test_each_format_has_a_latency_and_an_exports_is_beside_its_size_and_map(
    tmp_path: Path, write_run: WriteRun
) -> None:
    run = write_run(tmp_path / "one", "yolo11")
    write_run(tmp_path / "two", "effv1")
    good = Export("best.onnx", "onnx", {}, "good", size=1000, metrics={METRIC: 0.4}, pytorch={METRIC: 0.4})
    (run / FOLDER).mkdir()
    write_exports(run / FOLDER, [good])
    cell = cell_of(one=[0.010] * 9, two=[0.020] * 9)
    faster = cell_of(one=[0.005] * 9, two=[0.004] * 9)
    write_bench(tmp_path, [replace(faster, format="onnx"), replace(faster, format="ncnn"), cell])

    shown = table(compare(collect([tmp_path])))
    keys = [column.key for column in shown.columns if column.key.startswith("onnx") or "latency" in column.key]
    assert keys == ["latency", "ncnn_latency", f"onnx_{METRIC}", "onnx_size", "onnx_latency"]
    assert [column.heading for column in shown.columns][-1] == "onnx latency, ms"
    assert sum("latency: median of a batch" in note for note in shown.notes) == 3
    fastest = [table(shown.comparison, sort=key).rows[0].variant.label for key in ("latency", "onnx_latency")]
    assert fastest == ["yolo11", "effv1"]
    (one, _) = variant_rows(shown.comparison, table(shown.comparison, sort="latency").rows)
    assert (one["latency_ms"], one["onnx_latency_ms"], one["onnx_size"]) == (10.0, 5.0, 1000)


def test_the_report_does_not_rank_what_a_busy_machine_gave(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "one", "yolo11")
    write_run(tmp_path / "two", "effv1")
    write_bench(tmp_path, [replace(cell_of(one=[0.010] * 9, two=[0.020] * 9), load_before=1.0)])
    shown = table(compare(collect([tmp_path])))
    (column,) = [column for column in shown.columns if column.key == "latency"]
    assert shown.places(column) == {}
    assert any("the machine was busy, so nothing is ranked by it" in note for note in shown.notes)
