"""bench.json: what is written is read again, and what is damaged or made to harm is left out."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from yolograft.runs.bench_file import BENCH_FILE, MAX_ROUNDS, Cell, Subject, read_bench, write_bench

CELL = Cell(
    host="here",
    device="cpu",
    hardware="a processor",
    format="pytorch",
    batch=1,
    imgsz=640,
    threads=2,
    load_before=0.01,
    load_during=0.02,
    load_limit=0.25,
    measured="2026-11-26T22:00:00+00:00",
    versions={"torch": "2.15"},
    subjects=(
        Subject("a", "a-run", 10, 1.5, 2**20, (0.1, 0.2, 0.3)),
        Subject("b", None, None, None, None, (0.2, 0.3, 0.4)),
    ),
)


def put(folder: Path, content: Any) -> list[Cell]:
    (folder / BENCH_FILE).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_bench(folder)


def changed(**fields: Any) -> dict[str, Any]:
    cell = json.loads(json.dumps({**vars(CELL), "subjects": [vars(subject) for subject in CELL.subjects]}))
    return {"format": 1, "cells": [cell | fields]}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    other = replace(CELL, imgsz=320)
    write_bench(tmp_path / "new", [CELL, other])
    assert read_bench(tmp_path / "new") == [CELL, other]


def test_a_cell_that_is_measured_anew_replaces_its_like_and_no_other(tmp_path: Path) -> None:
    write_bench(tmp_path, [CELL, replace(CELL, batch=8)])
    anew = replace(CELL, threads=1, measured="2026-11-27T00:00:00+00:00")
    write_bench(tmp_path, [anew])
    assert read_bench(tmp_path) == [replace(CELL, batch=8), anew]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 100_000,
        "null",
        "[]",
        '{"cells": {}}',
        '{"cells": [1, null, [], {}]}',
        "\x00\x01",
        changed(host=None),
        changed(batch=0),
        changed(batch=True),
        changed(batch="1"),
        changed(imgsz=10**400),
        changed(load_during=-1),
        changed(load_limit="NaN"),
        changed(subjects=[]),
        changed(subjects={"a": 1}),
        changed(subjects=[{"name": "a", "times": []}]),
        changed(subjects=[{"name": "a", "times": [0.1, "x"]}]),
        changed(subjects=[{"name": "a", "times": [0.1, -1]}]),
        changed(subjects=[{"name": "a", "times": [1e308, 1e308]}]),
        changed(subjects=[{"name": "a", "times": [0.1]}, {"name": "b", "times": [0.1, 0.2]}]),
    ],
    ids=str,
)
def test_what_is_no_measurement_is_left_out(content: Any, tmp_path: Path) -> None:
    assert put(tmp_path, content) == []


def test_texts_are_harmless_and_runs_lie_in_the_folder(tmp_path: Path) -> None:
    places = ["../elsewhere", "/etc", "a/b", "a\\b", "..", "C:x", "\x00"]
    subjects = [{"name": f"x\x1b[31m{n}", "run": run, "times": [0.1]} for n, run in enumerate(places)]
    (cell,) = put(tmp_path, changed(hardware="gpu\x1b]0;title\x07\n", subjects=subjects))
    assert {subject.run for subject in cell.subjects} == {None}
    assert all(text.isprintable() for text in (cell.hardware, *(subject.name for subject in cell.subjects)))


def test_a_file_of_many_times_takes_no_longer_than_its_size(tmp_path: Path) -> None:
    subjects = [{"name": str(n), "run": str(n), "times": [0.1] * (MAX_ROUNDS + 5)} for n in range(150)]
    began = time.process_time()
    (cell,) = put(tmp_path, changed(subjects=subjects))
    assert {len(subject.times) for subject in cell.subjects} == {MAX_ROUNDS}
    assert len(cell.subjects) == 100
    assert time.process_time() - began < 20


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / BENCH_FILE)
    assert read_bench(tmp_path) == []
    assert read_bench(tmp_path / "nowhere") == []
    (tmp_path / "folder" / BENCH_FILE).mkdir(parents=True)
    assert read_bench(tmp_path / "folder") == []


def test_a_busy_machine_does_not_rank(tmp_path: Path) -> None:
    assert CELL.ranked
    for busy in (replace(CELL, load_before=0.5), replace(CELL, load_during=0.5)):
        assert busy.loaded
        assert not busy.ranked
        assert replace(busy, accepted=True).ranked
