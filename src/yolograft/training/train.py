"""Train one run: lock its folder, skip what is finished, resume what was stopped, record how it ended."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from yolograft.common.errors import RefusedError, UserError
from yolograft.common.files import atomic_write, remove_abandoned
from yolograft.common.metrics import METRIC
from yolograft.common.text import PlainFormatter
from yolograft.common.times import duration
from yolograft.compute.devices import Compute, resolve
from yolograft.compute.sharing import cores
from yolograft.data.from_config import with_absolute_path
from yolograft.data.run_data import fingerprint_now, refuse_other_data
from yolograft.runs.lock import RunLock, RunLockedError
from yolograft.runs.record import RunRecord
from yolograft.runs.siblings import say_trained_shorter
from yolograft.runs.spec import RunSpec
from yolograft.runs.weights_file import lacks_weights
from yolograft.runs.writer import RecordWriter
from yolograft.tracking.agent import tell_agent
from yolograft.tracking.loggers import check_logger
from yolograft.training.checkpoints import Checkpoints
from yolograft.training.distributed import launch
from yolograft.training.run import run
from yolograft.training.session import Session
from yolograft.training.stopping import StoppedError, stoppable
from yolograft.training.trial import Pruned
from yolograft.upstream.training import quiet

log = logging.getLogger(__name__)


def train(spec: RunSpec) -> RunRecord:
    """Train one variant into its folder; a finished run returns at once, one that was cut off goes on.

    Args:
        spec: The run.

    Returns:
        The run's record.

    Raises:
        UserError: For a mistake in data or settings; run.json says `failed` and why. A RefusedError where it was found
            before the first step of a new run.
        RunLockedError: Another living process trains this run.
        StoppedError: After Ctrl-C or SIGTERM; run.json says `stopped`.
    """
    folder = spec.folder
    folder.mkdir(parents=True, exist_ok=True)
    with RunLock(folder) as lock:
        remove_abandoned(folder, silent=0)  # nobody else writes here now
        for left in [*(folder / "checkpoints").glob("*.tmp"), *(folder / "checkpoints").glob("*.partial")]:
            left.unlink(missing_ok=True)
        return _train_locked(lock, replace(spec, config=with_absolute_path(spec.config)))


def _train_locked(lock: RunLock, spec: RunSpec) -> RunRecord:
    config, folder = spec.config, spec.folder
    record = RecordWriter(spec)
    if record.previous.best_epoch and (fault := _lost(folder, record)):
        log.warning("%s, and no checkpoint has those weights: the run is trained anew.", fault)
        Checkpoints(folder / "checkpoints").clear()
    elif record.finished:
        refuse_other_data(folder, record.previous, fingerprint_now(config))
        log.info("%s is finished already: %s %.4f", folder, METRIC, record.previous.measured(METRIC))
        tell_agent(spec, record.previous)
        return record.previous
    if record.flaw:
        log.warning("%s says `finished`, but %s: damaged, hence trained again.", record.file, record.flaw)
    record.update()
    atomic_write(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)).encode())
    if not record.previous.epochs_done:
        say_trained_shorter(folder, config)
    quiet()
    try:
        compute = resolve(config["device"], config["workers"], _as_begun(config["trainer"], folder, record.previous))
        check_logger(config["logger"])
        with stoppable() as stop:
            stop.lock = lock
            stop.check()
            try:
                if compute.processes == 1:
                    run(Session(spec, record, compute, stop))
                else:
                    record.began = True  # what the processes find out is theirs to tell
                    launch(compute.processes, _train_rank, spec, compute, stop=stop)
            except (UserError, Pruned):
                raise
            except Exception:  # a process that loads data, say, has died of the signal that stops this one
                stop.check()
                raise
            finally:
                if compute.processes > 1:  # the first process has kept the record, however it ended
                    record.reload()
    except RunLockedError:
        raise  # the record is another process's now
    except StoppedError as stopped:
        record.end("stopped", stopped)
        log.info("%s: start the same command again to go on.", stopped)
        stopped.said = True
        raise
    except Pruned as pruned:
        record.end("stopped", pruned)
        log.info("Pruned: %s.", pruned)
        return record.now
    except BaseException as error:
        record.end("failed", error)
        if isinstance(error, UserError) and not record.began and record.is_new:
            raise RefusedError(str(error)) from error
        raise
    record.end("finished")
    _say_result(record, folder)
    if stop.signum is not None:  # asked for while the run was ending: it is done, a sweep's next one must not start
        raise StoppedError(stop.signum)
    return record.now


def _as_begun(trainer: Mapping[str, Any], folder: Path, previous: RunRecord) -> dict[str, Any]:
    """Return the `trainer` group with threads and precision of the start that is gone on with.

    Other threads end in other digits. The precision of a GPU is left to `auto`: another device may lack it.
    """
    if not Checkpoints(folder / "checkpoints").last.exists():
        return dict(trainer)
    begun = dict(trainer)
    if trainer["threads"] == "auto" and previous.threads:
        begun["threads"] = min(previous.threads, cores())
    if trainer["precision"] == "auto" and previous.device == "cpu":
        begun["precision"] = {"bfloat16": "bf16", "fp32": "fp32"}.get(previous.precision or "", "auto")
    return begun


def _lost(folder: Path, record: RecordWriter) -> str | None:
    """Return what is wrong with a run's best weights so far; None where nothing is."""
    if record.finished:
        return lacks_weights(folder, record.previous.weights_sha256)
    # A kill between two writes leaves better weights than run.json knows of: their content proves nothing.
    return lacks_weights(folder, None) if Checkpoints(folder / "checkpoints").last.exists() else None


def _say_result(record: RecordWriter, folder: Path) -> None:
    log.info(
        "mAP50 %.4f  mAP50-95 %.4f  (best epoch %s, %s)  %s",
        record.now.measured("mAP50"),
        record.now.measured("mAP50-95"),
        record.now.best_epoch,
        duration(record.seconds),
        folder,
    )


def _train_rank(rank: int, spec: RunSpec, compute: Compute) -> None:
    """Run one of several processes that train together; the first writes the run's folder and logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.ERROR, handlers=[handler])
    quiet()
    record = RecordWriter(spec, writes=rank == 0)
    with stoppable() as stop:
        run(Session(spec, record, compute, stop, rank))
