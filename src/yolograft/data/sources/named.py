"""Public data sets by name, downloaded by ultralytics' own recipes."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from yolograft.common.cache import cache_dir
from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.common.network import unreachable
from yolograft.data.spec import DataSpec
from yolograft.upstream.data import ASSETS_URL, recipe, run_recipe

#: Sets that ultralytics' recipe does not fetch into the folder it is given, and why.
BY_HAND = {
    "Argoverse": "its files are handed out by hand only",
    "open-images-v7": "its recipe downloads into folders of its own",
    "xView": "one must register to download it",
}


def named(*, name: str, root: str | None = None) -> DataSpec:
    """Return one of ultralytics' data sets; download it first unless it is there.

    Args:
        name: Of the file in ultralytics' `cfg/datasets`, without suffix.
        root: Folder for data sets; each has its own folder in it. None: `datasets` in YOLOGraft's cache folder.

    Returns:
        The data set.

    Raises:
        UserError: There is no such data set, its images have more than 3 channels, or it is not there and cannot be
            downloaded.
    """
    spec, data = _described(name, root)
    if not _present(data, Path(spec.root)):
        _download(name, data, Path(spec.root))
    return spec


def described(*, name: str, root: str | None = None) -> tuple[DataSpec, bool]:
    """Return what is known of one of ultralytics' data sets without downloading it, and whether it is there.

    Args:
        name: As for `named`.
        root: As for `named`.

    Raises:
        UserError: There is no such data set, or its images have more than 3 channels.
    """
    spec, data = _described(name, root)
    return spec, _present(data, Path(spec.root))


def _described(name: str, root: str | None) -> tuple[DataSpec, dict[str, Any]]:
    try:
        data = recipe(name)
    except FileNotFoundError:
        raise UserError(f"dataset.name={name}: the installed ultralytics knows no such data set") from None
    place = (user_path(root).absolute() if root else cache_dir() / "datasets") / str(data["path"])
    spec = DataSpec(
        name=name.lower(),
        train=_paths(data, place, "train"),
        val=_paths(data, place, "val"),
        test=_paths(data, place, "test"),
        names={int(key): str(value) for key, value in data["names"].items()},
        root=str(place),
        channels=int(data.get("channels", 3)),
    )
    return spec, data


def _paths(data: dict[str, Any], place: Path, split: str) -> tuple[str, ...]:
    """Return the absolute paths of a split."""
    value = data.get(split) or []
    return tuple(str(place / item) for item in (value if isinstance(value, list) else [value]))


def _present(data: dict[str, Any], place: Path) -> bool:
    """Tell whether the splits are there. Downloads appear under their name when complete, so that is enough."""
    return all(Path(path).exists() for split in ("train", "val") for path in _paths(data, place, split))


def _download(name: str, data: dict[str, Any], place: Path) -> None:
    """Fetch a data set into a folder beside its place and move it there when it is complete."""
    address = _address(str(data["download"]))
    refusal = _refusal(name, data) or unreachable(address)
    if refusal:
        raise UserError(f"{name} is not in {place} and cannot be downloaded: {refusal}")
    folder = place.name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / f".{folder}.lock"):  # runs of a sweep that start together download once
            if _present(data, place):
                return
            if place.exists():
                raise UserError(f"{place} is there but lacks images; remove it to download {name} again")
            stage = place.parent / f".{folder}.download"
            shutil.rmtree(stage, ignore_errors=True)  # of a download that was cut off
            run_recipe(data, stage / folder)
            if not _present(data, stage / folder):
                raise UserError(f"{name}: the download from {address} does not hold what its description says")
            _remove_archives(stage / folder)
            (stage / folder).replace(place)
            shutil.rmtree(stage, ignore_errors=True)
    except UserError:
        raise
    except Exception as error:  # requests, zipfile, the recipe's own code: all mean that there is no data set
        reason = " ".join(str(error).split())
        raise UserError(f"{name} could not be downloaded to {place}: {type(error).__name__}: {reason}") from error


def _refusal(name: str, data: dict[str, Any]) -> str | None:
    """Return why a recipe cannot be run here, or None."""
    if name in BY_HAND:
        return (
            f"{BY_HAND[name]}; put its images and labels there: {', '.join(str(data[key]) for key in ('train', 'val'))}"
        )
    needed = re.findall(r'check_requirements\("([\w-]+)"\)', str(data["download"]))
    missing = [package for package in needed if not importlib.util.find_spec(package.replace("-", "_"))]
    return f"its recipe needs {missing[0]}; install it with pip" if missing else None


def _address(download: str) -> str:
    """Return an address that a recipe downloads from."""
    if "ASSETS_URL" in download:
        return ASSETS_URL
    found = re.search(r"https?://[^\s\"'{}]+", download)
    return found[0] if found else ASSETS_URL


def _remove_archives(folder: Path) -> None:
    """Remove the archives that a recipe leaves among what it unpacked; COCO's take 20 GB."""
    for archive in [*folder.rglob("*.zip"), *folder.rglob("*.tar.gz")]:
        archive.unlink()
