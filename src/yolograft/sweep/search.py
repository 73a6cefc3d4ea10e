"""`hydra/sweeper=optuna`: search instead of a grid, for one objective or for several.

Why not the sweeper of the registry: `hydra-optuna-sweeper` asks for optuna < 3, whose sqlite storage fails with
SQLAlchemy 2; a repeated command adds its trials to those of the first, and trials cannot be pruned. Optuna asks and is
told in a few lines, so this drives it directly.

All that must survive is in the sweep's folder: `optuna.journal`, Optuna's own record, and the runs' `run.json`, from
which trials are told. A run that returned, one that died and one on another machine are thus treated alike.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.common.parsing import json_document
from yolograft.config.check import validate
from yolograft.config.compose import compose, container_of, parse
from yolograft.config.search_path import initialized
from yolograft.runs.lock import RunLock, RunLockedError
from yolograft.runs.places import refuse_links
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec, choices_of, run_spec
from yolograft.runs.states import exhausted, state_of
from yolograft.sweep.ledger import Ledger
from yolograft.sweep.reporter import Reporter
from yolograft.sweep.request import SearchRequest
from yolograft.sweep.search_space import DIRECTIONS, RESULT, axes
from yolograft.training.config import TrainConfig
from yolograft.training.trial import Trial, forget_trial, make_pruner, open_storage

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

JOURNAL = "optuna.journal"


@dataclass(frozen=True)
class Proposal:
    """A trial that is to be launched.

    Attributes:
        number: The trial's number.
        params: What was proposed, by key.
        job: The run that it makes.
    """

    number: int
    params: dict[str, Any]
    job: RunSpec


class SearchedSweep(Protocol):
    """What a search needs of the sweep that it belongs to (see `sweep.Sweep`)."""

    folder: Path
    command: str
    reporter: Reporter

    def open_ledger(self, specs: Sequence[RunSpec]) -> Ledger:
        """Begin or go on with sweep.json."""

    def train(self, specs: Sequence[RunSpec]) -> None:
        """Train runs and wait for them."""


class SearchLoop:
    """Asks Optuna what to try, trains it, and tells Optuna what the run's record says.

    Args:
        sweep: Trains the runs and knows their folder.
        request: What is searched.
    """

    def __init__(self, sweep: SearchedSweep, request: SearchRequest) -> None:
        self.sweep, self.settings, self.signature = sweep, request.settings, request.signature
        self.folder = sweep.folder
        overrides = {override.get_key_element(): override for override in request.overrides}
        self.searched = axes(request.overrides)
        self.fixed = [override.input_line or "" for key, override in overrides.items() if key not in self.searched]
        self.tried: set[str] = set()
        self.refused: set[tuple[Any, ...]] = set()
        self.jobs: dict[tuple[Any, ...], RunSpec] = {}

    def run(self) -> None:
        """Carry the search on until it has had `n_trials` trials, those of earlier commands included.

        Raises:
            UserError: Another command carries it on, or nothing can be started.
            StoppedError: The command was asked to stop.
        """
        try:
            with RunLock(self.folder), _quiet_optuna():
                self._open()
                try:
                    self._search()
                finally:  # also when it is stopped
                    self.sweep.reporter.after_search(self._write_result())
        except RunLockedError as locked:
            raise UserError(f"{locked}: one command at a time carries on a search") from None

    def _open(self) -> None:
        """Open the study, or make it."""
        import optuna

        from yolograft.sweep.proposals import distribution

        self.space = {key: distribution(override) for key, override in self.searched.items()}
        self.storage = open_storage(self.folder / JOURNAL, mend=True)
        names = optuna.get_all_study_names(self.storage)
        self.study: Study = optuna.create_study(
            study_name=names[0] if names else self.folder.name,
            storage=self.storage,
            directions=[DIRECTIONS[name] for name in self.settings.objectives],
            pruner=make_pruner(**self._pruner),
            load_if_exists=True,
        )
        if self.study.metric_names is None:  # for Optuna's dashboard
            self.study.set_metric_names([str(name) for name in self.settings.objectives])
        self._write_result()

    @property
    def _pruner(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "name": settings.pruner,
            "after_trials": settings.prune_after_trials,
            "after_epochs": settings.prune_after_epochs,
        }

    def _search(self) -> None:
        self._forget_half_made()
        self._repeat_failed()
        known = [Proposal(trial.number, trial.params, self._job(trial.params)) for trial in self._trials()]
        self.tried = {proposal.job.name for proposal in known}
        cut_off, failed = ({t.number for t in self._states(state)} for state in ("RUNNING", "FAIL"))
        left = [proposal for proposal in known if proposal.number in cut_off]
        unfinished = [proposal.job for proposal in known if proposal.number in cut_off | failed]
        ledger = self.sweep.open_ledger(unfinished)
        while True:
            batch: list[Proposal] = []
            while len(batch) < self.settings.n_jobs and (proposal := left.pop(0) if left else self._ask()):
                batch.append(proposal)
            if not batch:
                return
            ledger.add(proposal.job for proposal in batch if proposal not in known)
            self._launch(batch)
            started = [self._tell(proposal) for proposal in batch]
            self._write_result()
            if not any(started):
                names = ", ".join(proposal.job.name for proposal in batch)
                raise UserError(f"the launcher has started none of {names}; repeat the command when it can")

    def _ask(self) -> Proposal | None:
        """Return the next trial: a failed one again, or a new proposal; None when there are enough."""
        from yolograft.sweep.proposals import NewProposals, NothingNewError, combinations, make_sampler

        trials = self._trials()
        if not self._states("WAITING"):
            if len(trials) >= self.settings.n_trials:
                return None
            few = combinations(self.space)
            if few and not any(map(self._is_new, few)):
                log.warning("All of the search space was tried, in %s trials.", len(trials))
                return None
        # Seeded by the trial: a search that was stopped and taken up again proposes what it would have proposed.
        seed = (self.settings.seed * 1_000_003 + len(trials)) % 2**32
        sampler, elsewhere = (make_sampler(s, seed, self.settings.n_trials) for s in (self.settings.sampler, "random"))
        self.study.sampler = NewProposals(sampler, elsewhere, self.space, self._is_new)
        try:
            trial = self.study.ask(self.space)
        except NothingNewError:
            self._forget_half_made()
            log.warning("No further proposal makes a new run, after %s trials.", len(trials))
            return None
        job = self._job(trial.params)
        self.tried.add(job.name)
        trial.set_user_attr("run", job.name)
        return Proposal(trial.number, trial.params, job)

    def _is_new(self, params: dict[str, Any]) -> bool:
        """Whether a proposal makes a valid run that was not proposed before."""
        key = tuple(params.values())
        if key in self.refused:
            return False
        try:
            new = self._job(params).name not in self.tried
        except (UserError, HydraException, OmegaConfBaseException):
            new = False  # two values that do not go together, such as a variant that this backbone does not have
        if not new:
            self.refused.add(key)
        return new

    def _launch(self, batch: Sequence[Proposal]) -> None:
        for proposal in batch:
            folder = proposal.job.folder
            if self.settings.pruner == "none":
                forget_trial(folder)
            else:
                Trial(self.folder / JOURNAL, proposal.number, self.settings.objectives[0], self._pruner).assign(folder)
        self.sweep.train([replace(proposal.job, number=proposal.number) for proposal in batch])

    def _tell(self, proposal: Proposal) -> bool:
        """Tell how a trial ended, from the run's record; one that has not ended is left for the next command.

        Returns:
            Whether the run was started at all.
        """
        from optuna.trial import TrialState

        number = proposal.number
        record = RunRecord.read(proposal.job.folder) or RunRecord()
        status, message = record.status, record.error.message if record.error else ""
        values = {name: record.measured(name) for name in self.settings.objectives}
        found = [float(value) for value in values.values() if value is not None]
        if status == "finished" and len(found) == len(values):
            self.study.tell(number, found)
            said = ", ".join(f"{name} {_shown(value)}" for name, value in zip(values, found, strict=True))
        elif record.is_pruned:
            self.study.tell(number, state=TrialState.PRUNED)
            said = f"pruned, {message}"
        elif status in ("finished", "failed"):
            missing = [name for name, value in values.items() if value is None]
            reason = message or f"no number for {', '.join(missing)}"
            trial = self.study.get_trials(deepcopy=False)[number]
            self.storage.set_trial_user_attr(trial._trial_id, "error", reason)
            self.study.tell(number, state=TrialState.FAIL)
            said = f"failed, {reason}"
        else:
            said = f"{status or 'not started'}; the same command goes on with it"
        tried = " ".join(f"{key}={value}" for key, value in proposal.params.items())
        log.warning("Trial %s, %s: %s", number + 1, tried, said)
        return status is not None

    def _repeat_failed(self) -> None:
        """Enqueue failed trials again, as new ones with the same parameters, while their runs may be tried again."""
        waiting = {trial.user_attrs.get("repeats") for trial in self.study.get_trials(deepcopy=False)}
        for trial in self._states("FAIL"):
            job = self._job(trial.params)
            again = state_of(job.folder, job.identity) in ("failed", "to do") and not exhausted(job)
            if again and trial.number not in waiting:
                self.study.enqueue_trial(trial.params, user_attrs={"repeats": trial.number})

    def _forget_half_made(self) -> None:
        """End trials whose proposal was never completed: nothing was started for them."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.params.keys() != self.space.keys():
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _trials(self) -> "list[FrozenTrial]":
        """Return the search's trials; of one that was tried again the latest."""
        made = [t for t in self.study.get_trials(deepcopy=False) if t.params.keys() == self.space.keys()]
        repeated = {trial.user_attrs.get("repeats") for trial in made}
        return [trial for trial in made if trial.number not in repeated]

    def _states(self, name: str) -> "list[FrozenTrial]":
        from optuna.trial import TrialState

        if name == "WAITING":  # has no parameters yet
            return self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        return [trial for trial in self._trials() if trial.state == TrialState[name]]

    def _job(self, params: dict[str, Any]) -> RunSpec:
        key = tuple(params[name] for name in self.space)
        if key not in self.jobs:
            self.jobs[key] = self._composed([*self.fixed, *(f"{name}={params[name]}" for name in self.space)])
        return self.jobs[key]

    def _composed(self, overrides: Sequence[str]) -> RunSpec:
        """Compose and check a run.

        Raises:
            UserError: It makes no valid config.
        """
        with initialized("train"):
            composed = compose("train", parse(overrides))
            config = container_of(composed)
        validate(TrainConfig, config, choices_of(composed.hydra))
        job = run_spec(composed, config, self.folder, command=self.sweep.command)
        refuse_links([job.folder])
        return job

    def _write_result(self) -> dict[str, Any]:
        """Write optuna.json: the best trial, or those that no other beats in every objective."""
        from optuna.trial import TrialState

        trials = self._trials()
        complete = any(trial.state == TrialState.COMPLETE for trial in trials)
        single = len(self.settings.objectives) == 1
        best = [] if not complete else [self.study.best_trial] if single else self.study.best_trials
        names = {"COMPLETE": "finished", "FAIL": "failed", "PRUNED": "pruned", "RUNNING": "running"}
        states = [names[trial.state.name] for trial in trials]
        result = {
            "objectives": {name: DIRECTIONS[name] for name in self.settings.objectives},
            "n_trials": self.settings.n_trials,
            "trials": {name: states.count(name) for name in names.values()},
            "best": [
                {
                    "trial": trial.number,
                    "run": trial.user_attrs.get("run"),
                    "params": trial.params,
                    "values": dict(zip(self.settings.objectives, trial.values, strict=True)),
                }
                for trial in best
            ],
            "search": self.signature,
        }
        atomic_write(
            self.folder / RESULT,
            json_document(result),
        )
        return result


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and value >= 1 else f"{value:.4g}"


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Hear of Optuna only what is wrong: it announces each proposal and what it calls experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
