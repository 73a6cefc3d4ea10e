"""One labelled set written in every form that a data set can have on disk."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import yaml
from PIL import Image


class Box(NamedTuple):
    """A labelled object; whole pixels, so that each form states it exactly."""

    cls: int
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class LabelledSet:
    """What is written.

    Attributes:
        images: image files by name.
        boxes: of each image; a background has none, or is missing.
        names: class names.
        splits: names of the images of `train`, `val` and `test`.
    """

    images: Mapping[str, Path]
    boxes: Mapping[str, Sequence[Box]]
    names: Sequence[str]
    splits: Mapping[str, Sequence[str]]

    def size(self, name: str) -> tuple[int, int]:
        """Width and height of an image, pixels."""
        with Image.open(self.images[name]) as image:
            return image.size

    def copy(self, name: str, folder: Path) -> None:
        """Put an image into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.images[name], folder / name)


#: What each form is read with (`dataset=`) and what `dataset.path` names in its folder.
FORMS = {
    "yaml": ("yolo", "data.yaml"),
    "yaml-lists": ("yolo", "data.yaml"),
    "yaml-several": ("yolo", "data.yaml"),
    "folder": ("folder", "."),
    "coco": ("coco_json", "."),
    "coco-roboflow": ("coco_json", "."),
    "voc": ("voc_xml", "."),
    "voc-beside": ("voc_xml", "."),
    "labelme": ("labelme", "."),
    "flat": ("flat", "."),
}


def write_forms(root: Path, labelled: LabelledSet) -> dict[str, tuple[str, Path]]:
    """Write a set in all forms, each into its folder below `root`; `flat` takes no notice of the splits.

    Returns:
        For each form the option of `dataset=` that reads it, and `dataset.path`.
    """
    for form in FORMS:
        write_form(form, root / form, labelled)
    return {form: (option, root / form / path) for form, (option, path) in FORMS.items()}


def write_form(form: str, root: Path, labelled: LabelledSet) -> None:
    """Write a set in one form into the folder `root`."""
    root.mkdir(parents=True)
    kind, _, layout = form.partition("-")
    {"yaml": _yaml, "folder": _folder, "coco": _coco, "voc": _voc, "labelme": _labelme, "flat": _flat}[kind](
        root, labelled, layout
    )


def _yaml(root: Path, labelled: LabelledSet, layout: str) -> None:
    description: dict[str, object] = {"path": ".", "names": dict(enumerate(labelled.names))}
    for split, names in labelled.splits.items():
        half = len(names) // 2
        parts = {f"{split}/a": names[:half], f"{split}/b": names[half:]} if layout == "several" else {split: names}
        for part, some in parts.items():
            place = "" if layout == "lists" else part
            (root / "images" / place).mkdir(parents=True, exist_ok=True)
            for name in some:
                labelled.copy(name, root / "images" / place)
                _write_rows(labelled, name, root / "labels" / place)
        if layout == "lists":
            (root / f"{split}.txt").write_text("".join(f"./images/{name}\n" for name in names), encoding="utf-8")
        description[split] = {
            "": f"images/{split}",
            "lists": f"{split}.txt",
            "several": [f"images/{part}" for part in parts],
        }[layout]
    (root / "data.yaml").write_text(yaml.safe_dump(description, allow_unicode=True), encoding="utf-8")


def _folder(root: Path, labelled: LabelledSet, layout: str) -> None:
    for split, names in labelled.splits.items():
        for name in names:
            labelled.copy(name, root / split / "images")
            _write_rows(labelled, name, root / split / "labels")
    _write_classes(labelled, root / "train" / "labels")


def _flat(root: Path, labelled: LabelledSet, layout: str) -> None:
    for name in labelled.images:
        labelled.copy(name, root)
        _write_rows(labelled, name, root)
    _write_classes(labelled, root)


def _coco(root: Path, labelled: LabelledSet, layout: str) -> None:
    ids = [3 * cls + 2 for cls in range(len(labelled.names))]
    categories = [
        {"id": id_, "name": name, "supercategory": "things"} for id_, name in zip(ids, labelled.names, strict=True)
    ]
    if layout == "roboflow":
        categories.insert(0, {"id": 0, "name": "things", "supercategory": "none"})
    for split, names in labelled.splits.items():
        images: list[dict[str, object]] = []
        annotations: list[dict[str, object]] = []
        for number, name in enumerate(reversed(names)):  # nothing depends on their order
            width, height = labelled.size(name)
            images.append({"id": 1000 - number, "file_name": name, "width": width, "height": height})
            for cls, *corners in labelled.boxes.get(name, ()):
                entry = {"id": len(annotations), "image_id": 1000 - number, "category_id": ids[cls], "bbox": corners}
                annotations.append(
                    {**entry, "iscrowd": 0, "area": corners[2] * corners[3], "segmentation": [[0, 0, 1, 1, 2, 2]]}
                )
        folder = {"train": "train", "val": "valid", "test": "test"}[split] if layout == "roboflow" else f"{split}2017"
        for name in names:
            labelled.copy(name, root / folder)
        file = root / folder / "_annotations.coco.json" if layout else root / "annotations" / f"instances_{folder}.json"
        file.parent.mkdir(exist_ok=True)
        document = {"info": {}, "images": images, "annotations": annotations, "categories": categories[::-1]}
        file.write_text(json.dumps(document), encoding="utf-8")


def _voc(root: Path, labelled: LabelledSet, layout: str) -> None:
    _write_classes(labelled, root)
    for split, names in labelled.splits.items():
        for name in names:
            images = root / split if layout else root / "VOC2007" / "JPEGImages"
            labelled.copy(name, images)
            xml = (images if layout else root / "VOC2007" / "Annotations") / Path(name).with_suffix(".xml").name
            xml.parent.mkdir(exist_ok=True)
            xml.write_text(voc_xml(labelled.size(name), labelled.boxes.get(name, ()), labelled.names), encoding="utf-8")
        if not layout:
            lists = root / "VOC2007" / "ImageSets" / "Main"
            lists.mkdir(parents=True, exist_ok=True)
            (lists / f"{split}.txt").write_text("".join(f"{Path(name).stem}\n" for name in names), encoding="utf-8")


def _labelme(root: Path, labelled: LabelledSet, layout: str) -> None:
    _write_classes(labelled, root)
    for split, names in labelled.splits.items():
        for name in names:
            labelled.copy(name, root / split)
            width, height = labelled.size(name)
            shapes = [
                {
                    "label": labelled.names[cls],
                    "shape_type": "rectangle",
                    "points": [[left + w, top], [left, top + h]],  # from any corner to the opposite one
                }
                for cls, left, top, w, h in labelled.boxes.get(name, ())
            ]
            document = {"imagePath": name, "imageWidth": width, "imageHeight": height, "shapes": shapes}
            file = (root / split / name).with_suffix(".json")
            file.write_text(json.dumps(document), encoding="utf-8")


def voc_xml(size: tuple[int, int], boxes: Sequence[Box], names: Sequence[str]) -> str:
    """Return an annotation with corners from 1, as Pascal VOC has them."""
    found = []
    for cls, left, top, width, height in boxes:
        low, high = (
            f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>",
            f"<xmax>{left + width}</xmax><ymax>{top + height}</ymax>",
        )
        head = f"  <object>\n    <name>{escape(names[cls])}</name>\n    <difficult>0</difficult>\n"
        found.append(f"{head}    <bndbox>{low}{high}</bndbox>\n  </object>\n")
    head = f"  <size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>\n"
    return f"<annotation>\n{head}{''.join(found)}</annotation>\n"


def _write_rows(labelled: LabelledSet, name: str, folder: Path) -> None:
    """Write an image's label file, with as many digits as a number has; none for a background."""
    boxes, (columns, rows) = labelled.boxes.get(name, ()), labelled.size(name)
    if not boxes:
        return
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{cls} {(left + width / 2) / columns!r} {(top + height / 2) / rows!r} {width / columns!r} {height / rows!r}\n"
        for cls, left, top, width, height in boxes
    ]
    (folder / Path(name).with_suffix(".txt").name).write_text("".join(lines), encoding="utf-8")


def _write_classes(labelled: LabelledSet, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in labelled.names), encoding="utf-8")
