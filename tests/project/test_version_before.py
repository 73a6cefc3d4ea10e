"""Runs and sweeps of version 0.1 are read, skipped and continued; how they were made: fixtures/v0_1/README.md."""

import csv
import json
import re
import shlex
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from helpers.program import Program
from helpers.tiny import record

V0_1 = Path(__file__).parents[1] / "fixtures" / "v0_1"
COMMANDS = dict(line.split(": ", 1) for line in (V0_1 / "commands.txt").read_text().splitlines())


def words(name: str) -> list[str]:
    """Return the words after `yolograft` of one of the commands that the fixtures were made with."""
    return shlex.split(COMMANDS[name])[1:]


def expected(name: str) -> Any:
    return json.loads((V0_1 / "expected" / f"{name}.json").read_text(encoding="utf-8"))


def assert_holds(new: Any, old: Any, place: str = "") -> None:
    """Check that a document says everything that an earlier one said; it may say more."""
    if isinstance(old, dict):
        assert isinstance(new, dict), place
        for key, value in old.items():
            assert key in new, f"{place}/{key}"
            assert_holds(new[key], value, f"{place}/{key}")
    elif isinstance(old, list):
        assert isinstance(new, list), place
        assert len(new) == len(old), place
        for index, value in enumerate(old):
            assert_holds(new[index], value, f"{place}/{index}")
    elif re.search(r"/rows/\d+/cautions/\d+$|/cautions/\d+/text$|/notes/\d+$", place):
        assert new  # a sentence: its words may change
    else:
        assert new == (pytest.approx(old) if isinstance(old, float) else old), place


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the content and the time of change of what a training writes."""
    names = ("metrics.csv", "run.json", "config.yaml", "checkpoints/best.safetensors", "checkpoints/last.ckpt")
    files = [file for name in names for file in folder.glob(f"*/{name}")]
    return {str(file): (sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in files}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the folder that a user of version 0.1 worked in."""
    folder = tmp_path / "project"
    shutil.copytree(V0_1, folder)
    with tarfile.open(folder / "checkpoints.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("name", ["grid", "faulty", "search"])
def test_a_sweep_is_reported_with_the_numbers_of_then(name: str, project: Path, yolograft: Program) -> None:
    asked = words("report") if name == "grid" else ["report", f"runs=multirun/{name}", "format=json"]
    done = yolograft(*asked, cwd=project)
    assert done.returncode == 0, done.stderr
    assert_holds(json.loads(done.stdout), expected(name))


def test_what_the_report_wrote_then_is_what_it_writes_now(project: Path, yolograft: Program) -> None:
    before = json.loads((project / "multirun/grid/comparison.json").read_text(encoding="utf-8"))
    done = yolograft("report", "runs=multirun/grid", cwd=project)
    assert done.returncode == 0, done.stderr
    assert_holds(json.loads((project / "multirun/grid/comparison.json").read_text(encoding="utf-8")), before)


def test_sweeps_are_listed_as_they_were(project: Path, yolograft: Program) -> None:
    done = yolograft("sweeps", "format=json", cwd=project)
    assert done.returncode == 0, done.stderr
    now = {sweep["path"]: sweep for sweep in json.loads(done.stdout)}
    before = {sweep["path"]: {k: v for k, v in sweep.items() if k != "changed"} for sweep in expected("sweeps")}
    assert_holds(now, before)
    assert now.keys() == before.keys() == {"multirun/grid", "multirun/faulty", "multirun/search"}


@pytest.mark.parametrize("name", ["grid", "search"])
def test_a_repeated_command_trains_nothing_anew(name: str, project: Path, yolograft: Program) -> None:
    if name == "search":
        pytest.importorskip("optuna")
    sweep = project / "multirun" / name
    before, report = digests(sweep), sweep / "comparison.json"
    compared = json.loads(report.read_text(encoding="utf-8")) if report.exists() else expected(name)
    done = yolograft(*words(name), cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert digests(sweep) == before
    assert_holds(json.loads(report.read_text(encoding="utf-8")), compared)


def test_best_weights_are_measured_as_then(project: Path, yolograft: Program) -> None:
    done = yolograft(*words("val"), cwd=project)
    assert done.returncode == 0, done.stderr
    now, before = json.loads(done.stdout), expected("val")
    assert now["mAP50"] == pytest.approx(before["mAP50"], abs=1e-4)
    assert now["mAP50-95"] == pytest.approx(before["mAP50-95"], abs=1e-4)
    assert now["per_class"].keys() == before["per_class"].keys()


def test_a_training_that_was_stopped_goes_on_from_its_batch(project: Path, yolograft: Program) -> None:
    (run,) = (project / "runs").iterdir()
    before = record(run)
    assert (before["status"], before["epochs_done"]) == ("stopped", 2)
    first = rows(run / "metrics.csv")
    done = yolograft(*words("cut"), cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on after 2 of 4 epochs and " in done.stdout + done.stderr
    after = record(run)
    assert (after["status"], after["epochs_done"], after["identity"]) == ("finished", 4, before["identity"])
    resumed, undisturbed = rows(run / "metrics.csv"), rows(V0_1 / "expected" / "cut_undisturbed.csv")
    assert resumed[:2] == first
    assert len(resumed) == len(undisturbed) == 4
    # Norms round otherwise than then, and the losses of this training drift apart from step to step.
    for one, other, near in zip(resumed, undisturbed, (1e-6, 1e-6, 1e-2, 0.1), strict=True):
        for key in (key for key in other if "loss" in key):
            assert float(one[key]) == pytest.approx(float(other[key]), rel=near), key
