import csv
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from yolograft.errors import UserError
from yolograft.report.collect import collect
from yolograft.report.table import print_table, rows, to_csv, to_json, to_markdown

from .conftest import WriteRun


def metrics(value: float) -> dict[str, float]:
    return {"mAP50": value + 0.2, "mAP50-95": value}


def printed(sweep: Path, width: int, terminal: bool) -> list[str]:
    out = io.StringIO()
    print_table(
        rows(collect([sweep])), console=Console(file=out, width=width, force_terminal=terminal, color_system=None)
    )
    return out.getvalue().splitlines()


def test_best_first_unfinished_last_with_the_difference_to_stock(sweep: Path) -> None:
    table = rows(collect([sweep]))
    assert [(row.variant, row.status) for row in table] == [
        ("yolo11 + gsconv", "finished"),
        ("yolo11 + conv", "finished"),
        ("effv1 + conv", "finished"),
        ("effv1 + gsconv", "finished"),
        ("mbv3 + conv", "finished"),
        ("effv2 + conv", "running 3/10"),
        ("effv2_gsconv_n", "damaged"),
        ("mbv3 + gsconv", "failed 2/10"),
    ]
    assert [row.delta for row in table[:5]] == pytest.approx([0.012, None, -0.069, -0.075, -0.112])
    assert [row.baseline for row in table] == [False, True, *[False] * 6]
    assert [row.delta for row in table[5:]] == [None] * 3


def test_another_baseline_keeps_all_else_equal(sweep: Path) -> None:
    deltas = {row.variant: row.delta for row in rows(collect([sweep]), baseline={"neck": "conv"})}
    assert deltas["effv1 + gsconv"] == pytest.approx(-0.006)
    assert deltas["yolo11 + gsconv"] == pytest.approx(0.012)
    assert deltas["effv1 + conv"] is None


def test_another_metric_sorts_and_differs(sweep: Path) -> None:
    table = rows(collect([sweep]), metric="recall")
    assert {row.delta for row in table if row.run.finished and not row.baseline} == {0.0}
    assert "Δ recall" in to_markdown(table, "recall").splitlines()[0]


def test_an_unknown_metric_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UserError, match=r"metric=map: no such metric; there are mAP50-95, mAP50, precision, recall"):
        rows([], metric="map")


def test_the_baseline_has_the_same_scale_and_data_set(tmp_path: Path, write_run: WriteRun) -> None:
    for scale, stock, other in (("n", 0.5, 0.4), ("s", 0.6, 0.65)):
        write_run(tmp_path / f"a{scale}", choices={"scale": scale}, metrics=metrics(stock))
        write_run(tmp_path / f"b{scale}", "effv1", choices={"scale": scale}, metrics=metrics(other))
    write_run(tmp_path / "c", "effv1", choices={"dataset": "coco8"}, metrics=metrics(0.9))
    table = {row.variant: row for row in rows(collect([tmp_path]))}
    assert table["effv1 + n + shapes"].delta == pytest.approx(-0.1)
    assert table["effv1 + s + shapes"].delta == pytest.approx(0.05)
    assert (table["effv1 + n + coco8"].delta, table["effv1 + n + coco8"].baseline) == (None, False)


def test_same_seed_if_there_else_the_mean_of_the_seeds(tmp_path: Path, write_run: WriteRun) -> None:
    for seed, value in ((0, 0.5), (1, 0.6)):
        write_run(tmp_path / f"stock{seed}", seed=seed, metrics=metrics(value))
    for seed, value in ((0, 0.52), (1, 0.58), (2, 0.53)):
        write_run(tmp_path / f"gs{seed}", neck="gsconv", seed=seed, metrics=metrics(value))
    table = rows(collect([tmp_path]))
    # grouped by variant, the better mean first; the best seed first within
    assert [(row.variant, row.run.seed) for row in table] == [
        ("conv", 1), ("conv", 0), ("gsconv", 1), ("gsconv", 2), ("gsconv", 0),
    ]  # fmt: skip
    assert [row.delta for row in table] == pytest.approx([None, None, -0.02, -0.02, 0.02])
    assert [row.baseline for row in table] == [True, True, False, False, False]
    assert to_markdown(table).splitlines()[0].startswith("| variant | seed |")


def test_overridden_options_make_variants(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "stock", metrics=metrics(0.5))
    write_run(tmp_path / "wide", overrides=["backbone=yolo11", "backbone.width=0.5"], metrics=metrics(0.6))
    for variant in ("b0", "b1"):
        aside = ["logger.dir=x", "trainer.plots=false", f"name={variant}"]
        overrides = ["backbone=effv1", f"backbone.variant={variant}", *aside]
        write_run(tmp_path / variant, "effv1", overrides=overrides, metrics=metrics(0.4))
    table = {row.variant: row for row in rows(collect([tmp_path]))}
    assert set(table) == {"yolo11", "yolo11 + backbone.width=0.5", "effv1-b0", "effv1-b1"}
    assert table["yolo11"].baseline
    assert table["yolo11 + backbone.width=0.5"].delta == pytest.approx(0.1)
    assert table["effv1-b1"].delta == pytest.approx(-0.1)


def test_a_swept_loss_is_compared_with_stocks(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "ciou", metrics=metrics(0.5))
    write_run(tmp_path / "eiou", choices={"loss": "eiou"}, metrics=metrics(0.53))
    assert [(row.variant, row.delta) for row in rows(collect([tmp_path]))] == [
        ("eiou", pytest.approx(0.03)),
        ("ciou", None),
    ]


def test_a_sweep_held_at_another_context_is_compared_within_it(tmp_path: Path, write_run: WriteRun) -> None:
    held = {"context": "sppf"}
    write_run(tmp_path / "stock", metrics=metrics(0.5), choices=held)
    write_run(tmp_path / "effv1", "effv1", metrics=metrics(0.4), choices=held)
    assert [(row.baseline, row.delta) for row in rows(collect([tmp_path]))] == [
        (True, None),
        (False, pytest.approx(-0.1)),
    ]


def test_a_failed_baseline_is_none(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "stock", status="failed")
    write_run(tmp_path / "effv1", "effv1")
    assert [(row.baseline, row.delta) for row in rows(collect([tmp_path]))] == [(False, None)] * 2


def test_the_same_variant_and_seed_twice_is_told_apart_by_folder(tmp_path: Path, write_run: WriteRun) -> None:
    for sweep in ("monday", "friday"):
        write_run(tmp_path / sweep / "run")
    assert {row.variant for row in rows(collect([tmp_path]))} == {
        "yolo11 + conv (monday/run)",
        "yolo11 + conv (friday/run)",
    }


def test_markdown_has_as_many_cells_in_every_line(sweep: Path) -> None:
    lines = to_markdown(rows(collect([sweep]))).splitlines()
    assert len(lines) == 10
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {10}
    assert lines[3].startswith(
        "| yolo11 + conv (baseline) | 2.582M | 6.3 | 0.700 | 0.500 | - | 41.3 | 1m 23s | finished |"
    )
    assert r"failed 2/10: OutOfMemoryError: no room for \| 2 GiB" in lines[9]


def test_csv_reads_back(sweep: Path) -> None:
    records = list(csv.DictReader(io.StringIO(to_csv(rows(collect([sweep]))))))
    assert len(records) == 8
    assert (records[0]["variant"], float(records[0]["delta"])) == ("yolo11 + gsconv", pytest.approx(0.012))
    assert records[1]["params"] == "2582347"
    assert (records[7]["status"], records[7]["mAP50-95"]) == ("failed", "")
    assert None not in records[0]


def test_json_is_one_strict_document(sweep: Path) -> None:
    document = json.loads(to_json(rows(collect([sweep]))), parse_constant=pytest.fail)
    assert document["metric"] == "mAP50-95"
    assert [row["status"] for row in document["rows"]].count("finished") == 5
    first = document["rows"][0]
    assert (first["mAP50-95"], first["choices"]["neck"], first["parts"]["head"]) == (0.512, "gsconv", 4)
    assert document["rows"][6]["params"] is None


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_whole_numbers_whatever_its_width(sweep: Path, width: int) -> None:
    lines = printed(sweep, width, terminal=True)
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    assert re.search(r"effv1 \+ conv .*0\.431 +-0\.069 .*finished", text)
    assert ("too narrow for: time" in text) == (width < 120)
    assert "failed: mbv3 + gsconv: OutOfMemoryError" in text


def test_a_pipe_gets_all_columns_on_unbroken_lines(sweep: Path) -> None:
    lines = printed(sweep, 40, terminal=False)
    assert re.fullmatch(r"yolo11 \+ conv +2\.582M +6\.3 +0\.700 +0\.500 +- +41\.3 +1m 23s +finished *", lines[2])
    assert len(lines) == 9 + 2  # heading and rows; the failed one's and the damaged one's reason
