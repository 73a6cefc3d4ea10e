"""TensorBoard and MLflow: the names of W&B's logger, and no waiting for a server."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.standin_wandb import StandIn
from yolograft.evaluation.pictures import Picture
from yolograft.runs.predictions import Box
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking.base import Memory, TrackedRun, summary
from yolograft.tracking.loggers import open_logger

RECORD = {"params": 10, "parts": {"neck": 4}, "gflops": 0.1, "metrics": {"mAP50-95": 0.4}}
SUMMED = {"params": 10, "parts/neck": 4, "gflops": 0.1, "mAP50-95": 0.4}


def tracked(folder: Path, memory: Memory | None = None, name: str = "effv1-b0_gsconv_n_seed0") -> TrackedRun:
    folder.mkdir(exist_ok=True)
    spec = RunSpec({"optim": {"lr0": 0.01}}, folder, {"backbone": "effv1"}, [], "backbones")
    return TrackedRun(spec, name, memory or Memory())


def log_all(settings: dict[str, Any], run: TrackedRun, epochs: range = range(1, 4), status: Any = "finished") -> None:
    logger = open_logger(settings, run)
    assert logger is not None
    for epoch in epochs:
        logger.log_metrics({"epoch": epoch, "metrics/mAP50-95": epoch / 10, "train/box_loss": 1.0}, epoch)
    box = Box(0, (0.1, 0.2, 0.5, 0.6), 0.75)
    logger.log_pictures([Picture("a.png", np.zeros((32, 32, 3), np.uint8), [box], [box])], {0: "cat"}, 3)
    logger.close(status, RunRecord.from_json(RECORD))


def mlflow_run(uri: Path, monkeypatch: pytest.MonkeyPatch, project: str = "lab") -> Any:
    """Return MLflow's client and the one run of a store."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri.as_uri())
    experiment = client.get_experiment_by_name(project)
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


def test_a_summary_has_the_names_that_every_logger_uses() -> None:
    assert summary(RunRecord.from_json(RECORD)) == SUMMED


def test_tensorboard_has_curves_pictures_settings_and_results(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log_all({"kind": "tensorboard", "pictures": 1}, tracked(tmp_path))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, round(e.value, 3)) for e in events.Scalars("metrics/mAP50-95")] == [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert events.Scalars("parts/neck")[0].value == 4
    assert events.Scalars("mAP50-95")[0].value == pytest.approx(0.4)
    assert set(events.Tags()["images"]) == {"validation/0 predictions", "validation/0 ground_truth"}
    assert "_hparams_/session_start_info" in events.summary_metadata
    started = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"choices.backbone" in started
    assert b"optim.lr0" in started


def test_mlflow_has_curves_settings_tags_results_and_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"kind": "mlflow", "uri": str(tmp_path / "store"), "project": "lab", "weights": False}
    log_all(settings, tracked(tmp_path), status="failed")
    client, run = mlflow_run(tmp_path / "store", monkeypatch)
    assert run.info.run_name == "effv1-b0_gsconv_n_seed0"
    assert run.info.status == "FAILED"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "metrics/mAP50-95")] == [
        (1, 0.1), (2, 0.2), (3, 0.3),
    ]  # fmt: skip
    assert SUMMED.items() <= run.data.metrics.items()
    assert run.data.params == {"choices.backbone": "effv1", "optim.lr0": "0.01"}
    assert {"backbone": "effv1", "sweep": "backbones", "status": "failed"}.items() <= run.data.tags.items()


def test_an_mlflow_run_that_goes_on_is_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"kind": "mlflow", "uri": str(tmp_path / "store"), "project": "lab", "weights": False}
    remembered: list[dict[str, Any]] = []
    log_all(settings, tracked(tmp_path, Memory(save=remembered.append)), range(1, 3), "stopped")
    log_all(settings, tracked(tmp_path, Memory(remembered[-1])), range(3, 5))
    client, run = mlflow_run(tmp_path / "store", monkeypatch)
    assert [m.step for m in client.get_metric_history(run.info.run_id, "train/box_loss")] == [1, 2, 3, 4]
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize("server_is", ["away", "silent"])
def test_an_mlflow_server_costs_seconds_at_most_and_what_it_has_not_got_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, server_is: str
) -> None:
    import mlflow.tracking  # noqa: F401 (loading it takes seconds, and is no server's fault)

    with StandIn() as server:
        server.silent = server_is == "silent"
        if server_is == "away":
            server.die()
        began = time.monotonic()
        log_all({"kind": "mlflow", "uri": server.url, "project": "lab", "weights": False}, tracked(tmp_path))
        assert time.monotonic() - began < 6
    assert f"kept in {tmp_path / 'mlruns'}" in caplog.text
    client, run = mlflow_run(tmp_path / "mlruns", monkeypatch)
    assert [m.step for m in client.get_metric_history(run.info.run_id, "train/box_loss")] == [1, 2, 3]
    assert run.info.status == "FINISHED"


def test_without_a_logger_there_is_none(tmp_path: Path) -> None:
    assert open_logger({"kind": "csv"}, tracked(tmp_path)) is None


def test_an_mlflow_run_goes_by_default_into_the_database_that_mlflow_itself_looks_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sqlite3

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with caplog.at_level("INFO"):
        log_all({"kind": "mlflow", "uri": None, "project": "lab", "weights": False}, tracked(tmp_path / "run"))
    assert [record.message for record in caplog.records if record.name.startswith("yolograft")] == []
    assert not (tmp_path / "mlruns").exists()
    assert not (tmp_path / "run" / "mlruns").exists()
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        ((name, status),) = database.execute("select name, status from runs")
        assert (name, status) == ("effv1-b0_gsconv_n_seed0", "FINISHED")
        steps = "select step, value from metrics where key = 'metrics/mAP50-95' order by step"
        assert database.execute(steps).fetchall() == [(1, 0.1), (2, 0.2), (3, 0.3)]
        assert ("optim.lr0", "0.01") in database.execute("select key, value from params").fetchall()


def test_runs_in_an_mlruns_of_before_are_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from yolograft.tracking.mlflow import _say_what_stays_in_files

    monkeypatch.chdir(tmp_path)
    with caplog.at_level("INFO"):
        _say_what_stays_in_files()
        assert caplog.messages == []
        (tmp_path / "mlruns" / "0").mkdir(parents=True)
        (tmp_path / "mlruns" / "0" / "meta.yaml").touch()
        _say_what_stays_in_files()
        (tmp_path / "mlflow.db").touch()
        _say_what_stays_in_files()
    (said,) = caplog.messages
    assert said.startswith("MLflow: runs go into mlflow.db from now on; earlier ones stay in mlruns")
