"""The table of loggers: each has a YAML that its schema takes, and an extra that installs its packages."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
import yaml
from pydantic import ValidationError

from yolograft.config.locations import conf_dir
from yolograft.config.schema import FileName, Strict
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.tracking import loggers
from yolograft.tracking.base import Memory, RunLogger, Status, TrackedRun
from yolograft.tracking.lightning import LightningLogger
from yolograft.tracking.loggers import LOGGERS, CsvSettings, check_logger, open_logger

ROOT = Path(__file__).parents[2]


def test_every_logger_has_a_yaml_that_its_schema_takes() -> None:
    files = {path.stem: path for path in (conf_dir() / "logger").glob("*.yaml")}
    assert files.keys() == {*LOGGERS, "csv"}
    for kind, file in files.items():
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        assert settings["kind"] == kind
        schema = LOGGERS[kind].Settings if kind in LOGGERS else CsvSettings
        assert schema.model_validate(settings).model_dump() == settings
        with pytest.raises(ValidationError):
            schema.model_validate({**settings, "kind": "another"})


def test_every_logger_that_needs_packages_has_an_extra_that_installs_the_first() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for kind, logger in LOGGERS.items():
        assert logger.title
        for package in logger.packages[:1]:
            assert any(requirement.startswith(package) for requirement in extras[kind])


class LinesSettings(Strict):
    """Values as lines of a file in the run's folder."""

    kind: Literal["lines"]
    file: FileName


class LinesLogger(RunLogger):
    """A logger that needs no package; `fails` names the method of it that raises."""

    title = "Lines"
    Settings = LinesSettings
    fails: ClassVar[str] = ""

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self.write("__init__", run.memory.content.get("starts", 0) + 1)
        run.memory.save({"starts": run.memory.content.get("starts", 0) + 1})

    @property
    def experiment(self) -> Any:
        self.write("experiment", "asked for")
        return self

    def write(self, method: str, *values: object) -> None:
        if method == self.fails:
            raise RuntimeError(f"no {method}")
        with (self.run.folder / self.settings["file"]).open("a", encoding="utf-8") as file:
            print(method, *values, file=file)

    def _metrics(self, metrics: dict[str, float], step: int | None) -> None:
        self.write("metrics", metrics["epoch"], step)

    def _pictures(self, pictures: Any, names: Mapping[int, str], epoch: int) -> None:
        self.write("pictures", epoch)

    def _weights(self, file: Path) -> None:
        self.write("weights", file)

    def _close(self, status: Status, summary: dict[str, Any]) -> None:
        self.write("close", status, summary["mAP50-95"])


SETTINGS = {"kind": "lines", "file": "lines.txt"}
LINES = [
    "__init__ 1",
    "experiment asked for",
    "metrics 1 1",
    "pictures 1",
    "weights best.safetensors",
    "close finished 0.4",
]


def log_a_run(folder: Path, memory: Memory | None = None) -> list[str]:
    """Log a run as a training does; return the lines that the logger has written."""
    check_logger(SETTINGS)
    logger = open_logger(SETTINGS, TrackedRun(RunSpec({}, folder, {}, [], "sweep"), "run", memory or Memory()))
    if logger is not None:
        _ = LightningLogger(logger).experiment
        logger.log_metrics({"epoch": 1}, 1)
        logger.log_pictures([], {}, 1)
        logger.log_weights(Path("best.safetensors"))
        logger.close("finished", RunRecord.from_json({"metrics": {"mAP50-95": 0.4}}))
    file = folder / "lines.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "LOGGERS", {**LOGGERS, "lines": LinesLogger})


@pytest.mark.usefixtures("lines")
def test_a_logger_may_need_no_package_and_keeps_something_for_the_next_start(tmp_path: Path) -> None:
    saved: list[dict[str, Any]] = []
    assert log_a_run(tmp_path, Memory(save=saved.append)) == LINES
    assert saved == [{"starts": 1}]
    assert "__init__ 2" in log_a_run(tmp_path, Memory(saved[-1]))


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("method", ["__init__", "experiment", "metrics", "pictures", "weights", "close"])
def test_no_logger_stops_a_training_wherever_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    monkeypatch.setattr(LinesLogger, "fails", method)
    written = log_a_run(tmp_path)
    if method == "experiment":  # an object for callbacks; the logger itself is well
        assert written == [line for line in LINES if not line.startswith("experiment")]
        return
    assert written == LINES[: [line.split()[0] for line in LINES].index(method)]
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage() == (
        f"Lines: RuntimeError: no {method}; the training goes on without it, metrics.csv has it all."
    )


def test_memory_that_cannot_be_written_stops_no_training(
    tmp_path: Path, lines: None, caplog: pytest.LogCaptureFixture
) -> None:
    def full(content: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    assert log_a_run(tmp_path, Memory(save=full)) == ["__init__ 1"]
    assert "No space left on device; the training goes on without it" in caplog.text


@pytest.mark.parametrize("name", ["lines.txt", "a b.log", ".hidden", "größe.csv", "..x"])
def test_a_file_name_is_taken(name: str) -> None:
    assert LinesSettings(kind="lines", file=name).file == name


@pytest.mark.parametrize(
    "name",
    [
        "../../x.txt",
        "a/b",
        "/etc/x",
        "..",
        ".",
        "",
        "x/",
        "..\\x.txt",
        "C:x.txt",
        "C:\\x.txt",
        "\\\\host\\x",
        "x\0y",
        "x\ny",
    ],
)
def test_a_file_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of a file, without a folder" if name else "is empty"):
        LinesSettings(kind="lines", file=name)


def test_the_table_needs_none_of_their_packages_nor_torch() -> None:
    script = "import sys, yolograft.tracking.loggers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "pytorch_lightning", "wandb", "mlflow", "tensorboard"} & set(done.stdout.split())
