"""What a training names and is not there, refused before torch is loaded, which takes seconds."""

from collections.abc import Iterable

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.compute.presence import refuse_impossible
from yolograft.data.places import refuse_absent_path
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import state_of
from yolograft.runs.weights_file import best_weights
from yolograft.upstream.downloads import may_be_published, refuse_unreachable


def refuse_absent(jobs: Iterable[RunSpec]) -> None:
    """Refuse a data set's path, weights or a device that is not there. A run that is finished needs none of them.

    Raises:
        UserError: For the first; what can only be known by reading it is left to the run.
    """
    checked = set()
    for job in jobs:
        device, weights, dataset = (job.config[key] for key in ("device", "weights", "dataset"))
        if (named := repr((device, weights, dataset))) in checked or state_of(job.folder, job.identity) == "finished":
            continue
        checked.add(named)
        refuse_impossible(device)
        if weights:
            _refuse_absent_weights(weights)
        refuse_absent_path(dataset)


def _refuse_absent_weights(weights: str) -> None:
    path = user_path(weights)
    if path.name == weights and not path.exists() and may_be_published(weights):
        refuse_unreachable(weights)
        return
    file = best_weights(path) if path.is_dir() else path
    if not file.exists():
        raise UserError(f"no weights file '{file}'")
