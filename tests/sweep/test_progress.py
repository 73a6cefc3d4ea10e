"""What a person who watches a sweep is told: which run it is, how long it takes, and that it is alive."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from yolograft.sweep.overview import place
from yolograft.tasks.detect import DETECT
from yolograft.training.callbacks import console
from yolograft.training.callbacks.console import Console


def sweep(folder: Path, *states: dict[str, Any], **more: Any) -> list[Path]:
    runs = []
    for number, fields in enumerate(states):
        runs.append(folder / f"run{number}")
        if fields:
            runs[-1].mkdir(parents=True)
            told = {"identity": "a", "epochs": 10, "epochs_done": 10, "seconds": 3600.0, **fields}
            (runs[-1] / "run.json").write_text(json.dumps(told))
            (runs[-1] / "checkpoints").mkdir()
            save_file({"weight": np.zeros(1, np.float32)}, runs[-1] / "checkpoints" / "best.safetensors")
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"runs": [{"name": r.name, "identity": "a"} for r in runs], **more}))
    return runs


def test_a_runs_header_says_which_it_is_and_how_long_the_rest_takes(tmp_path: Path) -> None:
    done = {"status": "finished"}
    runs = sweep(tmp_path / "s", done, done, {}, {})
    assert place(runs[2]) == "run 3 of 4, about 2h00m left"
    first = sweep(tmp_path / "t", {}, {})
    assert place(first[0]) == "run 1 of 2"
    half = sweep(tmp_path / "u", {"status": "stopped", "epochs_done": 5, "seconds": 600.0})
    assert place(half[0]) == "run 1 of 1, about 10m00s left"
    assert place(tmp_path / "u" / "another") == ""
    assert place(tmp_path / "nowhere" / "run") == ""


def test_a_search_counts_its_trials(tmp_path: Path) -> None:
    runs = sweep(tmp_path / "s", {"status": "finished"}, {})
    (tmp_path / "s" / "optuna.json").write_text(json.dumps({"n_trials": 5}))
    assert place(runs[1]) == "run 2 of 5, about 4h00m left"


def test_where_nobody_sees_a_bar_a_line_comes_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(console, "DetectionTraining", SimpleNamespace)
    caplog.set_level(logging.INFO, "yolograft")
    module: Any = SimpleNamespace(epoch=1, recipe=SimpleNamespace(epochs=3, batches=100))
    trainer: Any = SimpleNamespace(num_training_batches=100, num_val_batches=[40], world_size=1)
    watch = Console(1600, DETECT)
    watch.on_train_start(trainer, module)
    watch.on_train_epoch_start(trainer, module)
    caplog.clear()
    for batch in range(50):
        clock[0] += 2
        watch.on_train_batch_end(trainer, module, None, {"img": range(16)}, batch)
    assert caplog.messages == [
        "epoch 2/3: batch 3 of 100, 8.0 images/s, 3m14s left of its training, 6m34s of all",
        "epoch 2/3: batch 18 of 100, 8.0 images/s, 2m44s left of its training, 6m04s of all",
        "epoch 2/3: batch 33 of 100, 8.0 images/s, 2m14s left of its training, 5m34s of all",
        "epoch 2/3: batch 48 of 100, 8.0 images/s, 1m44s left of its training, 5m04s of all",
    ]
    caplog.clear()
    watch.on_validation_start(trainer, module)
    for batch in range(20):
        clock[0] += 2
        watch.on_validation_batch_end(trainer, module, None, None, batch)
    assert caplog.messages == ["validating: batch 13 of 40"]
