"""The report says no more than is known: runs not begun, nothing detected, folds, spikes, no latency."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.made_runs import WriteRun, made_run, metrics
from yolograft.analysis.collect import collect, is_sweep, not_begun
from yolograft.analysis.comparison import compare
from yolograft.common.errors import UserError
from yolograft.render.forms.csv import to_csv
from yolograft.render.forms.latex import to_latex
from yolograft.render.pictures import curves, matrices, scatter
from yolograft.render.summary import sentences
from yolograft.render.table import table
from yolograft.runs.predictions import Predictions
from yolograft.runs.spikes import axis_top


def ledger(folder: Path, *names: str) -> None:
    runs = [{"name": name, "identity": "x", "status": "to do"} for name in names]
    (folder / "sweep.json").write_text(json.dumps({"runs": runs}), encoding="utf-8")


def test_runs_that_have_not_begun_are_counted(tmp_path: Path, write_run: WriteRun) -> None:
    for name in ("a", "b", "c"):
        write_run(tmp_path / name)
    ledger(tmp_path, *"abcdefgh")
    waiting = not_begun([tmp_path])
    comparison = compare(collect([tmp_path]), waiting=waiting)
    assert [(one.count, one.runs) for one in waiting] == [(5, 8)]
    assert f"5 of 8 runs of {tmp_path} not begun" in [caution.text for caution in comparison.cautions]
    said = sentences(comparison)
    assert said[0].endswith(", 3 runs: all finished, and 5 not begun.")
    assert said[1].startswith("The highest mean mAP50-95 so far is 0.500")


def test_a_sweep_of_which_nothing_has_begun_says_so(tmp_path: Path) -> None:
    ledger(tmp_path, "a", "b")
    with pytest.raises(UserError, match=r"2 of 2 runs of .* not begun: there is nothing to report yet"):
        collect([tmp_path])


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"runs": {}}', '{"runs": [1, {"name": 5}, {"name": "../x"}, {"name": ""}]}']
)
def test_a_damaged_ledger_costs_no_report(tmp_path: Path, write_run: WriteRun, content: str) -> None:
    write_run(tmp_path / "a")
    (tmp_path / "sweep.json").write_text(content, encoding="utf-8")
    assert not_begun([tmp_path]) == []


def test_where_nothing_was_detected_nothing_is_best() -> None:
    comparison = compare([made_run(0.0, "yolo11", params=3_000_000), made_run(0.0, "mbv3", params=1_000_000)])
    assert sentences(comparison)[1:] == ["Nothing was detected yet: mAP50-95 is 0 in every finished run."]
    assert comparison.cautions[0].kind == "nothing"
    assert comparison.effects.main == ()
    picture = scatter.draw(comparison, "params")
    assert picture is not None
    assert picture.text.endswith("Nothing was detected yet: no variant is better than another.")


def test_what_detects_nothing_is_on_no_front() -> None:
    runs = [made_run(0.0, "mbv3", params=1_000_000), made_run(0.3, "yolo11", params=2_000_000)]
    picture = scatter.draw(compare(runs), "params")
    assert picture is not None
    assert "Best and cheapest" not in picture.text
    assert "no more parameters: yolo11." in picture.text


def test_one_seed_is_asked_to_become_two_only_where_there_is_one() -> None:
    def last(*runs: tuple[float, str, int]) -> str:
        return sentences(compare([made_run(value, backbone, seed=seed) for value, backbone, seed in runs]))[-1]

    assert "needs two seeds" in last((0.5, "yolo11", 0), (0.4, "mbv3", 0))
    same = last((0.5, "yolo11", 0), (0.6, "yolo11", 1), (0.4, "mbv3", 0), (0.5, "mbv3", 1))
    assert same.endswith("those of one variant are all the same, so their spread is unknown.")
    apart = last((0.5, "yolo11", 0), (0.6, "yolo11", 1), (0.4, "mbv3", 1), (0.5, "mbv3", 2))
    assert apart.endswith("a variant and its baseline have only one seed in common.")


def test_folds_are_called_folds() -> None:
    values = {"yolo11": (0.5, 0.52, 0.47), "mbv3": (0.4, 0.41, 0.39)}
    comparison = compare([made_run(v, b, fold=f) for b, three in values.items() for f, v in enumerate(three)])
    assert (comparison.over, comparison.paired_by, comparison.counted(3)) == ("folds", "fold", "3 folds")
    shown = table(comparison)
    assert "±: standard deviation over folds" in shown.notes
    assert any("paired by fold" in note for note in shown.notes)
    assert "(3 folds)" in sentences(comparison)[1]
    assert "over 3 folds" in to_latex(shown)
    picture = scatter.draw(comparison, "params")
    assert picture is not None
    assert picture.text.endswith("standard deviation over folds.")
    assert any("± sd over folds" in text.get_text() for text in picture.figure.legends[0].get_texts())
    assert all("(3 folds)" in tip for tip in picture.tips.values())


def test_seeds_stay_seeds() -> None:
    comparison = compare([made_run(v, fold=0, seed=s) for s, v in enumerate((0.5, 0.52))])
    assert (comparison.over, comparison.counted(2)) == ("seeds", "2 seeds")
    both = compare([made_run(0.5 + s / 100 + f / 50, fold=f, seed=s) for s in (0, 1) for f in (0, 1)])
    assert (both.over, both.counted(4)) == ("seeds and folds", "4 runs")


def test_best_epoch_and_folder_are_columns(
    tmp_path: Path, write_run: WriteRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "necks" / "a", best_epoch=9)
    write_run(tmp_path / "necks" / "b", seed=1, best_epoch=8)
    monkeypatch.chdir(tmp_path / "necks")
    shown = table(compare(collect([Path()])), columns=["best_epoch", "folder"])
    assert [column.text(shown.rows[0]) for column in shown.columns] == ["8.5", "necks"]
    assert "folder" not in [column.key for column in table(shown.comparison).columns]


@pytest.mark.parametrize("words", [{"sort": "latency"}, {"columns": ["latency"]}, {"filter": "latency < 5"}])
def test_latency_is_refused_with_the_reason(words: dict) -> None:
    with pytest.raises(UserError, match=r"latency.*: the report has no latency: a single timing at the end of a train"):
        table(compare([made_run(0.5)]), **words)


def test_an_old_record_with_a_latency_is_read_and_does_not_show_it(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "a", latency=12.5)
    shown = table(compare(collect([tmp_path])))
    assert "latency" not in to_csv(shown)
    assert "latency" not in [column.key for column in table(shown.comparison, columns=["all"]).columns]


def test_an_axis_leaves_out_spikes_and_nothing_else() -> None:
    assert axis_top([1e4, 3.0]) == 3.0
    assert axis_top([1e4, 3.2, 3.0, float("nan"), float("inf")]) == 3.2
    assert axis_top([15.0, 8.0, 4.0, 3.0, 2.5]) is None
    assert axis_top([]) is axis_top([0.0, 0.0]) is None


def test_one_spike_does_not_flatten_a_loss(tmp_path: Path, write_run: WriteRun) -> None:
    run = write_run(tmp_path / "a", metrics=metrics(0.5))
    rows = ["epoch,train/box_loss,val/box_loss,metrics/mAP50-95", "1,10000,4,0.1", "2,3,nan,0.2", "3,2,2,0.3"]
    (run / "metrics.csv").write_text("\n".join(rows), encoding="utf-8")
    picture = curves.draw(compare(collect([tmp_path])))
    assert picture is not None
    _, training, validation = picture.figure.axes
    assert training.get_ylim() == pytest.approx((0, 3 * 1.12))
    assert [text.get_text() for text in training.texts] == ["cut off: up to 1e+04"]
    assert list(validation.texts) == []
    assert "Cut off, since it would flatten the rest: training loss up to 1e+04." in picture.text
    assert "Values that are no finite numbers are left out." in picture.text


def test_a_spike_of_one_seed_leaves_no_band_over_the_whole_picture(tmp_path: Path, write_run: WriteRun) -> None:
    for seed, third in enumerate((3.0, 900.0, 3.0)):
        run = write_run(tmp_path / str(seed), seed=seed)
        losses = enumerate((4 + seed, 4, third, 2, 2), 1)
        rows = ["epoch,train/box_loss,metrics/mAP50-95", *(f"{epoch},{loss},0.2" for epoch, loss in losses)]
        (run / "metrics.csv").write_text("\n".join(rows), encoding="utf-8")
    picture = curves.draw(compare(collect([tmp_path])))
    assert picture is not None
    training = picture.figure.axes[1]
    assert training.get_ylim() == pytest.approx((0, 6 * 1.12))
    assert [text.get_text() for text in training.texts] == ["cut off: up to 900"]
    bands = np.concatenate([np.asarray(path.vertices) for path in training.collections[0].get_paths()])[:, 1]
    assert (bands.min(), bands.max()) == (2, 6)
    assert np.asarray(training.lines[0].get_ydata()).tolist() == [5, 4, 302, 2, 2]


def test_where_nothing_was_detected_no_class_is_brighter() -> None:
    picture = matrices.per_class(compare([made_run(0.0, per_class={"cat": {"mAP50-95": 0.0}})]))
    assert picture is not None
    assert picture.text.endswith("(brightest: 0.00).")


def test_confusions_of_folds_are_folds_added_up() -> None:
    comparison = compare([made_run(0.5, fold=fold) for fold in range(3)])
    kept = Predictions(("cat",), (), 0.25, ((3, 1), (2, 0)))
    picture = matrices.confusion(comparison, [(comparison.rows[0], (kept,) * 3)])
    assert picture is not None
    assert "Folds are added up." in picture.text


def test_a_point_at_zero_is_drawn_whole() -> None:
    picture = scatter.draw(compare([made_run(0.0, "mbv3"), made_run(0.3, "yolo11")]), "params")
    assert picture is not None
    points = [line for line in picture.figure.axes[0].lines if str(line.get_gid()).startswith("point")]
    assert [line.get_clip_on() for line in points] == [False, False]


def test_a_folder_of_sweeps_is_no_sweep(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "a" / "x")
    write_run(tmp_path / "b" / "x")
    assert not is_sweep(tmp_path, collect([tmp_path]))
    assert is_sweep(tmp_path / "a", collect([tmp_path / "a"]))


def test_notes_explain_the_columns_that_are_there() -> None:
    runs = [made_run(v + s / 50, b, seed=s) for b, v in (("yolo11", 0.5), ("mbv3", 0.4)) for s in (0, 1)]
    comparison = compare([*runs, made_run(0.53, seed=2), made_run(0.4, "mbv3", seed=2)])
    assert "\u2260 0: significant" in table(comparison).notes[0]
    assert "neq" not in to_latex(table(comparison))  # it has no such column
    assert table(comparison, columns=["difference"]).notes[0] == "Δ mAP50-95: minus the baseline's, paired by seed"
