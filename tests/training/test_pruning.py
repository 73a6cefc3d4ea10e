"""A search ends trials that fall behind: in a run's folder, over a restart, and as a command."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution

from helpers.tiny import TINY, record
from yolograft.training.trial import Pruned, Trial, make_pruner, open_storage

MEDIAN = {"name": "median", "after_trials": 1, "after_epochs": 1}


def study_with_a_good_trial(journal: Path, metric: float = 0.9, epochs: int = 4) -> optuna.Study:
    """Return a study in which one trial reached a high value at once."""
    study = optuna.create_study(study_name="search", storage=open_storage(journal), direction="maximize")
    lr0: BaseDistribution = FloatDistribution(0.001, 0.01)
    good = optuna.trial.create_trial(
        params={"optim.lr0": 0.005},
        distributions={"optim.lr0": lr0},
        value=metric,
        intermediate_values=dict.fromkeys(range(epochs), metric),
    )
    study.add_trial(good)
    return study


def test_a_trial_is_hopeless_when_it_is_below_the_others_after_its_first_epochs(tmp_path: Path) -> None:
    study = study_with_a_good_trial(tmp_path / "optuna.journal")
    for number, values in ((1, [0.1, 0.2]), (2, [0.95, 0.95])):
        study.ask()
        run = tmp_path / f"run{number}"
        Trial(tmp_path / "optuna.journal", number, "mAP50-95", MEDIAN).assign(run)
        trial = Trial.of_run(run)
        assert trial is not None
        assert [trial.should_prune(values[:1]), trial.should_prune(values)] == [False, number == 1]
        assert list(study.trials[number].intermediate_values.values()) == values


def test_what_was_reported_stays_and_what_a_restart_has_left_out_is_made_up_for(tmp_path: Path) -> None:
    study = study_with_a_good_trial(tmp_path / "optuna.journal")
    study.ask()
    trial = Trial(tmp_path / "optuna.journal", 1, "mAP50-95", MEDIAN)
    assert not trial.should_prune([0.5])
    assert not trial.should_prune([0.4])
    assert trial.should_prune([0.4, 0.6, 0.7])
    assert study.trials[1].intermediate_values == {0: 0.5, 1: 0.6, 2: 0.7}


def test_a_trial_that_is_over_is_not_pruned(tmp_path: Path) -> None:
    study = study_with_a_good_trial(tmp_path / "optuna.journal")
    study.tell(study.ask(), state=optuna.trial.TrialState.PRUNED)
    trial = Trial(tmp_path / "optuna.journal", 1, "mAP50-95", MEDIAN)
    assert not trial.should_prune([0.0] * 3)


def test_a_journal_that_is_gone_does_not_end_a_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial(tmp_path / "elsewhere" / "optuna.journal", 0, "mAP50-95", MEDIAN)
    assert not trial.should_prune([0.0])
    assert "could not be reported" in caplog.text


@pytest.mark.parametrize(
    ("name", "kind"), [("none", "NopPruner"), ("median", "MedianPruner"), ("hyperband", "HyperbandPruner")]
)
def test_pruners_by_name(name: str, kind: str) -> None:
    assert type(make_pruner(name, 5, 3)).__name__ == kind


def arguments(sweep: Path, after_epochs: int) -> list[str]:
    """Return a command line for one more trial in a search that has a good one."""
    study_with_a_good_trial(sweep / "optuna.journal", epochs=6)
    return [
        *(sys.executable, "-m", "yolograft", "train", "-m"),
        *(a for a in TINY if not a.startswith("epochs")),
        "epochs=6",
        "name=s",
        "hydra/sweeper=optuna",
        "optim.lr0=interval(0.001,0.01)",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.pruner=median",
        "hydra.sweeper.prune_after_trials=1",
        f"hydra.sweeper.prune_after_epochs={after_epochs}",
    ]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "multirun" / "s"
    folder.mkdir(parents=True)
    return folder


def command(folder: Path, line: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False
    )


@pytest.mark.slow
def test_a_search_ends_a_hopeless_trial_early_and_repeats_nothing(tmp_path: Path, sweep: Path) -> None:
    line = arguments(sweep, after_epochs=1)
    done = command(tmp_path, line)
    assert done.returncode == 0, done.stderr
    assert "pruned, behind the other trials after 2 of 6 epochs" in done.stderr
    (run,) = (file.parent for file in sweep.glob("*/run.json"))
    told: dict[str, Any] = record(run)
    assert (told["status"], told["error"]["type"], told["epochs_done"]) == ("stopped", Pruned.__name__, 2)
    found = json.loads((sweep / "optuna.json").read_text())
    assert found["trials"] == {"finished": 1, "failed": 0, "pruned": 1, "running": 0}
    again = command(tmp_path, line)
    assert again.returncode == 0, again.stderr
    assert record(run) == told


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_a_trial_that_was_killed_goes_on_and_is_pruned_then(tmp_path: Path, sweep: Path) -> None:
    line = arguments(sweep, after_epochs=4)
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while not any(record(file.parent)["epochs_done"] for file in sweep.glob("*/run.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    (run,) = (file.parent for file in sweep.glob("*/run.json"))
    before = record(run)
    assert before["epochs_done"] < 5
    done = command(tmp_path, line)
    assert done.returncode == 0, done.stderr
    assert "pruned, behind the other trials after 5 of 6 epochs" in done.stderr
    assert "Going on after" in (run / "train.log").read_text()
    storage = open_storage(sweep / "optuna.journal")
    trial = optuna.load_study(study_name="search", storage=storage).trials[1]
    assert trial.state.name == "PRUNED"
    assert sorted(trial.intermediate_values) == [0, 1, 2, 3, 4]
