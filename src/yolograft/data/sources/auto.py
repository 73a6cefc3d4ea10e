"""Any data set on disk, whatever its form: recognised by looking."""

import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from yolograft.data.places import entries, given_path, is_folder
from yolograft.data.sources import coco, flat, folder, labelme, voc, yolo
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError

log = logging.getLogger(__name__)

Format = Literal["auto", "yolo", "folder", "coco", "voc", "labelme", "flat"]

#: The forms, the most explicit first: a data.yaml says what is meant, a folder of images says least.
_FORMS: dict[str, tuple[Callable[[Path], str | None], Callable[[str], DataSpec]]] = {
    "yolo": (yolo.recognise, lambda path: yolo.yolo(path=path)),
    "folder": (folder.recognise, lambda path: folder.folder(path=path)),
    "coco": (coco.recognise, lambda path: coco.coco(path=path)),
    "voc": (voc.recognise, lambda path: voc.voc(path=path)),
    "labelme": (labelme.recognise, lambda path: labelme.labelme(path=path)),
    "flat": (flat.recognise, lambda path: flat.flat(path=path)),
}

_SUFFIXES = {".yaml": "yolo", ".yml": "yolo", ".json": "coco"}


def auto(*, path: str, format: Format = "auto") -> DataSpec:
    """Read a data set in the first of these forms that fits: yolo, folder, coco, voc, labelme, flat.

    Args:
        path: the folder of the data set, a data.yaml or a COCO JSON file.
        format: one of them, where another than the first one that fits is meant.

    Returns:
        The data set.

    Raises:
        UserError: none fits, or the one that does is not in order.
    """
    place = given_path(path, "dataset=auto dataset.path=FOLDER")
    return _FORMS[_recognise(place) if format == "auto" else format][1](str(place))


def _recognise(place: Path) -> str:
    """Return the form that a file or folder has."""
    if not is_folder(place):
        if form := _SUFFIXES.get(place.suffix.lower()):
            return form
        raise UserError(f"dataset.path: {place} is neither a folder nor a data.yaml nor a COCO JSON file")
    found: dict[str, str] = {}
    for form, (recognise, _) in _FORMS.items():
        if not (found and form == "flat") and (seen := recognise(place)):  # flat fits whatever has images and text
            found[form] = seen
    if not found:
        raise UserError(
            f"{place}: no form of data set is recognised: no data.yaml, no train/images, no COCO JSON, "
            f"no Pascal VOC XML, no labelme JSON, no images with .txt labels; it holds {_content(place)}"
        )
    form, *others = found
    log.info("%s: read as %s (it has %s)", place, form, found[form])
    if others:
        also = ", ".join(f"{other} ({found[other]})" for other in others)
        log.warning("%s: could be read as %s, too; dataset.format=%s does", place, also, others[0])
    return form


def _content(folder: Path) -> str:
    """Say in short what a folder holds."""
    inside = entries(folder)
    folders = [entry.name for entry in inside if is_folder(entry)]
    kinds = Counter(entry.suffix or entry.name for entry in inside if entry.name not in folders)
    said = [f"{count} {kind}" for kind, count in kinds.most_common(5)]
    if folders:
        said.insert(0, f"the folders {', '.join(folders[:5])}{', …' if len(folders) > 5 else ''}")
    return ", ".join(said) or "nothing"
