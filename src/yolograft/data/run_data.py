"""A run's data sets: built as its config says, checked, and the same that the run began with."""

import logging
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.levels import DEFAULT_LEVELS, coarsest_stride
from yolograft.data.checks import Fault, conversions, enforce, kinds, summary_lines
from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.duplicates import across
from yolograft.data.from_config import data_spec
from yolograft.data.image_cache import image_cache
from yolograft.data.listing import list_images, list_notes, orphan_labels
from yolograft.data.sources import named
from yolograft.data.spec import DataSpec
from yolograft.runs.record import RunRecord

log = logging.getLogger(__name__)


def data_sets(config: Mapping[str, Any], spec: DataSpec, batch: int) -> tuple[DetectionDataset, DetectionDataset]:
    """Build the training and the validation set.

    Args:
        config: The resolved config.
        spec: The data set that it names.
        batch: Images in a training batch; validation takes twice as many.

    Raises:
        UserError: If one of them cannot be used.
    """
    hyp = SimpleNamespace(**config["augment"])
    common = {
        "imgsz": config["imgsz"],
        "single_cls": config["single_cls"],
        "stride": coarsest_stride(config.get("levels", DEFAULT_LEVELS)),
    }
    train = build_dataset(
        spec, "train", hyp, batch=batch, augment=True, rect=config["rect"], fraction=config["fraction"], **common
    )
    return train, build_dataset(spec, "val", hyp, batch=batch * 2, augment=False, rect=True, **common)


def origin(train: DetectionDataset, val: DetectionDataset) -> list[str]:
    """Return what the sets were made from, and what was done on the way that a person may not expect, line by line."""
    spec = train.spec
    counts: dict[str, int] = {each.split: len(each.listed) for each in (train, val)}
    notes = [*spec.notes, *list_notes(spec)]
    try:
        counts |= {"test": len(found)} if (found := list_images(spec, "test")) else {}
    except UserError as problem:
        notes.append(f"{problem}; training does without")
    return [f"{spec.name}: {spec.origin(counts)}", *notes]


def share_images(config: Mapping[str, Any], *sets: DetectionDataset) -> None:
    """Let the sets take their images from one file of decoded images, made by the first run that needs it."""
    if config["cache"] and config["cache_gb"]:
        files = {file for each in sets for file in each.im_files}
        cache = image_cache(files, config["imgsz"], sets[0].channels, config["cache_gb"], sets[0].value_range)
        for each in sets:
            each.image_cache = cache


def checked(config: Mapping[str, Any], train: DetectionDataset, val: DetectionDataset) -> dict[str, Any]:
    """Log the faults of the data, stop at errors, and return what run.json says of it.

    Args:
        config: The resolved config.
        train: The training set.
        val: The validation set.

    Raises:
        UserError: If `dataset.check` is strict and there is such a fault.
    """
    check = config["dataset"].get("check", "strict")
    between = faults_between(config, train, val)
    found = [*train.scan.faults, *val.scan.faults, *between]
    enforce(check, found)
    if check != "off":
        for each in (train, val):
            if each.scan.skipped:
                log.warning("%s: %s of %s images are skipped:", each.split, each.scan.skipped, each.scan.total)
        for line in summary_lines(found, 10):
            log.warning("%s", line)
        for line in conversions(found):
            log.info("%s", line)
    return {
        "fingerprint": fingerprint(train, val),
        "train": train.scan.summary(),
        "val": val.scan.summary(),
        "across": kinds(between),
    }


def faults(config: Mapping[str, Any], train: DetectionDataset, val: DetectionDataset) -> list[Fault]:
    """Return all that is wrong or unusual in a run's data."""
    return [*train.scan.faults, *val.scan.faults, *faults_between(config, train, val)]


def faults_between(config: Mapping[str, Any], train: DetectionDataset, val: DetectionDataset) -> list[Fault]:
    """Return what only shows where both sets are looked at together; nothing with `dataset.check=off`."""
    if config["dataset"].get("check", "strict") == "off":
        return []
    leaks = across({each.split: (each.listed, each.scan) for each in (train, val)})
    return [*leaks, *orphan_labels(train.spec)]


def fingerprint_now(config: Mapping[str, Any]) -> str | None:
    """Return the fingerprint of a config's data set as it is now; None where it is not at hand or cannot be read."""
    dataset = config["dataset"]
    if not is_there(dataset):
        return None
    try:
        return fingerprint(*data_sets(config, data_spec(config), 1))
    except UserError as problem:
        log.info("Whether the data are still the same cannot be told: %s", problem)
        return None


def is_there(dataset: Mapping[str, Any]) -> bool:
    """Whether a data set need not be downloaded first, by the `dataset` group that names it."""
    if dataset["_target_"] != f"{named.__name__}.named":
        return True
    _, there = named.described(name=dataset["name"], root=dataset.get("root"))
    return there


def fingerprint(train: DetectionDataset, val: DetectionDataset) -> str:
    """Return a hash of the images and labels of both."""
    return f"{train.fingerprint}-{val.fingerprint}"


def refuse_other_data(folder: Path, record: RunRecord, now: str | None) -> None:
    """Refuse to go on with, or to return, a run whose images, labels or split have changed since it began.

    Args:
        folder: The run's folder.
        record: Its record.
        now: The fingerprint of its data set as it is now; None where that is not known.

    Raises:
        UserError: If they are not those that the run was started with.
    """
    before = record.fingerprint
    if before and now and before != now:
        raise UserError(
            f"{folder}: images, labels or their split have changed since this run began; name=… trains on them "
            "as they are now, in a folder of its own, or remove that one"
        )
