"""Splits that a data set does not come with: a share held out, or k folds, the same on every machine."""

import hashlib
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.classes_seen import classes_seen
from yolograft.data.duplicates import groups
from yolograft.data.listing import list_images
from yolograft.data.scan import scan
from yolograft.data.spec import DataSpec

#: The share of the images that is trained on where a data set has no val split and none is asked for.
SHARE = 0.8


def hold_out(spec: DataSpec, share: float, *, group_duplicates: bool = False) -> DataSpec:
    """Split the images of a data set without val split, by the hash of each file's name; see `held_files`.

    Args:
        spec: The data set; `train` holds all its images.
        share: Of the images to train on, between 0 and 1.
        group_duplicates: Images that are nearly the same come on one side.

    Raises:
        UserError: It has a val split, or fewer than two different images.
    """
    if spec.val:
        raise UserError(
            f"dataset.split={share}: {spec.name} has a val split already; leave dataset.split out, "
            "or join and split anew with dataset.folds and dataset.fold"
        )
    files = list_images(spec, "train")
    draws = _draws(spec, files, group_duplicates)
    if len(set(draws.values())) < 2:
        alike = "its images are all nearly the same; dataset.group_duplicates=false parts them"
        few = "it has only one image; add some, or give it a val split"
        reason = alike if len(files) > 1 else few
        raise UserError(f"{spec.name}: no image can be held out to validate on: {reason}")
    held = held_files(draws, dict(zip(files, classes_seen(spec, files), strict=True)), share)
    train = tuple(file for file in files if file not in held)
    val = tuple(file for file in files if file in held)
    return replace(spec, train=train, val=val, held_out=(len(val), len(files)))


def held_files(draws: Mapping[str, float], classes: Mapping[str, Collection[int]], share: float) -> set[str]:
    """Return the files to hold out: those that draw `share` or more, corrected where that does not do what is meant.

    Where their number is off by more than a third (and more than one image), the nearest number is taken, by the
    highest draws; a class that has two images or more is then brought to both sides, moving one image that no other
    class needs where it is. So an image stays on its side when others come and go, unless one of these rules moves it.

    Args:
        draws: A number in 0 … 1 for each file; files with one number stay together. At least two numbers.
        classes: The classes that each file shows.
        share: Of the files to train on.
    """
    units: dict[float, list[str]] = {}
    for file, draw in draws.items():
        units.setdefault(draw, []).append(file)
    order = sorted(units, reverse=True)
    sizes = [len(units[unit]) for unit in order]
    goal = (1 - share) * len(draws)
    first = sum(unit >= share for unit in order)
    if not 0 < first < len(order) or abs(sum(sizes[:first]) - goal) > max(1, goal / 3):
        first = min(range(1, len(order)), key=lambda count: abs(sum(sizes[:count]) - goal))
    held, kept = set(order[:first]), set(order[first:])
    shows = {unit: {cls for file in files for cls in classes[file]} for unit, files in units.items()}
    owners: dict[int, list[float]] = {}
    for unit in order:
        for cls in shows[unit]:
            owners.setdefault(cls, []).append(unit)
    for cls in sorted(owners, key=lambda cls: (len(owners[cls]), cls)):  # the rarest first
        if kept.isdisjoint(owners[cls]):
            source, target, candidates = held, kept, owners[cls][::-1]  # the draws nearest to the other side first
        elif held.isdisjoint(owners[cls]) and len(owners[cls]) > 1:
            source, target, candidates = kept, held, owners[cls]
        else:
            continue
        for unit in candidates if len(source) > 1 else ():
            if all(len(source.intersection(owners[other])) > 1 for other in shows[unit] - {cls}):
                source.remove(unit)
                target.add(unit)
                break
    return {file for unit in held for file in units[unit]}


def fold(spec: DataSpec, folds: int, index: int, *, group_duplicates: bool = False) -> DataSpec:
    """Return one of k ways to train on all but a k-th of the images and to validate on the rest.

    Args:
        spec: The data set; its train and val images are put together. A test split stays as it is.
        folds: K, from 2.
        index: Which fold is validated on, 0 … k - 1.
        group_duplicates: Images that are nearly the same come into one fold.

    Raises:
        UserError: There are fewer images than folds.
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
        held_out=None,
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
