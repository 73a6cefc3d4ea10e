"""The table of executors: each is made from its own YAML file, and what is not in it is refused in one line."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf

from yolograft.cli.command_line import check_command_line
from yolograft.common.errors import UserError
from yolograft.config.compose import compose, parse
from yolograft.config.search_path import initialized
from yolograft.runs.spec import RunSpec
from yolograft.sweep import job
from yolograft.sweep.executors import settings
from yolograft.sweep.executors.local import LocalExecutor
from yolograft.sweep.executors.settings import EXECUTORS, check_executor, make_executor
from yolograft.training.start import Ended


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "find_spec", lambda name: object())  # as if every package were installed
    monkeypatch.setattr(settings.shutil, "which", lambda name: name)
    return tmp_path


@pytest.mark.parametrize("word", EXECUTORS)
def test_each_is_made_from_its_yaml_file(word: str) -> None:
    with initialized("train"):
        composed = compose("train", parse([f"hydra/launcher={word}"]))
    values = OmegaConf.to_container(composed.hydra.launcher, resolve=True)
    assert isinstance(values, dict)
    plain = {str(key): value for key, value in values.items()}
    assert check_executor(word, plain) == word
    assert hasattr(make_executor(word, plain), "run")


def test_a_yaml_file_of_ones_own_may_begin_from_ours(here: Path) -> None:
    (here / "hydra" / "launcher").mkdir(parents=True)
    (here / "hydra" / "launcher" / "mine.yaml").write_text("defaults: [joblib]\nn_jobs: 3\n")
    request = check_command_line("train", ["-m", "seed=0,1", "hydra/launcher=mine"]).request
    assert request is not None
    assert request.sweep is not None
    assert request.sweep.executor == "joblib"
    assert request.sweep.executor_settings["n_jobs"] == 3


@pytest.mark.parametrize(
    ("group", "known"),
    [("launcher", "Known: basic, joblib, submitit_local"), ("sweeper", "Known: basic, grid, optuna")],
)
def test_a_foreign_one_is_refused_with_those_that_are_known(here: Path, group: str, known: str) -> None:
    (here / "hydra" / group).mkdir(parents=True)
    (here / "hydra" / group / "other.yaml").write_text("_target_: somewhere.Else\n")
    with pytest.raises(UserError, match=rf"^hydra/{group}=other: no {group} of yolograft's\. {known}") as refused:
        check_command_line("train", ["-m", "seed=0,1", f"hydra/{group}=other"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("+hydra.callbacks.mine._target_=a.B", "hydra.callbacks.mine: Hydra's callbacks are not called here"),
        ("hydra.verbose=true,false", "several values are written in brackets"),
        ("hydra.sweeper.max_batch_size=-1", "hydra.sweeper.max_batch_size=-1"),
    ],
)
def test_what_hydra_would_do_and_we_do_not_is_said(argument: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        check_command_line("train", ["-m", "seed=0,1", argument])
    assert "\n" not in str(refused.value)
    assert not isinstance(refused.value, HydraException)


def test_an_error_in_one_run_is_its_outcome_and_the_next_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [RunSpec({}, Path(name), {}, []) for name in "abc"]

    def train(spec: RunSpec, *, sweep: bool) -> Ended:
        if spec.name == "b":
            raise OSError("no memory")
        return Ended(0)

    monkeypatch.setattr("yolograft.sweep.executors.local.train_job", train)
    ended: list[str] = []
    outcomes: Sequence[object] = LocalExecutor().run(specs, lambda spec: ended.append(spec.name))
    assert [str(outcome) for outcome in outcomes] == ["None", "no memory", "None"]
    assert ended == ["a", "b", "c"]


def test_what_hydra_keeps_of_a_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`.hydra/`, the log in the run's folder, `hydra.job.chdir` and `hydra.job.env_set`, as for jobs of Hydra's own."""
    seen: list[object] = []

    def start(spec: RunSpec, **_: object) -> Ended:
        logging.getLogger("yolograft.test").info("hello")
        seen.extend([Path.cwd(), os.environ["OF_THE_RUN"]])
        return Ended(0)

    monkeypatch.setattr(job, "start", start)
    words = ["seed=3", "hydra.run.dir=run", "hydra.job.chdir=true", "+hydra.job.env_set.OF_THE_RUN=${seed}"]
    (spec,) = check_command_line("train", words).jobs
    job.train_job(spec, sweep=False)
    assert seen == [here / "run", "3"]
    assert Path.cwd() == here
    assert "hello" in (here / "run" / "train.log").read_text()
    assert (here / "run" / ".hydra" / "overrides.yaml").read_text() == "- seed=3\n"
    assert "seed: 3\n" in (here / "run" / ".hydra" / "config.yaml").read_text()
    assert f"output_dir: {here / 'run'}" in (here / "run" / ".hydra" / "hydra.yaml").read_text()
