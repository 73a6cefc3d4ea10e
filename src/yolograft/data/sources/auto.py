"""Any data set on disk, whatever its form: recognised by looking."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from yolograft.common.errors import UserError
from yolograft.data.places import entries, given_path, is_folder
from yolograft.data.sources import coco, flat, folder, labelme, voc, yolo
from yolograft.data.sources.layout import settle
from yolograft.data.spec import DataSpec

Format = Literal["auto", "yolo", "folder", "coco", "voc", "labelme", "flat"]


class _Form(NamedTuple):
    """How a form is recognised in a folder, how it is read there, and how where it is asked for by name."""

    recognise: Callable[[Path], str | None]
    read: Callable[[Path], DataSpec]
    source: Callable[[str], DataSpec]
    labels: str


#: The forms, the most explicit first: a data.yaml says what is meant, a folder of images says least.
_FORMS = {
    "yolo": _Form(yolo.recognise, yolo.read, lambda path: yolo.yolo(path=path), "text"),
    "folder": _Form(folder.recognise, folder.read, lambda path: folder.folder(path=path), "text"),
    "coco": _Form(coco.recognise, coco.read, lambda path: coco.coco(path=path), "coco"),
    "voc": _Form(voc.recognise, voc.read, lambda path: voc.voc(path=path), "voc"),
    "labelme": _Form(labelme.recognise, labelme.read, lambda path: labelme.labelme(path=path), "labelme"),
    "flat": _Form(flat.recognise, flat.read, lambda path: flat.flat(path=path), "text"),
}

_SUFFIXES = {".yaml": "yolo", ".yml": "yolo", ".json": "coco"}

#: Bytes of JSON that are parsed only to know whether they could be read instead.
_SMALL = 50_000_000


def auto(*, path: str, format: Format = "auto") -> DataSpec:
    """Read a data set in the first of these forms that fits: yolo, folder, coco, voc, labelme, flat.

    Args:
        path: The folder of the data set, a data.yaml or a COCO JSON file.
        format: One of them, where another than the first one that fits is meant.

    Returns:
        The data set.

    Raises:
        UserError: None fits, or the one that does is not in order.
    """
    place = given_path(path, "dataset=auto dataset.path=FOLDER")
    if format != "auto":
        return _FORMS[format].source(str(place))
    if is_folder(place):
        return settle(place, _read, _holds)
    if form := _SUFFIXES.get(place.suffix.lower()):
        return _FORMS[form].source(str(place))
    raise UserError(f"dataset.path: {place} is neither a folder nor a data.yaml nor a COCO JSON file")


def _holds(root: Path) -> bool:
    return any(form.recognise(root) for name, form in _FORMS.items() if name != "flat") or flat.holds(root)


def _read(root: Path) -> DataSpec:
    """Read the data set in a folder in the first form that fits, and note which others would have."""
    found: dict[str, str] = {}
    for name, form in _FORMS.items():
        if not (found and name == "flat") and (shown := form.recognise(root)):  # flat fits what has images and text
            found[name] = shown
    if not found:
        raise UserError(
            f"{root}: no form of data set is recognised: no data.yaml, no train/images, no COCO JSON, "
            f"no Pascal VOC XML, no labelme JSON, no images with .txt labels; it holds {_content(root)}"
        )
    chosen, *others = found
    spec = _FORMS[chosen].read(root)
    # Text labels described twice are one and the same; and who follows a hint must not be refused.
    others = [name for name in others if _FORMS[name].labels != _FORMS[chosen].labels and _works(name, root)]
    if not others:
        return spec
    also = ", ".join(f"{name} ({found[name]})" for name in others)
    note = f"could be read as {also}, too; dataset.format={others[0]} does"
    return replace(spec, notes=(*spec.notes, note))


def _works(name: str, root: Path) -> bool:
    """Tell whether a data set can be read in another form, where that is known soon."""
    if name == "coco" and sum(file.stat().st_size for file in coco.files(root)) > _SMALL:
        return False
    try:
        _FORMS[name].read(root)
    except UserError:
        return False
    return True


def _content(folder: Path) -> str:
    """Say in short what a folder holds."""
    inside = entries(folder)
    folders = [entry.name for entry in inside if is_folder(entry)]
    kinds = Counter(entry.suffix or entry.name for entry in inside if entry.name not in folders)
    said = [f"{count} {kind}" for kind, count in kinds.most_common(5)]
    if folders:
        said.insert(0, f"the folders {', '.join(folders[:5])}{', …' if len(folders) > 5 else ''}")
    return ", ".join(said) or "nothing"
