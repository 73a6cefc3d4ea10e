"""Splits that a data set does not come with: a share held out, or k folds, the same on every machine."""

import hashlib
import math
import os
from dataclasses import replace
from pathlib import Path

from yolograft.data.duplicates import groups
from yolograft.data.listing import list_images
from yolograft.data.scan import scan
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError

#: The share of the images that is trained on where a data set has no val split and none is asked for.
SHARE = 0.8


def hold_out(spec: DataSpec, share: float, *, group_duplicates: bool = False) -> DataSpec:
    """Split the images of a data set without val split, by the hash of each file's name.

    An image stays on its side when others are added or removed.

    Args:
        spec: the data set; `train` holds all its images.
        share: of the images to train on, between 0 and 1.
        group_duplicates: images that are nearly the same come on one side.

    Raises:
        UserError: it has a val split, or a side would be empty.
    """
    if spec.val:
        raise UserError(
            f"dataset.split={share}: {spec.name} has a val split already; leave dataset.split out, "
            "or join and split anew with dataset.folds and dataset.fold"
        )
    files = list_images(spec, "train")
    draws = _draws(spec, files, group_duplicates)
    train = tuple(file for file in files if draws[file] < share)
    val = tuple(file for file in files if draws[file] >= share)
    if not train or not val:
        raise UserError(
            f"dataset.split={share}: of the {len(files)} images of {spec.name} {len(train)} would be left to train on "
            f"and {len(val)} to validate on; choose another share"
        )
    return replace(spec, train=train, val=val)


def fold(spec: DataSpec, folds: int, index: int, *, group_duplicates: bool = False) -> DataSpec:
    """Return one of k ways to train on all but a k-th of the images and to validate on the rest.

    Args:
        spec: the data set; its train and val images are put together. A test split stays as it is.
        folds: k, from 2.
        index: which fold is validated on, 0 … k - 1.
        group_duplicates: images that are nearly the same come into one fold.

    Raises:
        UserError: there are fewer images than folds.
    """
    files = sorted({*list_images(spec, "train"), *list_images(spec, "val")})
    draws = _draws(spec, files, group_duplicates)
    order = sorted(set(draws.values()))
    if len(order) < folds:
        raise UserError(f"dataset.folds={folds}: {spec.name} has only {len(order)} images to deal out")
    held = set(order[index::folds])  # by rank, not by value: folds of equal size
    return replace(
        spec,
        name=f"{spec.name}, fold {index} of {folds}",
        train=tuple(file for file in files if draws[file] not in held),
        val=tuple(file for file in files if draws[file] in held),
    )


def _draws(spec: DataSpec, files: list[str], group_duplicates: bool) -> dict[str, float]:
    """Return a number in 0 … 1 for each file, from its name; from its path where several files have one name."""
    names = {file: Path(file).name for file in files}
    if len(set(names.values())) < len(files):
        names = {file: Path(os.path.relpath(file, spec.root)).as_posix() for file in files}
    draws = {file: _draw(name) for file, name in names.items()}
    if group_duplicates:
        found = scan(files, spec.labels, spec.nc, single_cls=True, name="all images", value_range=spec.range)
        kept = [files[index] for index in found.kept]
        draws |= {kept[i]: draws[kept[leader]] for i, leader in enumerate(groups(found))}
    return draws


def _draw(name: str) -> float:
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return math.ldexp(int.from_bytes(digest[:6], "big"), -48)
