"""Public data sets by name, downloaded by ultralytics' own recipes."""

import re
import shutil
import threading
from pathlib import Path
from typing import Any

from filelock import FileLock

from yolograft.cache import cache_dir
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError
from yolograft.stock.data import ASSETS_URL, recipe, run_recipe

#: How long, in seconds, to wait for a sign of the network before saying that there is none.
PATIENCE = 2.0


def coco8(*, root: str | None = None) -> DataSpec:
    """COCO8: the first 8 images of COCO, 4 to train and 4 to validate (1 MB). See `named` for `root` and errors."""
    return named("coco8", root)


def coco128(*, root: str | None = None) -> DataSpec:
    """COCO128: the first 128 images of COCO, the same to train and to validate (7 MB). See `named`."""
    return named("coco128", root)


def coco(*, root: str | None = None) -> DataSpec:
    """COCO 2017: 118287 images to train, 5000 to validate (20 GB). See `named` for `root` and errors."""
    return named("coco", root)


def voc(*, root: str | None = None) -> DataSpec:
    """Pascal VOC 2007 and 2012: 16551 images to train, 4952 to validate (2.8 GB). See `named`."""
    return named("VOC", root)


def named(name: str, root: str | None = None) -> DataSpec:
    """Return one of ultralytics' data sets; download it first unless it is there.

    Args:
        name: of the file in ultralytics' `cfg/datasets`, without suffix.
        root: folder for data sets; each has its own folder in it. None: `datasets` in YOLOGraft's cache folder.

    Returns:
        The data set.

    Raises:
        UserError: it is not there and cannot be downloaded.
    """
    data = recipe(name)
    place = (Path(root).expanduser().absolute() if root else cache_dir() / "datasets") / str(data["path"])
    if not _present(data, place):
        _download(data, place)
    return DataSpec(
        name=name.lower(),
        train=_paths(data, place, "train"),
        val=_paths(data, place, "val"),
        test=_paths(data, place, "test"),
        names={int(key): str(value) for key, value in data["names"].items()},
        root=str(place),
    )


def _paths(data: dict[str, Any], place: Path, split: str) -> tuple[str, ...]:
    """Return the absolute paths of a split."""
    value = data.get(split) or []
    return tuple(str(place / item) for item in (value if isinstance(value, list) else [value]))


def _present(data: dict[str, Any], place: Path) -> bool:
    """Tell whether the splits are there. Downloads appear under their name when complete, so that is enough."""
    return all(Path(path).exists() for split in ("train", "val") for path in _paths(data, place, split))


def _download(data: dict[str, Any], place: Path) -> None:
    """Fetch a data set into a folder beside its place and move it there when it is complete."""
    name = place.name
    address = data["download"] if str(data["download"]).startswith("http") else ASSETS_URL
    refusal = _unreachable(address)
    if refusal:
        raise UserError(f"{name} is not in {place} and cannot be downloaded: {refusal}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / f".{name}.lock"):  # runs of a sweep that start together download once
            if _present(data, place):
                return
            if place.exists():
                raise UserError(f"{place} is there but lacks images; remove it to download {name} again")
            stage = place.parent / f".{name}.download"
            shutil.rmtree(stage, ignore_errors=True)  # of a download that was cut off
            run_recipe(data, stage / name)
            if not _present(data, stage / name):
                raise UserError(f"{name}: the download from {address} does not hold what its description says")
            _remove_archives(stage / name)
            (stage / name).replace(place)
            shutil.rmtree(stage, ignore_errors=True)
    except UserError:
        raise
    except Exception as error:  # requests, zipfile, the recipe's own code: all mean that there is no data set
        reason = " ".join(str(error).split())
        raise UserError(f"{name} could not be downloaded to {place}: {type(error).__name__}: {reason}") from error


def _unreachable(address: str, patience: float = PATIENCE) -> str | None:
    """Return why an address cannot be reached, or None if it answers.

    Asked on a thread of its own: looking a name up can hang far longer than any time limit that can be set.
    """
    import requests  # type: ignore[import-untyped]  # slow to import, and seldom needed

    site = re.sub(r"^(\w+://[^/]+).*", r"\1", address)
    answer: list[str | None] = []

    def ask() -> None:
        try:
            with requests.get(address, stream=True, timeout=patience, allow_redirects=False) as response:
                status = response.status_code  # 404 comes from the right place, which the download will report on
                answer.append(f"{site} answers {status}" if status >= 400 and status != 404 else None)
        except requests.RequestException:
            answer.append(f"{site} cannot be reached; is there a network?")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return answer[0] if answer else f"{site} does not answer within {patience:g} s; is there a network?"


def _remove_archives(folder: Path) -> None:
    """Remove the archives that a recipe leaves among what it unpacked; COCO's take 20 GB."""
    for file in folder.rglob("*.zip"):
        file.unlink()
