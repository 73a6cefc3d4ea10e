"""The table of loggers: each has a YAML that its schema takes, and an extra that installs its packages."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from yolograft.config.locations import conf_dir
from yolograft.tracking.loggers import LOGGERS, CsvSettings

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


def test_every_logger_has_an_extra_that_installs_its_first_package() -> None:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for kind, logger in LOGGERS.items():
        assert any(requirement.startswith(logger.packages[0]) for requirement in extras[kind])


def test_the_table_needs_none_of_their_packages_nor_torch() -> None:
    script = "import sys, yolograft.tracking.loggers; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "pytorch_lightning", "wandb", "mlflow", "tensorboard"} & set(done.stdout.split())
