"""Shapes on textured ground: a small data set made on the spot, to try things without a download.

Nothing but its outline gives an object's class away: colours, fillings, sizes and angles are drawn alike for all.
"""

import hashlib
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from yolograft.common.cache import cache_dir
from yolograft.common.errors import UserError
from yolograft.data.spec import DataSpec

CLASSES = ("circle", "square", "triangle", "star")

#: Raise whenever the pictures change, so that sets made before are not taken for the new ones.
VERSION = 2

#: Written last, so a folder that has it is whole.
MARKER = "finished.json"

#: Radius of an object, as a share of the side, drawn evenly on a logarithmic scale; from where on can be chosen.
SMALLEST, LARGEST = 0.08, 0.28

#: How much of an object must stay visible beneath others, and inside the image.
VISIBLE, INSIDE = 0.65, 0.85

#: Share of images without any object.
BACKGROUNDS = 0.04

#: Below this many images a progress bar would only flicker.
PROGRESS_FROM = 500


def shapes(
    *,
    train: int = 256,
    val: int = 64,
    size: int = 160,
    max_objects: int = 6,
    smallest: float = 0.08,
    seed: int = 0,
) -> DataSpec:
    """Make the data set in YOLOGraft's cache folder, unless it is there; the same options give the same pixels.

    Args:
        train: Number of images to train on.
        val: Number of images to validate on.
        size: Side of the square images, pixels.
        max_objects: Objects per image at most; their number is drawn evenly from 1 on.
        smallest: Radius of the smallest objects, as a share of the image's side.
        seed: Seeds the pictures; nothing else does.

    Returns:
        The data set: circles, squares, triangles and stars.

    Raises:
        UserError: An option is out of range.
    """
    options = {"train": train, "val": val, "size": size, "max_objects": max_objects, "seed": seed}
    for name, least in (("train", 1), ("val", 1), ("size", 32), ("max_objects", 1), ("seed", 0)):
        if options[name] < least:
            raise UserError(f"dataset.{name}={options[name]} is too small; it must be {least} or more")
    if not 0.02 <= smallest <= LARGEST:
        raise UserError(f"dataset.smallest={smallest} is out of range; it must be from 0.02 to {LARGEST}")
    options["version"] = VERSION
    named = options if smallest == SMALLEST else {**options, "smallest": smallest}  # sets of before keep their names
    key = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]
    root = cache_dir() / "shapes" / key
    if not (root / MARKER).is_file():
        _make(root, {**options, "smallest": smallest})
    return DataSpec(
        name="shapes",
        train=(str(root / "images" / "train"),),
        val=(str(root / "images" / "val"),),
        test=(),
        names=dict(enumerate(CLASSES)),
        root=str(root),
    )


def _make(root: Path, options: dict[str, Any]) -> None:
    """Make the set in a folder beside its place, then give it its name; of two at once, the second is thrown away."""
    root.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(root.parent)
    build = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        total = options["train"] + options["val"]
        with tqdm(total=total, desc="making shapes", disable=total < PROGRESS_FROM, leave=False) as progress:
            for number, split in enumerate(("train", "val")):
                images, labels = build / "images" / split, build / "labels" / split
                images.mkdir(parents=True)
                labels.mkdir(parents=True)
                for index in range(options[split]):
                    # a generator for each image: a picture does not depend on how many there are
                    rng = np.random.default_rng([options["seed"], number, index])
                    image, rows = _draw(rng, options["size"], options["max_objects"], options["smallest"])
                    _write(image, images / f"{index:06d}.png")
                    text = "".join(f"{kind} {' '.join(f'{value:.6f}' for value in box)}\n" for kind, box in rows)
                    (labels / f"{index:06d}.txt").write_text(text, encoding="utf-8", newline="\n")
                    progress.update()
        (build / MARKER).write_text(json.dumps(options), encoding="utf-8")
        _publish(build, root)
    finally:
        shutil.rmtree(build, ignore_errors=True)


def _publish(build: Path, root: Path) -> None:
    """Give a finished set its name, unless another process was faster."""
    if root.exists() and not (root / MARKER).is_file():  # somebody removed files from it
        shutil.rmtree(root, ignore_errors=True)
    try:
        build.rename(root)
    except OSError:
        if not (root / MARKER).is_file():
            raise


def _remove_abandoned(folder: Path, age: float = 86400.0) -> None:
    """Remove what builds that were killed over a day ago left."""
    for build in folder.glob(".*-*"):
        try:
            if time.time() - build.stat().st_mtime > age:
                shutil.rmtree(build, ignore_errors=True)
        except FileNotFoundError:
            continue  # finished, or removed by another process


def _write(image: np.ndarray, file: Path) -> None:
    """Write a PNG; not with cv2.imwrite, which on Windows cannot write to folders with other than ASCII names."""
    _, data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    file.write_bytes(data.tobytes())


Row = tuple[int, tuple[float, float, float, float]]


def _draw(rng: np.random.Generator, size: int, max_objects: int, smallest: float) -> tuple[np.ndarray, list[Row]]:
    """Draw one image.

    Returns:
        The image, uint8 [size, size, 3] BGR, and for each object its class and box (centre x, y, width, height as
        fractions of the image). A box spans the whole object, also where another one lies over it.
    """
    image = _ground(rng, size)
    _clutter(rng, image)
    rows: list[Row] = []
    masks: list[np.ndarray] = []  # what is visible of each object so far
    areas: list[float] = []
    wanted = 0 if rng.random() < BACKGROUNDS else int(rng.integers(1, max_objects + 1))
    for _ in range(wanted):
        for _attempt in range(10):
            kind = int(rng.integers(len(CLASSES)))
            outline = _outline(rng, kind, size, smallest)
            mask = np.zeros((size, size), np.uint8)
            _fill(mask, outline, 255)
            area = float(cv2.contourArea(outline.astype(np.float32)))
            solid = mask > 127
            if solid.sum() < INSIDE * area:
                continue
            if any((seen & ~solid).sum() < VISIBLE * whole for seen, whole in zip(masks, areas, strict=True)):
                continue
            _paint(rng, image, mask, outline)
            masks = [seen & ~solid for seen in masks] + [solid]
            areas.append(float(solid.sum()))
            rows.append((kind, _box(outline, size)))
            break
    image += rng.normal(0, rng.uniform(1, 7), image.shape)
    return np.clip(image, 0, 255).astype(np.uint8), rows


def _outline(rng: np.random.Generator, kind: int, size: int, smallest: float) -> np.ndarray:
    """Return the corners [n, 2] (x, y in pixels) of an object of a random size, place, angle and proportion."""
    if kind == 0:
        angles, radii = np.linspace(0, 2 * np.pi, 48, endpoint=False), np.ones(48)
    elif kind in (1, 2):
        corners = 4 if kind == 1 else 3
        angles, radii = np.arange(corners) * 2 * np.pi / corners, np.full(corners, 1.1)
    else:
        angles, radii = np.arange(10) * np.pi / 5, np.where(np.arange(10) % 2, 0.5, 1.15)
    radius = size * np.exp(rng.uniform(np.log(smallest), np.log(LARGEST)))
    turn, stretch = rng.uniform(0, 2 * np.pi), rng.uniform(1.0, 1.12)
    points = np.stack([np.cos(angles) * stretch, np.sin(angles)], 1) * radii[:, None] * radius
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray(points @ rotation.T + rng.uniform(0.03, 0.97, 2) * size)


def _fill(canvas: np.ndarray, outline: np.ndarray, value: float | tuple[float, float, float]) -> None:
    """Fill a polygon with smooth edges, its corners placed to 1/16 pixel."""
    colour = value if isinstance(value, tuple) else (value,)
    cv2.fillPoly(canvas, [np.round((outline - 0.5) * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)


def _box(outline: np.ndarray, size: int) -> tuple[float, float, float, float]:
    """Return the part of an outline's box that is inside the image: centre x, y, width, height as fractions."""
    (left, top), (right, bottom) = (np.clip(corner / size, 0, 1) for corner in (outline.min(0), outline.max(0)))
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return a random colour, float BGR."""
    hsv = np.uint8([[[rng.integers(180), rng.integers(40, 256), rng.integers(40, 256)]]])  # type: ignore[arg-type]
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0], np.float32)


def _colour_unlike(rng: np.random.Generator, other: np.ndarray, distance: float = 110.0) -> np.ndarray:
    """Return a random colour that differs visibly from another one."""
    colour = _colour(rng)
    while np.linalg.norm(colour - other) < distance:
        colour = _colour(rng)
    return colour


def _blend(rng: np.random.Generator, first: np.ndarray, second: np.ndarray, size: int) -> np.ndarray:
    """Return a field [size, size, 3] that goes from one colour to the other: in a slope, in stripes or in patches."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.cos(angle) * x + np.sin(angle) * y
    style = rng.integers(4)
    if style == 0:
        share = (slope - slope.min()) / (np.ptp(slope) + 1e-6)
    elif style == 1:
        share = 0.5 + 0.5 * np.sin(slope * rng.uniform(15, 70))
    elif style == 2:
        cells = int(rng.integers(3, 9))
        share = cv2.resize(rng.random((cells, cells), np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    else:
        share = ((np.floor(x * rng.integers(4, 12)) + np.floor(y * rng.integers(4, 12))) % 2).astype(np.float32)
    return np.asarray(first + np.clip(share, 0, 1)[..., None] * (second - first), np.float32)


def _ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a background [size, size, 3], float32: two related colours blended, patchy light, grain."""
    colour = _colour(rng)
    near = np.clip(colour + rng.normal(0, 35, 3), 0, 255).astype(np.float32)
    light = cv2.resize(rng.normal(0, 12, (5, 5, 1)), (size, size), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(rng.normal(0, rng.uniform(2, 12), (size // 2, size // 2)), (size, size))
    return np.asarray(_blend(rng, colour, near, size) + (light + grain)[..., None], np.float32)


def _clutter(rng: np.random.Generator, image: np.ndarray) -> None:
    """Draw what is no object: strokes, arcs, dots."""
    size = len(image)
    for _ in range(rng.integers(0, 5)):
        colour = tuple(float(channel) for channel in _colour(rng))
        start, end = rng.integers(0, size, (2, 2)).tolist()
        thickness = int(rng.integers(1, max(2, size // 60) + 1))
        match rng.integers(3):
            case 0:
                cv2.line(image, start, end, colour, thickness, cv2.LINE_AA)
            case 1:
                axes = rng.integers(size // 16, size // 3, 2).tolist()
                turn, first = rng.uniform(0, 360, 2)
                cv2.ellipse(
                    image, start, axes, turn, first, first + rng.uniform(40, 150), colour, thickness, cv2.LINE_AA
                )
            case _:
                for x, y in rng.normal(start, size / 16, (int(rng.integers(3, 12)), 2)):
                    cv2.circle(image, (int(x), int(y)), thickness, colour, -1, cv2.LINE_AA)


def _paint(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray, outline: np.ndarray) -> None:
    """Paint an object: one colour or two blended, unlike the ground beneath it; some with a rim."""
    size = len(image)
    alpha = mask.astype(np.float32)[..., None] / 255
    beneath = (image * alpha).sum((0, 1)) / max(float(alpha.sum()), 1.0)
    colour = _colour_unlike(rng, beneath)
    if rng.random() < 0.5:
        second = np.clip(colour + rng.normal(0, 30, 3), 0, 255).astype(np.float32)
        filling = _blend(rng, colour, second, size)
    else:
        filling = np.broadcast_to(colour, image.shape)
    image += (filling - image) * alpha
    if rng.random() < 0.3:
        rim = tuple(float(channel) for channel in _colour_unlike(rng, colour))
        corners = np.round((outline - 0.5) * 16).astype(np.int32)
        cv2.polylines(image, [corners], True, rim, max(1, size // 100), cv2.LINE_AA, 4)
