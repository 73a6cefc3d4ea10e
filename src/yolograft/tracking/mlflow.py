"""MLflow: a database file, a folder of files, or a server; a training does not wait for any of them."""

import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from yolograft.config.schema import Strict, Text
from yolograft.tracking.base import RunLogger, Status, TrackedRun, line

log = logging.getLogger(__name__)

_ENDS_WITHIN = 3.0
"""Seconds that the server has at the end of the training for what it has not taken yet."""

_MAKES_TABLES_WITHIN = 60.0
"""The same for a database file, whose tables take 15 seconds to create the first time."""

_DATABASE = "sqlite:///mlflow.db"
"""Where runs go by default: `mlflow ui` of the same folder looks there too."""

_LONGEST = 500
"""Characters of a parameter's value that every server takes."""

_TAG = "yolograft.id"

Call = Callable[[Any, str], object]
"""Something to do with MLflow's client and a run's id."""


class MlflowSettings(Strict):
    """MLflow: a database, a folder of files or a server."""

    kind: Literal["mlflow"]
    uri: str | None
    project: Text
    weights: bool


class MlflowLogger(RunLogger):
    """Logs to MLflow on a thread of its own, which also imports MLflow's package.

    A run that the server has not taken completely at the end is written, all of it, into a store in the run's folder.

    Args:
        run: The run.
        settings: The `logger` group.
    """

    title = "MLflow"
    packages = ("mlflow", "sqlalchemy", "alembic")
    Settings = MlflowSettings

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.uri = str(settings["uri"] or os.environ.get("MLFLOW_TRACKING_URI") or _DATABASE)
        if self.uri == _DATABASE:
            _say_what_stays_in_files()
        # From 3.13 on MLflow refuses a folder of files unless it hears that it is meant: named in `uri`, or the store
        # in a run's folder, which is written in one go.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # else it tells of every table that it makes
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow.tracking  # noqa: F401  # here: of two threads that load it at once, one may find half of it

        known = run.memory.content.get("id")
        self.id = known or uuid.uuid4().hex
        run.memory.save({"id": self.id})
        self._calls: list[Call] = []
        self._queue: queue.Queue[Call | None] = queue.Queue()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(known is not None,), daemon=True)
        self._thread.start()

    def _work(self, goes_on: bool) -> None:
        try:
            client, run_id = self._open(self.uri, goes_on)
            while (call := self._queue.get()) is not None:
                call(client, run_id)
        except Exception as error:  # reported at the end  # noqa: BLE001
            self._problem = error

    def _open(self, uri: str, goes_on: bool) -> tuple[Any, str]:
        """Return a client and the id of the run there: the one of an earlier start, or a new one."""
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri if "://" in uri or uri == "databricks" else Path(uri).resolve().as_uri())
        experiment = _experiment(client, self.settings["project"])
        if goes_on and (runs := client.search_runs([experiment], f"tags.`{_TAG}` = '{self.id}'")):
            run_id = runs[0].info.run_id
            client.update_run(run_id, status="RUNNING")
            return client, run_id
        tags = {**self.run.choices, "sweep": self.run.spec.group, _TAG: self.id}
        run_id = client.create_run(experiment, tags=tags, run_name=self.run.name).info.run_id
        params = [Param(key, str(value)[:_LONGEST]) for key, value in self.run.settings.items()]
        for start in range(0, len(params), 100):  # as many as MLflow takes at once
            client.log_batch(run_id, params=params[start : start + 100])
        return client, run_id

    def _do(self, call: Call) -> None:
        self._calls.append(call)
        self._queue.put(call)

    def _metrics(self, metrics: dict[str, float], step: int | None) -> None:
        values, now = {k: v for k, v in metrics.items() if k != "epoch"}, int(time.time() * 1000)
        self._do(lambda client, run_id: client.log_batch(run_id, metrics=_measured(values, now, step or 0)))

    def _weights(self, file: Path) -> None:
        if self.settings["weights"]:
            self._do(lambda client, run_id: client.log_artifact(run_id, str(file), "weights"))

    def _close(self, status: Status, summary: dict[str, Any]) -> None:
        numbers = {k: v for k, v in summary.items() if isinstance(v, int | float)}
        words = {k: v for k, v in summary.items() if isinstance(v, str)}
        ended = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}[status]
        now = int(time.time() * 1000)
        self._do(lambda client, run_id: client.log_batch(run_id, metrics=_measured(numbers, now, 0)))
        self._do(lambda client, run_id: [client.set_tag(run_id, k, v[:_LONGEST]) for k, v in words.items()])
        self._do(lambda client, run_id: client.set_terminated(run_id, ended))
        self._queue.put(None)
        self._thread.join(_MAKES_TABLES_WITHIN if self.uri.startswith("sqlite:") else _ENDS_WITHIN)
        if self._thread.is_alive() or self._problem:
            self._keep()

    def _keep(self) -> None:
        """Write the run into a store of its own, since the chosen one has not taken it."""
        folder = self.run.folder / "mlruns"
        client, run_id = self._open(str(folder), goes_on=False)
        for call in self._calls:
            call(client, run_id)
        reason = line(self._problem) if self._problem else "did not answer"
        log.warning("MLflow: %s: %s; this start of the run is kept in %s", self.uri, reason, folder)


def _say_what_stays_in_files() -> None:
    """Log once, before the database is created, what becomes of runs in an `mlruns` folder of an earlier version."""
    if not Path("mlflow.db").exists() and any(Path("mlruns").glob("*/meta.yaml")):
        log.info(
            "MLflow: runs go into mlflow.db from now on; earlier ones stay in mlruns, and "
            "`mlflow migrate-filestore --source mlruns --target sqlite:///earlier.db` makes a database of them."
        )


def _experiment(client: Any, name: str) -> str:
    """Return the id of an experiment, which another run may be creating at this moment."""
    from mlflow.exceptions import MlflowException

    if found := client.get_experiment_by_name(name):
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        if found := client.get_experiment_by_name(name):
            return str(found.experiment_id)
        raise


def _measured(values: Mapping[str, float], milliseconds: int, step: int) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(name, float(value), milliseconds, step) for name, value in values.items()]
