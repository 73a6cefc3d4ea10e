"""A search's trial, as seen by the run that carries it out: report each epoch, ask whether to go on.

The sweeper leaves a small file in the run's folder. So it does not matter in which process, on which machine and under
which launcher the run is; and neither its identity nor its name knows of the search.
"""

import json
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write, read_text
from yolograft.common.parsing import parse_json
from yolograft.common.typed import whole

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import JournalStorage

log = logging.getLogger(__name__)

_FILE = "trial.json"
_PRUNER = {"name": str, "after_trials": int, "after_epochs": int}
"""Settings of a pruner, as `make_pruner` takes them."""


class Pruned(Exception):  # noqa: N818  # no error: the search has seen enough of this trial
    """A trial that fell behind the others was ended."""


class Trial:
    """One trial of a search that prunes: trials that fall behind the others are ended early.

    Args:
        journal: The study's journal file.
        number: The trial's number.
        metric: What is searched for, such as `mAP50-95`.
        pruner: The pruner's settings, as `make_pruner` takes them.
    """

    def __init__(self, journal: Path, number: int, metric: str, pruner: dict[str, Any]) -> None:
        self.journal, self.number, self.metric, self.pruner = journal, number, metric, pruner

    @classmethod
    def of_run(cls, folder: Path) -> "Trial | None":
        """Return the trial that a run carries out; None where it belongs to no search that prunes."""
        file = folder / _FILE
        try:
            content = parse_json(read_text(file))
            # Only a file of the search's own folder: a trial writes into its journal.
            journal = folder / ".." / Path(content["journal"]).name
            number, metric = whole(content["number"]), str(content["metric"])
            pruner = {key: kind(content["pruner"][key]) for key, kind in _PRUNER.items()}
            if number is None or not journal.is_file():
                raise ValueError("names no trial of a search in the folder above")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            log.warning("%s cannot be read, the run is trained as one of no search: %s", file, error)
            return None
        return cls(journal, number, metric, pruner)

    def assign(self, folder: Path) -> None:
        """Tell a run that is about to start which trial it carries out.

        Args:
            folder: The run's folder, which may not be there yet; the journal lies in the folder above.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = {"journal": f"../{self.journal.name}", "number": self.number, "metric": self.metric}
        atomic_write(folder / _FILE, json.dumps({**content, "pruner": self.pruner}).encode())

    def should_prune(self, values: Sequence[float]) -> bool:
        """Report the last epoch, and return whether the trial should end.

        Args:
            values: The metric (0…1) after each epoch so far. What a restart has left out is made up for; what was
                reported stays.
        """
        import optuna

        try:
            storage = open_storage(self.journal)
            (name,) = optuna.get_all_study_names(storage)
            study = optuna.load_study(study_name=name, storage=storage, pruner=make_pruner(**self.pruner))
            trial = study.get_trials(deepcopy=False)[self.number]
            if trial.state.is_finished():  # a later command trains in this folder, for itself
                return False
            for step in set(range(len(values))) - trial.intermediate_values.keys():
                storage.set_trial_intermediate_value(trial._trial_id, step, values[step])
            trial = study.get_trials(deepcopy=False)[self.number]
            return bool(study.pruner.prune(study, trial))
        except (OSError, LookupError, ValueError, RuntimeError) as error:  # the training is worth more than the report
            log.warning("%s: epoch %s could not be reported: %s", self.journal, len(values), error)
            return False


def forget_trial(folder: Path) -> None:
    """Take back what `Trial.assign` left in a run's folder."""
    (folder / _FILE).unlink(missing_ok=True)


def make_pruner(name: str, after_trials: int, after_epochs: int) -> "BasePruner":
    """Return Optuna's pruner of a name.

    Args:
        name: `none`; `median`, which ends a trial whose best value is below the median of the others' at that epoch;
            `hyperband`, which lets only the best third go on to three times as many epochs.
        after_trials: Trials that must have finished before `median` ends one.
        after_epochs: Epochs that every trial may train.
    """
    import optuna

    if name == "none":
        return optuna.pruners.NopPruner()
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=after_trials, n_warmup_steps=after_epochs)
    return optuna.pruners.HyperbandPruner(min_resource=max(after_epochs, 1))


def open_storage(journal: Path, *, mend: bool = False) -> "JournalStorage":
    """Open a study's journal, for any number of processes and machines that share its folder.

    The lock is a file that only one can make: unlike symbolic links, which are Optuna's default, Windows allows it to
    everyone. A lock that a killed process left is broken after ten seconds.

    Args:
        journal: The file; it is made where there is none.
        mend: Cut off a last line that a crash left unfinished, which Optuna could not read.

    Raises:
        UserError: There is something else than a file.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    if journal.exists() and not journal.is_file():
        raise UserError(f"{journal}: is not a regular file; give this search a folder of its own: name=NAME")
    lock = JournalFileOpenLock(str(journal), grace_period=10)
    if mend and journal.exists():
        lock.acquire()
        try:
            content = journal.read_bytes()
            os.truncate(journal, content.rfind(b"\n") + 1)
        finally:
            lock.release()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of Optuna call the journal experimental
        return JournalStorage(JournalFileBackend(str(journal), lock))
