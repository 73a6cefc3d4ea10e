"""Every fault that real data has is named where it is, counted, and stops nothing that it need not stop."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.faults import CORPUS, Sick, write_corpus
from helpers.program import Program
from yolograft.data.checks import KINDS
from yolograft.data.dataset import build_dataset
from yolograft.data.listing import orphan_labels
from yolograft.data.sources.yolo import yolo


@pytest.mark.parametrize("sick", CORPUS, ids=[repr(sick.name)[1:-1] for sick in CORPUS])
def test_each_fault_is_named_at_its_place(sick: Sick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    spec = yolo(path=str(write_corpus(tmp_path, [sick])))
    dataset = build_dataset(spec, "train", SimpleNamespace(), 32, 4, augment=False, rect=False)
    faults = [*dataset.scan.faults, *orphan_labels(spec)]
    assert [(fault.kind, fault.line) for fault in faults] == ([(sick.kind, sick.line)] if sick.kind else [])
    if sick.kind:
        assert Path(faults[0].file) == sick.place(tmp_path)
        assert str(faults[0]).count("\n") == 0
    assert dataset.scan.skipped == sick.skipped
    assert len(dataset) == 4 + (not sick.skipped and sick.kind != "label-without-image")
    for index in range(len(dataset)):
        assert dataset[index]["img"].shape == (3, 32, 32)


def test_the_corpus_has_every_kind() -> None:
    elsewhere = {  # tested with the readers and splits that they are of
        *("leak", "near-leak", "duplicate-image", "no-boxes"),  # of splits
        *("missing-image", "unreadable-labels", "unlike-image", "ignored"),  # of lists, of rights, of other formats
        *("text-number", "fractions", "corner-at-0", "key-points"),
        *("orphan-labels", "alike-classes", "many-ignored"),  # of the whole set
        "range",  # tests/data/test_value_range.py
    }
    assert {sick.kind for sick in CORPUS if sick.kind} == set(KINDS) - elsewhere


def test_a_training_goes_through_all_of_it_and_counts_it(tmp_path: Path, yolograft: Program) -> None:
    data = write_corpus(tmp_path / "data", CORPUS)
    common = ("dataset=yolo", f"dataset.path={data}")
    done = yolograft(
        *("train", *common, "dataset.check=warn", "imgsz=32", "batch=5", "epochs=1", "device=cpu"),
        *("trainer.threads=1", "trainer.plots=false", "workers=0"),
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (file,) = tmp_path.glob("runs/*/run.json")
    found = json.loads(file.read_text(encoding="utf-8"))["data"]
    expected = Counter(sick.kind for sick in CORPUS if sick.kind)
    expected["polygons"] += expected.pop("turned-boxes")  # one kind where a split has others
    strays = {"orphan-labels": expected.pop("label-without-image")}  # for there are images without labels
    assert found["train"]["kinds"] == dict(expected)
    assert found["across"] == strays
    assert found["train"]["skipped"] == sum(sick.skipped for sick in CORPUS)
    assert found["train"]["backgrounds"] == 2
    matched = expected["matched-labels"]
    assert f"by a name written otherwise: {matched}, first {tmp_path}" in done.stdout + done.stderr
    assert "polygons: their bounds are used as boxes: 2, first" in done.stdout + done.stderr
    assert found["train"]["images"] == 4 + sum(not s.skipped and s.kind != "label-without-image" for s in CORPUS)
