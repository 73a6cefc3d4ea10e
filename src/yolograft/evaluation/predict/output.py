"""The folder of a prediction: pictures, labels, predictions.json, COCO results, each as soon as it can be there.

While it runs, every image's results are a line of `predictions.jsonl`. At the end, also after Ctrl-C, the lines become
`predictions.json` and the COCO files; where the process was killed they stay.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np

from yolograft.common.files import atomic_open, atomic_write
from yolograft.evaluation.predict.finder import Found
from yolograft.evaluation.predict.sources import WHILE_RUNNING
from yolograft.runs.predictions import PREDICTIONS

FORMAT = "yolograft-predictions-1"


class Output:
    """Writes what is found.

    Args:
        folder: Where; it exists.
        runs: For each detector what `predictions.json` says of it: `name`, `run`, `weights`, `names`, `imgsz`.
        settings: What was asked for, for `predictions.json`.
        labels: Write label files.
        with_confidence: End their lines with the confidence.
    """

    def __init__(
        self,
        folder: Path,
        runs: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        *,
        labels: bool,
        with_confidence: bool,
    ) -> None:
        self.folder, self._runs, self._settings = folder, list(runs), dict(settings)
        self._labels, self._with_confidence = labels, with_confidence
        self._video: cv2.VideoWriter | None = None
        self._lines: BinaryIO = (folder / WHILE_RUNNING).open("w+b")
        self._append({"format": FORMAT, "runs": self._runs, "settings": self._settings})

    def add(
        self, source: str, name: str, frame: int | None, shape: tuple[int, ...], found: Sequence[Sequence[Found]]
    ) -> None:
        """Write what was found in an image or a frame.

        Args:
            source: What was looked at, as it is shown.
            name: Its claimed name.
            frame: Number of the frame; None of an image.
            shape: Height and width, pixels.
            found: For each detector what it has found.
        """
        height, width = shape[:2]
        entry = {"source": source, "name": name, "frame": frame, "width": width, "height": height}
        named = [[_entry(each, run["names"]) for each in boxes] for run, boxes in zip(self._runs, found, strict=True)]
        self._append({**entry, "found": named})
        for run, boxes in zip(self._runs, found, strict=True) if self._labels else ():
            own = "labels" if len(self._runs) == 1 else f"labels/{run['name']}"
            file = self.folder / own / (f"{name}.txt" if frame is None else f"{name}/{frame:06d}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            lines = (self._label_line(each, width, height) for each in boxes)
            atomic_write(file, "".join(lines).encode())

    def add_picture(self, name: str, picture: np.ndarray) -> None:
        """Write the picture of an image."""
        file = self.folder / "pictures" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())

    def add_frame(self, name: str, picture: np.ndarray, rate: float) -> None:
        """Append a picture to the video of a source.

        Raises:
            OSError: The video cannot be written.
        """
        if self._video is None:
            file = self.folder / "pictures" / f"{name}.avi"
            file.parent.mkdir(parents=True, exist_ok=True)
            # Motion JPEG, as ultralytics: every OpenCV writes it, and what is cut off plays up to there.
            size = (picture.shape[1], picture.shape[0])
            self._video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), max(1.0, rate), size)
            if not self._video.isOpened():
                self._video = None
                raise OSError(f"{file}: OpenCV cannot write this video")
        self._video.write(picture)

    def end_video(self) -> None:
        """Close the video of a source."""
        if self._video is not None:
            self._video.release()
            self._video = None

    def add_failure(self, source: str, reason: str) -> None:
        """Keep what could not be looked at, and why."""
        self._append({"source": source, "reason": reason})

    def close(self) -> None:
        """Turn the lines into `predictions.json` and the COCO results, image by image."""
        self.end_video()
        with atomic_open(self.folder / PREDICTIONS) as file:
            head = {"format": FORMAT, "runs": self._runs, "settings": self._settings}
            file.write(json.dumps(head, indent=1).removesuffix("\n}").encode() + b',\n "images": [')
            _write_list(file, (entry for entry in self._entries() if "found" in entry))
            file.write(b'],\n "failed": [')
            _write_list(file, (entry for entry in self._entries() if "reason" in entry))
            file.write(b"]\n}\n")
        for number, run in enumerate(self._runs):
            name = "coco.json" if len(self._runs) == 1 else f"coco-{run['name']}.json"
            with atomic_open(self.folder / name) as file:
                file.write(b"[")
                _write_list(file, _coco(self._entries(), number))
                file.write(b"]\n")
        self._lines.close()
        (self.folder / WHILE_RUNNING).unlink()

    def _append(self, entry: Mapping[str, Any]) -> None:
        self._lines.write(json.dumps(entry).encode() + b"\n")
        self._lines.flush()

    def _entries(self) -> Iterator[dict[str, Any]]:
        self._lines.seek(0)
        yield from map(json.loads, self._lines)

    def _label_line(self, found: Found, width: int, height: int) -> str:
        left, top, right, bottom = found.box
        values = [(left + right) / 2 / width, (top + bottom) / 2 / height]
        values += [(right - left) / width, (bottom - top) / height]
        values += [found.confidence] if self._with_confidence else []
        track = "" if found.track is None else f" {found.track}"
        return f"{found.label} " + " ".join(f"{value:.6f}" for value in values) + track + "\n"


def _entry(found: Found, names: Mapping[int, str]) -> dict[str, Any]:
    entry = {
        "class": names[found.label],
        "label": found.label,
        "confidence": round(found.confidence, 5),
        "box": [round(value, 2) for value in found.box],
    }
    return entry if found.track is None else {**entry, "track": found.track}


def _coco(entries: Iterator[dict[str, Any]], run: int) -> Iterator[dict[str, Any]]:
    """Yield COCO's results: `image_id` is the number that a COCO image is called by, else the name; boxes are xywh."""
    ids: dict[str | int, str] = {}
    for entry in entries:
        name = entry.get("name", "")
        image: str | int = int(name) if name.isdecimal() and len(name) < 16 else name
        if ids.setdefault(image, name) != name:  # 7 and 007
            image = name
        if entry.get("frame") is not None:
            image = f"{name}/{entry['frame']:06d}"
        for found in entry["found"][run] if "found" in entry else ():
            left, top, right, bottom = found["box"]
            box = [left, top, round(right - left, 2), round(bottom - top, 2)]
            yield {"image_id": image, "category_id": found["label"], "bbox": box, "score": found["confidence"]}


def _write_list(file: BinaryIO, entries: Iterator[Mapping[str, Any]]) -> None:
    between = b"\n  "
    for entry in entries:
        file.write(between + json.dumps(entry).encode())
        between = b",\n  "
