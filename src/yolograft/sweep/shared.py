"""What the runs of a sweep share, checked once before the first of them starts: data, weights, device."""

import json
import logging
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from yolograft.common.errors import UserError
from yolograft.compute.devices import refuse_missing
from yolograft.data.checks import enforce
from yolograft.data.from_config import data_spec
from yolograft.data.run_data import data_sets, faults, fingerprint, fingerprint_now, is_there, refuse_other_data
from yolograft.model.from_config import own_packages
from yolograft.model.state import read_state
from yolograft.model.weights import load_weights
from yolograft.runs.record import RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.states import state_of
from yolograft.upstream.training import quiet

log = logging.getLogger(__name__)


def check_shared(jobs: Sequence[RunSpec], *, elsewhere: bool) -> None:
    """Refuse what every run would be refused for, or what would make their numbers differ for another reason.

    Each data set, weights file and device is looked at once; what a scan of the data finds is kept, so the runs need
    not look again. Of runs that are finished nothing is needed but that they have seen the same data.

    Args:
        jobs: The runs.
        elsewhere: Whether they may be done on other machines, with other devices and disks: then what is missing here
            is only said.

    Raises:
        UserError: For the first mistake.
    """
    quiet()
    left = [job.config for job in jobs if state_of(job.folder, job.identity) != "finished"]
    now: dict[str, str | None] = {}
    with _warned() if elsewhere else _raised():
        for config in _each_once(left, "device", "trainer") if not elsewhere else ():
            refuse_missing(config["device"], config["trainer"])
        for config in _each_once(left, "weights", "backbone"):
            _check_weights(config)
        for config in _each_once(left, *_DATA, without_fold=True):
            if elsewhere:  # reading every image is a node's work, not a login node's
                _known(config)
            else:
                now[_key(config, *_DATA)] = _check_data(config)
    for job in jobs:
        record = RunRecord.read(job.folder)
        if record is not None and record.status == "finished" and record.identity == job.identity:
            key = _key(job.config, *_DATA)
            if key not in now:
                now[key] = fingerprint_now(job.config)
            refuse_other_data(job.folder, record, now[key])


_DATA = ("dataset", "single_cls", "fraction")


def _check_weights(config: Mapping[str, Any]) -> None:
    if config["weights"]:
        load_weights(config["weights"], own_packages(config))
    if isinstance(file := config["backbone"].get("pretrained"), str):
        try:
            read_state(file)
        except (OSError, ValueError) as problem:
            raise UserError(f"backbone.pretrained={file}: {problem}") from problem
        except pickle.UnpicklingError as problem:
            raise UserError(f"backbone.pretrained={file}: holds more than tensors") from problem


def _known(config: Mapping[str, Any]) -> Any:
    """Return a config's data set; None for a public one that the first run will download."""
    return data_spec(config) if is_there(config["dataset"]) else None


def _check_data(config: Mapping[str, Any]) -> str | None:
    if (spec := _known(config)) is None:
        return None
    train, val = data_sets(config, spec, 1)
    enforce(config["dataset"].get("check", "strict"), faults(config, train, val))
    return fingerprint(train, val)


def _each_once(configs: Iterable[dict[str, Any]], *keys: str, without_fold: bool = False) -> Iterator[dict[str, Any]]:
    """Yield one of the configs that agree in some keys; the folds of a data set are the same images."""
    seen = set()
    for config in configs:
        told = {**config, "dataset": {**config["dataset"], "fold": None}} if without_fold else config
        if (key := _key(told, *keys)) not in seen:
            seen.add(key)
            yield config


def _key(config: Mapping[str, Any], *keys: str) -> str:
    return json.dumps([config[key] for key in keys], sort_keys=True, default=str)


@contextmanager
def _raised() -> Iterator[None]:
    yield


@contextmanager
def _warned() -> Iterator[None]:
    try:
        yield
    except UserError as mistake:
        log.warning("On this machine: %s", mistake)
