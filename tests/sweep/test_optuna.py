"""A search goes on after a stop, after failures and beside other commands; only its trainings are made up."""

import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from helpers.searching import finished, result, search, searching
from yolograft.common.errors import UserError
from yolograft.runs.lock import RunLock
from yolograft.runs.spec import RunSpec
from yolograft.training.trial import Trial, open_storage

SPACE = ("optim.lr0=tag(log, interval(1e-4, 1e-2))", "neck=conv,gsconv")
TWO = "hydra.sweeper.objectives=[mAP50-95,params]"


def trained(job: RunSpec) -> dict[str, Any]:
    """Better with a learning rate near 0.003; smaller with gsconv, and the smaller the learning rate."""
    lr0, gsconv = job.config["optim"]["lr0"], job.choices["neck"] == "gsconv"
    return finished(1 - abs(math.log10(lr0 / 0.003)) / 2, round(2000 - 500 * gsconv + lr0 * 10000))


def failed(message: str = "boom", attempts: int = 1) -> dict[str, Any]:
    return {"status": "failed", "error": {"type": "RuntimeError", "message": message}, "attempts": attempts}


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Read the study as Optuna's own tools do."""
    storage = open_storage(folder / "optuna.journal")
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def names(batches: list[list[RunSpec]]) -> list[str]:
    return [job.name for batch in batches for job in batch]


def test_a_nan_and_a_crash_do_not_end_a_search_for_two_objectives(tmp_path: Path) -> None:
    started: list[RunSpec] = []

    def outcome(job: RunSpec) -> dict[str, Any]:
        started.append(job)
        return {4: finished(math.nan), 7: failed("CUDA out of memory")}.get(len(started)) or trained(job)

    search(tmp_path, outcome, *SPACE, TWO, "hydra.sweeper.n_trials=12")
    told, found = trials(tmp_path), result(tmp_path)
    assert [t.state.name for t in told].count("COMPLETE") == 10
    assert [t.number for t in told if t.state.name == "FAIL"] == [3, 6]
    assert told[6].user_attrs["error"] == "CUDA out of memory"
    assert told[3].user_attrs["error"] == "no number for mAP50-95"
    assert found["trials"] == {"finished": 10, "failed": 2, "pruned": 0, "running": 0}
    values = [t.values for t in told if t.state.name == "COMPLETE"]
    best = [v for v in values if not any(o[0] >= v[0] and o[1] <= v[1] and o != v for o in values)]
    assert sorted(list(b["values"].values()) for b in found["best"]) == sorted(best)
    assert all((tmp_path / b["run"] / "run.json").is_file() for b in found["best"])
    assert found["objectives"] == {"mAP50-95": "maximize", "params": "minimize"}
    study = optuna.load_study(study_name=tmp_path.name, storage=open_storage(tmp_path / "optuna.journal"))
    assert study.metric_names == ["mAP50-95", "params"]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_stopped_search_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path, sampler: str) -> None:
    arguments = (*SPACE, TWO, "hydra.sweeper.n_trials=8", f"hydra.sweeper.sampler={sampler}")
    undisturbed = names(search(tmp_path / "a", trained, *arguments))
    started: list[str] = []

    def stopped(job: RunSpec) -> dict[str, Any]:
        started.append(job.name)
        if len(started) == 6:  # the run has begun, then the machine goes down
            job.folder.mkdir()
            (job.folder / "run.json").write_text('{"status": "running"}')
            raise KeyboardInterrupt
        return trained(job)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "b", stopped, *arguments)
    assert result(tmp_path / "b")["trials"] == {"finished": 5, "failed": 0, "pruned": 0, "running": 1}
    rest = names(search(tmp_path / "b", trained, *arguments))
    assert started == undisturbed[:6]
    assert rest == undisturbed[5:]
    assert len(trials(tmp_path / "b")) == 8
    assert result(tmp_path / "b")["best"] == result(tmp_path / "a")["best"]
    assert search(tmp_path / "b", trained, *arguments) == []


def test_more_trials_are_added_to_those_there_are(tmp_path: Path) -> None:
    search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=3")
    assert len(names(search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=5"))) == 2
    assert search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=4") == []


def test_a_failed_run_is_tried_again_as_often_as_allowed_and_counts_once(tmp_path: Path) -> None:
    arguments = ("seed=range(0,4)", "hydra.sweeper.n_trials=3")
    started: list[str] = []

    def outcome(job: RunSpec) -> dict[str, Any]:
        started.append(job.name)
        return failed(attempts=started.count(job.name)) if job.name in started[1:2] else trained(job)

    search(tmp_path, outcome, *arguments)
    assert len(started) == 3
    assert names(search(tmp_path, outcome, *arguments)) == [started[1]]
    assert names(search(tmp_path, outcome, *arguments)) == [started[1]]
    assert search(tmp_path, outcome, *arguments) == []
    assert result(tmp_path)["trials"] == {"finished": 2, "failed": 1, "pruned": 0, "running": 0}


def test_a_failed_run_that_succeeds_when_repeated_takes_its_place(tmp_path: Path) -> None:
    arguments = ("seed=0,1", "hydra.sweeper.n_trials=2")
    search(tmp_path, lambda job: failed() if job.config["seed"] == 0 else trained(job), *arguments)
    search(tmp_path, trained, *arguments)
    assert result(tmp_path)["trials"] == {"finished": 2, "failed": 0, "pruned": 0, "running": 0}
    assert search(tmp_path, trained, *arguments) == []


def test_a_pruned_trial_is_told_so_and_left_alone(tmp_path: Path) -> None:
    pruned = {"status": "stopped", "error": {"type": "Pruned", "message": "behind the others"}}
    arguments = ("seed=0,1", "hydra.sweeper.pruner=median")
    batches = search(tmp_path, lambda job: pruned if job.config["seed"] else trained(job), *arguments)
    assert len(names(batches)) == 2
    assert sorted(t.state.name for t in trials(tmp_path)) == ["COMPLETE", "PRUNED"]
    assert search(tmp_path, trained, *arguments) == []
    for job in (job for batch in batches for job in batch):
        trial = Trial.of_run(job.folder)
        assert trial is not None
        assert trials(tmp_path)[trial.number].user_attrs["run"] == job.name
        assert trial.journal.samefile(tmp_path / "optuna.journal")
        assert trial.pruner == {"name": "median", "after_trials": 5, "after_epochs": 3}


def test_without_a_pruner_a_run_knows_of_no_trial(tmp_path: Path) -> None:
    (job,) = (batch[0] for batch in search(tmp_path, trained, "seed=0,1", "hydra.sweeper.n_trials=1"))
    assert Trial.of_run(job.folder) is None


def test_trials_are_launched_together_and_none_is_proposed_twice(tmp_path: Path) -> None:
    arguments = ("neck=conv,gsconv,slim", "seed=range(0,3)", "hydra.sweeper.n_trials=20", "hydra.sweeper.n_jobs=4")
    batches = search(tmp_path, trained, *arguments)
    assert [len(batch) for batch in batches] == [4, 4, 1]
    assert len(set(names(batches))) == 9
    assert result(tmp_path)["trials"]["finished"] == 9


def test_values_that_do_not_go_together_are_never_proposed(tmp_path: Path) -> None:
    arguments = ("backbone=effv1,effv2", "backbone.variant=b0,b1,s,m", "hydra.sweeper.n_trials=8")
    made = {
        (job.choices["backbone"], job.config["backbone"]["variant"])
        for b in search(tmp_path, trained, *arguments)
        for job in b
    }
    assert made == {("effv1", "b0"), ("effv1", "b1"), ("effv2", "s"), ("effv2", "m")}


def test_a_launcher_that_starts_nothing_ends_the_search_and_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the launcher has started none of yolo11_conv_n_seed"):
        search(tmp_path, lambda job: None, "seed=range(0,9)")
    assert result(tmp_path)["trials"]["running"] == 1
    assert len(names(search(tmp_path, trained, "seed=range(0,9)", "hydra.sweeper.n_trials=2"))) == 2
    assert len(trials(tmp_path)) == 2


def test_a_journal_whose_last_line_was_cut_off_is_read(tmp_path: Path) -> None:
    search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=2")
    with (tmp_path / "optuna.journal").open("ab") as journal:
        journal.write(b'{"op_code":4,"worker')
    assert len(names(search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=4"))) == 2
    assert len(trials(tmp_path)) == 4


def test_a_trial_that_was_only_half_proposed_does_not_count(tmp_path: Path) -> None:
    search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=1")
    storage = open_storage(tmp_path / "optuna.journal")
    storage.create_new_trial(0)
    assert len(names(search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=3"))) == 2
    assert result(tmp_path)["trials"] == {"finished": 3, "failed": 0, "pruned": 0, "running": 0}


def test_one_command_at_a_time_carries_on_a_search(tmp_path: Path) -> None:
    sweep, writer = searching(tmp_path, trained, *SPACE)
    with RunLock(tmp_path), pytest.raises(UserError, match="one command at a time"):
        sweep.run()
    assert writer.launched == []


def test_the_best_trial_is_shown_with_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search(tmp_path, trained, *SPACE, "hydra.sweeper.n_trials=4")
    (best,) = result(tmp_path)["best"]
    assert best["values"]["mAP50-95"] == max(t.value or 0 for t in trials(tmp_path))
    shown = capsys.readouterr()
    assert "Best trial" in shown.out
    assert best["run"] in shown.out
    assert shown.err.count("Trial ") == 4
