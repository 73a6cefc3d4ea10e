"""Reading all labels of a split once: flat arrays, cached until a file changes."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from yolograft.common.cache import cache_dir
from yolograft.data.checks import Fault, by_weight, kinds, merged
from yolograft.data.kept import load_arrays, save_arrays
from yolograft.data.labels.pose import fits_key_points
from yolograft.data.labels.reader import LabelReader, Labels, UnreadableLabelsError
from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.spec import DataSpec
from yolograft.upstream.data import content_hash
from yolograft.upstream.images import THUMBNAIL, ImageFacts, UnreadableImageError, ValueRange, inspect_image

#: Changes whenever the checks or the form of the cache change, so that old caches are not read.
CACHE_VERSION = 5

#: A split that a larger share of its objects is left out of is warned about.
MANY = 0.05

#: Below this many images a progress bar would only flicker.
PROGRESS_FROM = 1000

_ARRAYS = ("kept", "shapes", "counts", "rows", "lengths", "points", "thumbnails")


@dataclass
class Scan:
    """The labels of a split in flat arrays, as the cache keeps them: no pickle, so nothing in it is ever executed.

    Attributes:
        kept: [images] index of each image that can be used among the split's images.
        shapes: [images, 2] height and width, pixels.
        counts: [images] boxes per image.
        rows: Float32 [boxes, 5] class, centre x, centre y, width, height in fractions.
        lengths: Points per polygon, or empty where labels are boxes; one polygon per row.
        points: Float32 [all points, 2] of the polygons, in fractions.
        thumbnails: Uint8 [images, 32, 32], grey.
        faults: What is wrong or unusual, with the files' names.
        total: Images that the split lists, those that cannot be used among them.
        fresh: Read now, not taken from the cache.
    """

    kept: np.ndarray
    shapes: np.ndarray
    counts: np.ndarray
    rows: np.ndarray
    lengths: np.ndarray
    points: np.ndarray
    thumbnails: np.ndarray
    faults: list[Fault] = field(default_factory=list)
    total: int = 0
    fresh: bool = True

    @property
    def images(self) -> int:
        """Images that are used, backgrounds among them."""
        return len(self.kept)

    @property
    def boxes(self) -> int:
        """Labelled objects in them."""
        return len(self.rows)

    @property
    def backgrounds(self) -> int:
        """Used images in which nothing is labelled."""
        return int((self.counts == 0).sum())

    @property
    def skipped(self) -> int:
        """Images that are left out because they or their labels cannot be read."""
        return self.total - self.images

    def summary(self, limit: int = 100) -> dict[str, Any]:
        """Return what run.json says of it.

        Args:
            limit: How many faults are written out; `kinds` counts them all.
        """
        return {
            "images": self.images,
            "boxes": self.boxes,
            "backgrounds": self.backgrounds,
            "skipped": self.skipped,
            "kinds": kinds(self.faults),
            "faults": [asdict(fault) for fault in by_weight(self.faults)[:limit]],
        }

    def fingerprint(self, images: Sequence[str]) -> str:
        """Return a hash of what is trained on: file names, pictures (as thumbnails) and labels, wherever they lie.

        Args:
            images: The split's images, as given to `scan`.
        """
        names = "\0".join(Path(images[index]).name for index in self.kept)
        digest = hashlib.sha256(names.encode("utf-8", "surrogateescape"))
        for array in (self.shapes, self.counts, self.rows, self.lengths, self.points, self.thumbnails):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]

    def as_labels(self, images: Sequence[str]) -> list[dict[str, Any]]:
        """Return the label dictionaries that YOLODataset works with; `images`: all images of the split."""
        first = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)
        rows = np.split(self.rows, first[1:-1]) if self.images else []
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


def scan(
    images: Sequence[str],
    reader: LabelReader,
    nc: int,
    *,
    single_cls: bool = False,
    name: str = "",
    place: Sequence[str] | None = None,
    value_range: ValueRange | None = None,
) -> Scan:
    """Read and check images and their labels, several at a time; from the cache where nothing has changed.

    Args:
        images: The images.
        reader: Finds and reads their labels.
        nc: Number of classes.
        single_cls: Class numbers do not matter.
        name: What the progress bar says, such as `train`.
        place: What the images were found in; when that changes, the cache of its former state is replaced.
        value_range: Values of images of more than 8 bits that become 0 and 255.
    """
    files = reader.files(images)
    what = [CACHE_VERSION, repr(reader), nc, single_cls, value_range, list(images if place is None else place)]
    key = hashlib.sha256(json.dumps(what).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    cache = cache_dir() / "labels" / f"{key}.npz"
    content = content_hash([*(file for file in files if file), *images])
    found = _load(cache, content)
    if found is None:
        found = _read_all(images, files, reader, nc, single_cls, name, value_range)
        _save(cache, content, found)
    found.total = len(images)
    found.faults = reader.matched(images, files) + found.faults
    return found


def scan_split(
    spec: DataSpec, split: str, images: Sequence[str], *, fraction: float = 1.0, single_cls: bool = False
) -> Scan:
    """Read a split of a data set; whoever asks for the same split finds what was read before.

    Args:
        spec: The data set.
        split: `train`, `val` or `test`.
        images: Those that the split lists, or the share of them that is used.
        fraction: That share.
        single_cls: Class numbers do not matter.
    """
    place = [*getattr(spec, split), f"{fraction:g}"]
    found = scan(images, spec.labels, spec.nc, single_cls=single_cls, name=split, place=place, value_range=spec.range)
    found.faults += [*_many_ignored(spec, split, found), *_pose(spec, split, found)]
    return found


def _many_ignored(spec: DataSpec, split: str, found: Scan) -> list[Fault]:
    """Say where so many objects are left out that they are hardly the exceptions that their marks are meant for."""
    ignored = [fault for fault in found.faults if fault.kind == "ignored"]
    count = sum(fault.count for fault in ignored)
    if count <= MANY * (count + found.boxes):
        return []
    message = (
        f"{split}: {count} of {count + found.boxes} objects ({count / (count + found.boxes):.0%}) are not trained or "
        f"validated on, the first being {ignored[0].message}"
    )
    return [Fault(ignored[0].file, ignored[0].line, message, "many-ignored")]


def _pose(spec: DataSpec, split: str, found: Scan) -> list[Fault]:
    """Report rows that could be polygons as well as pose labels, where `kpt_shape` is not set."""
    reader = spec.labels
    shape = fits_key_points(found.lengths, found.points) if isinstance(reader, YoloLabels) else None
    if not shape or not isinstance(reader, YoloLabels) or reader.keypoints is not None:
        return []
    message = (
        f"{split}: each of the {len(found.lengths)} rows has {5 + shape[0] * shape[1]} columns that are as good a box "
        f"with {shape[0]} key points as a polygon; say in the data.yaml kpt_shape: [{shape[0]}, {shape[1]}], "
        "or kpt_shape: [0, 0] if they are polygons"
    )
    return [Fault(spec.root, None, message, "pose")]


_Read = tuple[ImageFacts, Labels]


def _read_all(
    images: Sequence[str],
    files: Sequence[str],
    reader: LabelReader,
    nc: int,
    single_cls: bool,
    name: str,
    value_range: ValueRange | None,
) -> Scan:
    def read_one(pair: tuple[str, str]) -> tuple[_Read | None, list[Fault]]:
        image, file = pair
        try:
            facts = inspect_image(image, value_range)
        except UnreadableImageError as error:
            return None, [Fault(image, None, str(error), error.kind)]
        notes = [Fault(image, None, message, kind) for kind, message in facts.notes]
        try:
            labels = reader.read(image, file, facts.shape, nc, single_cls)
        except UnreadableLabelsError as error:
            return None, [*error.faults, *notes]
        return (facts, labels), [*labels.faults, *notes]

    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        results = tqdm(
            pool.imap(read_one, zip(images, files, strict=True), chunksize=16),
            total=len(images),
            desc=f"{name}: reading labels",
            disable=len(images) < PROGRESS_FROM,
            leave=False,
        )
        return _gather(list(results))


def _gather(results: list[tuple[_Read | None, list[Fault]]]) -> Scan:
    """Join the results for each image."""
    kept = [index for index, (read, _) in enumerate(results) if read]
    facts, labels = [read[0] for read, _ in results if read], [read[1] for read, _ in results if read]
    rows = np.concatenate([np.zeros((0, 5), np.float32), *(label.rows for label in labels)])
    polygons = [polygon for label in labels for polygon in label.segments]
    if len(polygons) != len(rows):
        polygons = []  # some files hold boxes, others polygons: boxes serve for all, as in ultralytics
    return Scan(
        kept=np.array(kept, np.int64),
        shapes=np.array([fact.shape for fact in facts], np.int64).reshape(-1, 2),
        counts=np.array([len(label.rows) for label in labels], np.int64),
        rows=rows,
        lengths=np.array([len(polygon) for polygon in polygons], np.int64),
        points=np.concatenate([np.zeros((0, 2), np.float32), *polygons]),
        thumbnails=np.array([fact.thumbnail for fact in facts], np.uint8).reshape(-1, THUMBNAIL, THUMBNAIL),
        faults=merged(_one_kind_of_polygon([fault for _, faults in results for fault in faults])),
    )


def _one_kind_of_polygon(faults: list[Fault]) -> list[Fault]:
    """Take rows of four corners for turned boxes only where a split has no other polygons."""
    polygon = next((fault for fault in faults if fault.kind == "polygons"), None)
    if polygon is None:
        return faults
    return [
        replace(fault, kind=polygon.kind, message=polygon.message) if fault.kind == "turned-boxes" else fault
        for fault in faults
    ]


def _load(file: Path, content: str) -> Scan | None:
    """Return what an earlier scan found, unless a file has changed since."""
    stored = load_arrays(file)
    if stored is None:
        return None
    head = json.loads(str(stored["head"]))
    if head["content"] != content:
        return None
    arrays: dict[str, Any] = {name: stored[name] for name in _ARRAYS}
    return Scan(**arrays, faults=[Fault(**fault) for fault in head["faults"]], fresh=False)


def _save(file: Path, content: str, found: Scan) -> None:
    """Keep what a scan found. Where that fails, the next run scans again."""
    head = {"content": content, "faults": [asdict(fault) for fault in found.faults]}
    save_arrays(file, {"head": np.array(json.dumps(head)), **{name: getattr(found, name) for name in _ARRAYS}})
