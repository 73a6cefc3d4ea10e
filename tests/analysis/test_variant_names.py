"""What variants are called: by what distinguishes them, and no longer than needed."""

from pathlib import Path

from helpers.made_runs import WriteRun, made_run, metrics, rows_of
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare


def test_the_same_variant_and_seed_twice_is_told_apart_by_folder(tmp_path: Path, write_run: WriteRun) -> None:
    for day in ("monday", "friday"):
        for seed in (0, 1):
            write_run(tmp_path / day / f"run{seed}", seed=seed)
            write_run(tmp_path / day / f"other{seed}", neck="gsconv", seed=seed, metrics=metrics(0.6 - seed / 10))
    rows = rows_of(compare(collect([tmp_path])))
    assert set(rows) == {"conv (monday)", "conv (friday)", "gsconv (monday)", "gsconv (friday)"}
    assert rows["gsconv (friday)"].reference == "conv (friday)"
    assert rows["gsconv (monday)"].reference == "conv (monday)"


def test_many_settings_share_one_column_and_long_ones_a_mark() -> None:
    usual = {"imgsz": "640", "optim.lr0": "0.01", "patience": "100", "batch": "16"}
    short = compare(
        [
            made_run(0.5, config=usual),
            made_run(0.5, seed=1, config=usual),
            made_run(0.6, config={**usual, "imgsz": "320", "batch": "8"}, name="other"),
            made_run(0.7, config={**usual, "optim.lr0": "0.03", "patience": "50"}, name="third"),
        ]
    )
    assert (short.groups, short.marks) == (("settings",), {})
    assert [row.variant.choices["settings"] for row in short.rows] == [
        "patience=50, lr0=0.03",
        "batch=8, imgsz=320",
        "",
    ]
    long = compare([*short.runs, made_run(0.8, config={key: f"{value}.123456" for key, value in usual.items()})])
    assert long.rows[0].variant.label == "#3"
    assert long.marks["#3"] == "batch=16.123456, imgsz=640.123456, patience=100.123456, lr0=0.01.123456"
    assert {row.variant.label for row in long.rows} == {"#1", "#2", "#3", "usual settings"}


def test_a_setting_that_most_do_without_is_told_as_such() -> None:
    runs = [made_run(0.5, config={"weights": value}) for value in ("None", "yolo11n.pt")]
    assert set(rows_of(compare(runs))) == {"without weights", "weights=yolo11n.pt"}


def test_labels_of_many_columns_name_what_is_not_usual() -> None:
    """Runs of many sweeps together differ in much: what most of them share is not repeated in every name."""
    runs = [made_run(0.5, name=f"usual{seed}", seed=seed) for seed in range(3)]
    others = {"context": "none", "scale": "s", "loss": "eiou", "dataset": "coco8"}
    runs += [made_run(0.6, "effv1", "gsconv", choices={group: value}) for group, value in others.items()]
    assert {row.variant.label for row in compare(runs).rows} == {
        "yolo11 + conv",
        "effv1 + context=none + gsconv",
        "effv1 + gsconv + s",
        "effv1 + gsconv + eiou",
        "effv1 + gsconv + coco8",
    }


def test_paths_are_told_by_the_ends_that_differ(tmp_path: Path, write_run: WriteRun) -> None:
    for place, path in enumerate(("/data/a/bccd/data.yaml", "/data/b/bccd/data.yaml", "/data/a/cells.yaml")):
        config = {"dataset": {"path": path}}
        write_run(tmp_path / str(place), choices={"dataset": "yolo"}, config=config)
    labels = {row.variant.label for row in compare(collect([tmp_path])).rows}
    assert labels == {"yolo-a/bccd", "yolo-b/bccd", "yolo-cells.yaml"}


def test_records_that_tell_nothing_are_called_by_name(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "stock")
    for sweep in ("a", "b"):
        folder = write_run(tmp_path / sweep / "run", overrides=[], name="bare")
        (folder / "run.json").write_text('{"status": "finished", "name": "bare", "metrics": {"mAP50-95": 0.4}}')
    labels = [row.variant.label for row in compare(collect([tmp_path])).rows]
    assert labels == ["yolo11 + conv", "bare (a/run)", "bare (b/run)"]
