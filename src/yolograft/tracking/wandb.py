"""Weights & Biases: online if its server answers, otherwise offline; it never delays or fails a training.

Measured with wandb 0.31, and the reason for the time limits below: without an answer `wandb.init` blocks for 90 s and
then leaves the run's id taken in its service process; `finish` waits for ever, and its error reports hold up the end of
the process for 10 s more; a killed process loses what was logged in the last 15 s.
"""

import logging
import os
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from yolograft.common.errors import UserError
from yolograft.config.schema import Strict, Text
from yolograft.runs.curves import METRICS_FILE, read_columns
from yolograft.runs.predictions import Box
from yolograft.tracking.base import RunLogger, Status, TrackedRun, line
from yolograft.tracking.wandb_server import CUT, global_settings, key, server_problem

if TYPE_CHECKING:
    from yolograft.evaluation.pictures import Picture

log = logging.getLogger(__name__)

_STARTS_WITHIN = 2.5
_ENDS_WITHIN = 2.0
"""Seconds that the server has to accept a run, and to take what is left at its end."""

_LOOKS_EVERY = 0.5
"""Seconds between two checks whether the server still answers while something is uploaded."""

_FLUSHES_EVERY = 1.0
"""Seconds between writes of the record: what a killed process loses."""


class WandbSettings(Strict):
    """Weights & Biases."""

    kind: Literal["wandb"]
    project: Text
    entity: str | None
    mode: Literal["auto", "online", "offline"]
    tags: list[str]
    pictures: Annotated[int, Field(ge=0)]
    weights: bool


class WandbLogger(RunLogger):
    """One W&B run for one run of ours, the same one over all its starts.

    Args:
        run: The run.
        settings: The `logger` group.
        job: W&B's job type.
    """

    title = "W&B"
    packages = ("wandb",)
    Settings = WandbSettings

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any], job: str = "train") -> None:
        super().__init__(run, settings)
        self.job = job
        self.id = run.memory.content.get("id") or uuid.uuid4().hex[:12]
        self.online = False
        self._run: Any = None
        self._url = self._secret = ""
        self._best = _best(run.folder / METRICS_FILE)
        self._try(self._start)

    @classmethod
    def check(cls, settings: Mapping[str, Any]) -> None:
        """Refuse to be online without a key.

        Raises:
            UserError: There is none; W&B would ask for it, or fail in the middle of the training.
        """
        if settings["mode"] == "online" and not key(global_settings()):
            raise UserError("logger.mode=online: no W&B key is set; run `wandb login` once, or use logger.mode=offline")

    @property
    def experiment(self) -> Any:
        """W&B's own run, for callbacks that know it."""
        return self._run

    def _start(self) -> None:
        mode = self._mode()
        try:
            self._run = self._init(mode)
        except Exception as error:  # its errors have no common class
            if mode == "offline":
                raise
            log.warning("W&B: %s; recording offline.", line(error))
            import wandb

            wandb.teardown(exit_code=1)  # else the run's id stays taken
            global_settings()
            self._run = self._init("offline")
        self.id = self._run.id  # under a sweep's agent it is the agent's, whatever was asked for
        self.online = not self._run.offline
        self._run.define_metric("epoch", hidden=True)
        for curves in ("train/*", "val/*", "lr/*"):
            self._run.define_metric(curves, step_metric="epoch")
        self._run.define_metric("metrics/*", step_metric="epoch", summary="max")
        self.run.memory.save({"id": self.id, "url": self._run.url or None})
        if self.online:
            log.info("W&B: %s", self._run.url)

    def _mode(self) -> str:
        """Return `online` where there is a key and a server that takes it, else `offline`; never asks a person."""
        found = global_settings()
        self._url, self._secret = str(found.base_url), key(found) or ""
        wanted = self.settings["mode"]
        if wanted == "auto" and os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun"):
            wanted = "offline"
        if wanted == "offline" or not self._secret:
            return "offline"
        if problem := server_problem(self._url, self._secret):
            log.warning("W&B: %s %s; recording offline.", self._url, problem)
            return "offline"
        return "online"

    def _init(self, mode: str) -> Any:
        import wandb

        run = self.run
        return wandb.init(
            mode="online" if mode == "online" else "offline",
            project=self.settings["project"],
            entity=self.settings["entity"],
            id=self.id,
            resume="allow",
            name=run.name,
            group=run.spec.group,
            job_type=self.job,
            tags=[tag[:64] for tag in [*run.tags, *self.settings["tags"]]],
            config={"choices": run.choices, **run.config},
            dir=run.folder,
            reinit="finish_previous",
            settings=wandb.Settings(
                silent=True,
                console="off",
                init_timeout=_STARTS_WITHIN,
                finish_timeout=_ENDS_WITHIN,
                finish_timeout_raises=True,
                x_transaction_log_flush_interval=_FLUSHES_EVERY,
            ),
        )

    def _metrics(self, metrics: dict[str, float], step: int | None) -> None:
        for name, value in metrics.items():
            if name.startswith("metrics/"):
                self._best[name] = max(value, self._best.get(name, value))
        self._run.log(metrics if "epoch" in metrics else {**metrics, "trainer/global_step": step})

    def _pictures(self, pictures: "Sequence[Picture]", names: Mapping[int, str], epoch: int) -> None:
        import wandb

        def boxes(kind: Sequence[Box]) -> dict[str, Any]:
            return {"box_data": [_box(box, names) for box in kind], "class_labels": dict(names)}

        images = [
            wandb.Image(
                picture.image,
                caption=picture.name,
                boxes={"predictions": boxes(picture.found), "ground_truth": boxes(picture.truth)},
                file_type="jpg",
            )
            for picture in pictures
        ]
        self._run.log({"validation": images, "epoch": epoch})

    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table.

        Args:
            name: What it is called in W&B.
            columns: Its headings.
            rows: Its rows, a value for each heading.
        """

        def send() -> None:
            import wandb

            self._run.log({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

        self._try(self._while_answered, send)

    def _weights(self, file: Path) -> None:
        if not self.settings["weights"]:
            return

        def send() -> None:
            import wandb

            name = re.sub(r"[^\w.-]", "-", self.run.name)
            artifact = wandb.Artifact(f"{name}-{self.id}", type="model", metadata={"choices": dict(self.run.choices)})
            artifact.add_file(str(file), policy="immutable")  # not copied into the home folder
            logged = self._run.log_artifact(artifact, aliases=["best"])
            if self.online:
                logged.wait()

        self._while_answered(send)

    def _while_answered(self, send: Callable[[], None]) -> None:
        """Upload what is large: for as long as it takes where the server is there, not at all where it is gone."""
        errors: list[Exception] = []

        def work() -> None:
            try:
                send()
            except Exception as error:  # noqa: BLE001 - a logger that fails ends no training
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(_LOOKS_EVERY)
        while thread.is_alive():
            if self.online and server_problem(self._url, self._secret):
                self._mark_cut()
                return
            thread.join(_LOOKS_EVERY)
        if errors:  # the run itself may be well
            self._mark_cut()
            log.warning("W&B: %s", line(errors[0]))

    def _close(self, status: Status, summary: dict[str, Any]) -> None:
        # W&B's own maximum knows nothing of the run's earlier starts.
        self._run.summary.update({**{name: {"max": value} for name, value in self._best.items()}, **summary})
        try:
            self._run.finish(exit_code={"finished": 0, "failed": 1, "stopped": 255}[status])
        except TimeoutError:
            self._mark_cut()
        internal = Path(self._run.settings.sync_dir, "logs", "debug-internal.log")
        with suppress(OSError):
            if self.online and "fatal error" in internal.read_text(encoding="utf-8", errors="replace"):
                self._mark_cut()  # the server refused it for good: too much data, a key taken back, …

    def _mark_cut(self) -> None:
        """Mark the run on disk as not fully uploaded."""
        Path(self._run.settings.sync_dir, CUT).touch()


def _best(file: Path) -> dict[str, float]:
    """Return the best value of each metric in the metrics.csv that an earlier start has left."""
    columns = {name: values for name, values in read_columns(file).items() if name.startswith("metrics/")}
    return {name: max(values.values()) for name, values in columns.items() if values}


def _box(box: Box, names: Mapping[int, str]) -> dict[str, Any]:
    left, top, right, bottom = box.corners
    drawn: dict[str, Any] = {
        "position": {"minX": left, "minY": top, "maxX": right, "maxY": bottom},
        "class_id": box.label,
        "box_caption": names.get(box.label, str(box.label)),
    }
    if box.confidence is not None:
        drawn["box_caption"] += f" {box.confidence:.2f}"
        drawn["scores"] = {"confidence": box.confidence}
    return drawn
