"""What is said about a comparison: reasons to doubt its numbers."""

from dataclasses import replace
from pathlib import Path

from helpers.made_runs import WriteRun, made_run, rows_of, said
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, compare


def test_a_failed_baseline_is_none_and_said(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "stock", status="failed")
    write_run(tmp_path / "effv1", "effv1")
    write_run(tmp_path / "effv2", "effv2")
    comparison = compare(collect([tmp_path]))
    assert [(row.baseline, row.difference) for row in comparison.rows] == [(False, None)] * 3
    assert said(comparison, "baseline")[0].startswith("no baseline has finished")


def test_where_every_variant_is_a_baseline_it_is_said() -> None:
    comparison = compare([made_run(0.5, choices={"scale": "n"}), made_run(0.6, choices={"scale": "s"})])
    assert said(comparison, "baseline")[0].startswith("every variant is a baseline: name the one to compare with")


def test_a_confounded_comparison_is_made_marked_and_named() -> None:
    comparison = compare(
        [
            made_run(0.5, config={"imgsz": "640", "seed": "0"}),
            made_run(0.6, neck="gsconv", config={"imgsz": "320", "seed": "0"}),
        ]
    )
    row = rows_of(comparison)["gsconv + imgsz=320"]
    assert row.difference is not None
    assert row.confounds == ("imgsz (320, not 640)",)
    assert said(comparison, "confounded") == [
        "confounded: gsconv + imgsz=320 differs from conv + imgsz=640 also in imgsz (320, not 640)"
    ]


def test_runs_that_stopped_at_different_epochs_are_named() -> None:
    early = made_run(0.6, neck="gsconv", epochs_done=7)
    comparison = compare([made_run(0.5), made_run(0.5, seed=1), early, made_run(0.5, neck="slim")])
    assert said(comparison, "epochs") == ["stopped at different epochs of 10: gsconv after 7; the rest after 10"]
    assert said(compare([made_run(0.5), made_run(0.5, neck="slim")]), "epochs") == []


def test_other_data_are_named_but_not_other_folds() -> None:
    runs = [made_run(0.5, fold=fold, fingerprint=f"f{fold}") for fold in (0, 1)]
    runs += [made_run(0.6, neck="gsconv", fold=fold, fingerprint=f"f{fold}") for fold in (0, 1)]
    comparison = compare(runs)
    assert said(comparison, "data") == []
    assert len(said(comparison, "folds")) == 1
    assert [row.difference and row.difference.n for row in comparison.rows] == [2, None]
    relabelled = compare([*runs[:3], replace(runs[3], fingerprint="other")])
    assert [text.split(":")[0] for text in said(relabelled, "data")] == ["other images or labels than the rest"]


def test_conditions_and_versions_that_differ_are_named() -> None:
    ours = made_run(0.5).versions
    runs = [
        made_run(0.5, conditions={"device": "cpu", "batch": "16"}, versions={**ours, "torch": "2.15.0"}),
        made_run(0.5, seed=1, conditions={"device": "cpu", "batch": "16"}, versions={**ours, "torch": "2.15.0"}),
        made_run(0.5, neck="slim", conditions={"device": "cuda:0", "batch": "16"}, versions={**ours, "torch": "2.6.0"}),
        made_run(0.5, neck="gsconv", versions={"yolograft": "0.0.1"}),
        made_run(0.5, neck="gsconv", seed=1, versions={}),
    ]
    comparison = compare(runs)
    assert said(comparison, "conditions") == ["different device: cpu (the rest), cuda:0 (yolo11_slim_0_None)"]
    texts = said(comparison, "version")
    assert any(
        text.startswith("made by yolograft 0.0.1, this is ") and "yolo11_gsconv_0_None" in text for text in texts
    )
    assert any("by an unknown version of yolograft" in text and "yolo11_gsconv_1_None" in text for text in texts)
    assert "different torch: 2.15.0 (the rest), 2.6.0 (yolo11_slim_0_None)" in texts


def test_a_batch_that_varies_by_itself_has_its_column_and_no_caution() -> None:
    runs = [made_run(0.5, config={"batch": b}, conditions={"batch": b}) for b in ("8", "16")]
    comparison = compare(runs)
    assert comparison.groups == ("batch",)
    assert said(comparison, "conditions") == []


def test_one_seed_says_nothing_of_significance(grid: Comparison) -> None:
    assert {row.difference.significant for row in grid.rows if row.difference} == {None}
    assert said(grid, "seeds")[0].startswith("one seed of each variant: no difference can be tested")


def test_seeds_without_a_counterpart_are_said() -> None:
    comparison = compare([made_run(0.5, seed=0), made_run(0.6, neck="gsconv", seed=1)])
    assert rows_of(comparison)["gsconv"].difference is None
    assert "no seed in common with conv, hence no difference: gsconv" in said(comparison, "seeds")


def test_every_run_that_did_not_finish_is_named(grid: Comparison) -> None:
    texts = said(grid, "run")
    assert "mbv3_gsconv_n_seed0" not in texts
    assert [text for text in texts if "OutOfMemoryError" in text] == [
        "mbv3_gsconv_n_seed0 failed after 2 of 10 epochs: OutOfMemoryError: no room for | 2 GiB"
    ]
    assert "effv2_conv_n_seed0 has not ended after 3 of 10 epochs" in texts
    assert any(text.startswith("effv2_gsconv_n cannot be read: run.json: Unterminated string") for text in texts)
    odd = compare([made_run(0.5), made_run(None, neck="slim", status="teleported")])
    assert said(odd, "run") == ["yolo11_slim_0_None has the unknown status 'teleported' after 10 of 10 epochs"]
