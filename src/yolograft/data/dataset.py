"""The data set that training and validation read: ultralytics' own, with checked and cached labels."""

import glob
import hashlib
import io
import json
import os
import random
import tempfile
import zipfile
from dataclasses import asdict, dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from yolograft.cache import cache_dir
from yolograft.data.checks import Fault, doubtful_rows, has_doubtful, refused_rows
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError
from yolograft.stock.data import (
    IMG_FORMATS,
    LabelledImage,
    StockDataset,
    UnreadableImageError,
    UnreadableLabelsError,
    content_hash,
    full_hyp,
    img2label_paths,
    read_labelled_image,
)

Split = Literal["train", "val", "test"]

#: Changes whenever the checks or the form of the label cache change, so that old caches are not read.
CACHE_VERSION = 1

#: Below this many images a progress bar would only flicker.
PROGRESS_FROM = 1000


@dataclass
class Scan:
    """What reading a split's labels found.

    Attributes:
        images: images that are used, backgrounds among them.
        boxes: labelled objects in them.
        backgrounds: used images whose label file is missing or empty.
        skipped: images that are not used because they or their labels cannot be read, as ultralytics decides.
        duplicates_removed: rows of label files that repeat another row.
        labels_without_image: label files that belong to no image (counted in plain folders only).
        faults: where something is wrong: what made images be skipped, and doubtful boxes that are kept.
    """

    images: int = 0
    boxes: int = 0
    backgrounds: int = 0
    skipped: int = 0
    duplicates_removed: int = 0
    labels_without_image: int = 0
    faults: list[Fault] = field(default_factory=list)


class DetectionDataset(StockDataset):
    """One split of a data set; samples, augmentation and collation are ultralytics' YOLODataset's.

    Attributes:
        spec: the data set.
        split: which part of it.
        scan: what reading the labels found.
    """

    def __init__(self, spec: DataSpec, split: Split, **options: Any) -> None:
        """Find the images, read their labels (from the cache where nothing changed) and prepare the transforms.

        Args:
            spec: the data set.
            split: which part of it.
            options: of ultralytics' YOLODataset (`imgsz`, `augment`, `hyp`, …).

        Raises:
            UserError: where the split cannot be used at all.
        """
        self.spec = spec
        self.split = split
        self.scan = Scan()
        super().__init__(
            img_path=list(getattr(spec, split)),
            data=spec.as_ultralytics(),
            task="detect",
            prefix=f"{split}: ",
            **options,
        )

    def get_img_files(self, img_path: list[str]) -> list[str]:
        """List the split's images, sorted as ultralytics sorts them.

        Args:
            img_path: folders, searched with all below them, and lists of images (.txt).

        Raises:
            UserError: a folder or list that does not exist, or no images in them.
        """
        files = sorted(file for path in img_path for file in self._listed(path) if _suffix(file) in IMG_FORMATS)
        if not files:
            kinds = ", ".join(sorted(IMG_FORMATS))
            raise UserError(f"{self.prefix}no images in {', '.join(img_path)} (looked for {kinds})")
        count = self.fraction if isinstance(self.fraction, int) else max(1, round(len(files) * self.fraction))
        return files[:count]

    def _listed(self, path: str) -> list[str]:
        """Return the files in a folder, or the lines of a list."""
        place = Path(path)
        if place.is_dir():  # not Path.rglob: that takes hidden files (macOS leaves ._a.jpg) and ends at linked folders
            return glob.glob(str(Path(glob.escape(path)) / "**" / "*.*"), recursive=True)  # noqa: PTH207
        if not place.is_file():
            raise UserError(f"{self.prefix}{path} does not exist; a split is a folder of images or a .txt list of them")
        if _suffix(path) != "txt":
            raise UserError(f"{self.prefix}{path} is neither a folder of images nor a .txt list of them")
        try:
            lines = place.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{self.prefix}{path} is not a list of images in UTF-8: {error.reason}") from None
        return [str(self._resolved(line.strip(), place.parent)) for line in lines if line.strip()]

    def _resolved(self, line: str, folder: Path) -> Path:
        """Return the path that a line of a list means: beside the list, or in the data set's folder."""
        beside, below_root = folder / line, Path(self.spec.root) / line
        return below_root if not beside.exists() and below_root.exists() else beside

    def get_label_files(self) -> list[str]:
        """Return each image's label file; an empty name where the file is a labelling tool's list of classes."""
        files = img2label_paths(self.im_files)
        self.label_files = ["" if Path(file).name == "classes.txt" else file for file in files]
        return self.label_files

    def get_labels(self) -> list[dict[str, Any]]:
        """Return ultralytics' label dictionaries of the images that can be used, and keep them as `im_files`.

        Raises:
            UserError: no image can be used, or nothing is labelled in the split that is to be trained on.
        """
        self.get_label_files()
        cache = cache_dir() / "labels" / f"{self._cache_key()}.cache"
        content = content_hash(self.label_files + self.im_files)
        scanned = _load_cache(cache, content) or self._read_all()
        if scanned.fresh:
            _save_cache(cache, content, scanned)
        total = len(self.im_files)
        self.scan = Scan(
            images=len(scanned.kept),
            boxes=int(sum(scanned.counts)),
            backgrounds=int(sum(count == 0 for count in scanned.counts)),
            skipped=total - len(scanned.kept),
            duplicates_removed=scanned.duplicates,
            labels_without_image=self._labels_without_image(),
            faults=scanned.faults,
        )
        self._stop_if_useless(total)
        labels = scanned.as_labels(self.im_files)
        self.im_files = [label["im_file"] for label in labels]
        return labels

    def _cache_key(self) -> str:
        """Return the name of the label cache: what is read, not what is in it, so that a change replaces the file."""
        what = [CACHE_VERSION, list(self.img_path), self.spec.nc, self.single_cls, self.fraction]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]

    def _read_all(self) -> "_Scanned":
        """Read and check every image and its labels, several at a time."""
        pairs = list(zip(self.im_files, self.label_files, strict=True))
        with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
            results = tqdm(
                pool.imap(self._read_one, pairs, chunksize=16),
                total=len(pairs),
                desc=f"{self.prefix}reading labels",
                disable=len(pairs) < PROGRESS_FROM,
                leave=False,
            )
            return _Scanned.gather(list(results))

    def _read_one(self, pair: tuple[str, str]) -> tuple[LabelledImage | None, list[Fault]]:
        """Read one image and its label file; return its labels, if it can be used, and what is wrong with it."""
        image, label = pair
        try:
            read = read_labelled_image(image, label, self.spec.nc, self.single_cls)
        except UnreadableImageError as error:
            return None, [Fault(image, None, str(error))]
        except UnreadableLabelsError as error:
            return None, refused_rows(label, self.spec.nc, self.single_cls) or [Fault(label, None, str(error))]
        return read, doubtful_rows(label) if has_doubtful(read.rows) else []

    def _labels_without_image(self) -> int:
        """Count the label files that belong to no image."""
        if self.fraction != 1.0 or not all(Path(path).is_dir() for path in self.img_path):
            return 0  # a selection: labels of what was not selected are no fault
        known = {Path(file) for file in self.label_files if file}
        folders = {file.parent for file in known} - {Path(file).parent for file in self.im_files}
        found = (file for folder in folders if folder.is_dir() for file in folder.glob("*.txt"))
        return sum(file not in known and file.name != "classes.txt" for file in found)

    def _stop_if_useless(self, total: int) -> None:
        """Raise UserError where the split cannot serve its purpose."""
        if not self.scan.images:
            first = "; ".join(str(fault) for fault in self.scan.faults[:3])
            raise UserError(f"{self.prefix}none of the {total} images can be used: {first}")
        if self.scan.boxes:
            return
        example = next((file for file in self.label_files if file), "")
        message = f"no labelled object in {self.scan.images} images (looked for labels such as {example})"
        if self.split == "train":
            skipped = "".join(f"; skipped: {fault}" for fault in self.scan.faults[:1])
            raise UserError(f"{self.prefix}{message}{skipped}")
        self.scan.faults.append(Fault(self.img_path[0], None, f"{message}; its metrics mean nothing"))


def build_dataset(
    spec: DataSpec,
    split: Split,
    hyp: Any,
    imgsz: int,
    batch: int,
    stride: int = 32,
    *,
    augment: bool,
    rect: bool,
    fraction: float = 1.0,
    single_cls: bool = False,
    cache: bool | str = False,
    classes: list[int] | None = None,
) -> DetectionDataset:
    """Build one split as ultralytics' `build_yolo_dataset` would; leave the global random states as they are.

    Args:
        spec: the data set.
        split: `train`, `val` or `test`.
        hyp: augmentation values by ultralytics' names, as attributes; what is not given is ultralytics' default.
        imgsz: length of an image's longer side, pixels.
        batch: images per batch; with `rect`, images of one batch share a shape.
        stride: the model's largest stride; batch shapes are multiples of it.
        augment: augment (training); also decides, as in ultralytics, by how much `rect` shapes are padded: not at all,
            else by half a stride.
        rect: rectangular batches, sorted by aspect ratio; switches mosaic off.
        fraction: use this share of the images, or with a whole number above 1 this many.
        single_cls: take all classes for one.
        cache: keep decoded images: True or "ram" in memory, "disk" in YOLOGraft's cache folder.
        classes: keep boxes of these classes only.

    Returns:
        The data set, its labels read; `scan` says what was found.

    Raises:
        UserError: the split is not there, is empty or cannot be used.
    """
    if not getattr(spec, split):
        raise UserError(f"data set {spec.name} has no {split} split")
    if fraction <= 0:
        raise UserError(f"fraction={fraction} leaves no images; use a share up to 1.0")
    states = random.getstate(), np.random.get_state()
    try:
        return DetectionDataset(
            spec,
            split,
            hyp=full_hyp(hyp),
            imgsz=imgsz,
            batch_size=batch,
            stride=stride,
            augment=augment,
            rect=rect,
            pad=0.0 if augment else 0.5,
            fraction=fraction,
            single_cls=single_cls,
            cache=cache or None,
            classes=classes,
        )
    finally:  # estimating whether the images fit into memory draws random numbers
        random.setstate(states[0])
        np.random.set_state(states[1])


def _suffix(file: str) -> str:
    """Return a file's suffix in small letters, without the point."""
    return file.rpartition(".")[-1].lower()


@dataclass
class _Scanned:
    """The labels of a split in flat arrays, as the cache keeps them: no pickle, so nothing in it is ever executed.

    Attributes:
        kept: [images] index of each used image among the split's images.
        shapes: [images, 2] height and width.
        counts: [images] rows per image.
        rows: [boxes, 5] class and box.
        lengths: points per polygon, or empty where labels are boxes; one polygon per row.
        points: [all points, 2] of the polygons.
        duplicates: rows removed.
        faults: what is wrong, with the files' names.
        fresh: not from the cache.
    """

    kept: np.ndarray
    shapes: np.ndarray
    counts: np.ndarray
    rows: np.ndarray
    lengths: np.ndarray
    points: np.ndarray
    duplicates: int
    faults: list[Fault]
    fresh: bool = True

    @classmethod
    def gather(cls, results: list[tuple[LabelledImage | None, list[Fault]]]) -> "_Scanned":
        """Join the results for each image."""
        kept = [index for index, (read, _) in enumerate(results) if read]
        images = [read for read, _ in results if read]
        rows = np.concatenate([np.zeros((0, 5), np.float32), *(image.rows for image in images)])
        polygons = [polygon for image in images for polygon in image.segments]
        if len(polygons) != len(rows):
            polygons = []  # some files hold boxes, others polygons: boxes serve for all, as in ultralytics
        return cls(
            kept=np.array(kept, np.int64),
            shapes=np.array([image.shape for image in images], np.int64).reshape(-1, 2),
            counts=np.array([len(image.rows) for image in images], np.int64),
            rows=rows,
            lengths=np.array([len(polygon) for polygon in polygons], np.int64),
            points=np.concatenate([np.zeros((0, 2), np.float32), *polygons]),
            duplicates=sum(image.duplicates for image in images),
            faults=[fault for _, faults in results for fault in faults],
        )

    def as_labels(self, images: list[str]) -> list[dict[str, Any]]:
        """Return the label dictionaries that YOLODataset works with; `images`: all images of the split."""
        first = np.cumsum([0, *self.counts])
        rows = np.split(self.rows, first[1:-1])
        polygons = np.split(self.points, np.cumsum(self.lengths)[:-1]) if len(self.lengths) else []
        return [
            {
                "im_file": images[index],
                "shape": (int(shape[0]), int(shape[1])),
                "cls": row[:, 0:1].copy(),
                "bboxes": row[:, 1:].copy(),
                "segments": polygons[start : start + len(row)],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
            for index, shape, row, start in zip(self.kept, self.shapes, rows, first[:-1], strict=True)
        ]


_ARRAYS = ("kept", "shapes", "counts", "rows", "lengths", "points")


def _load_cache(file: Path, content: str) -> _Scanned | None:
    """Return what an earlier scan found, unless a file has changed since."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as stored:
            head = json.loads(str(stored["head"]))
            if head["content"] != content:
                return None
            arrays = {name: stored[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or cut off when it was written
    faults = [Fault(**fault) for fault in head["faults"]]
    return _Scanned(**arrays, duplicates=head["duplicates"], faults=faults, fresh=False)


def _save_cache(file: Path, content: str, scanned: _Scanned) -> None:
    """Keep what a scan found; complete under its name or not at all. Where that fails, the next run scans again."""
    head = {
        "content": content,
        "duplicates": scanned.duplicates,
        "faults": [asdict(fault) for fault in scanned.faults],
    }
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".tmp", delete=False) as stream:
            temporary = Path(stream.name)
            np.savez(stream, head=np.array(json.dumps(head)), **{name: getattr(scanned, name) for name in _ARRAYS})
        temporary.replace(file)
    except OSError:  # a full disk, or on Windows another process that is reading the file
        if temporary:
            temporary.unlink(missing_ok=True)
