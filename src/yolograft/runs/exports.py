"""exports.json: which files a run was exported to, and what became of each; it may be a stranger's."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from yolograft.common.files import atomic_write, open_regular, read_text
from yolograft.common.parsing import is_deep, json_document, parse_json
from yolograft.common.typed import items, mapping, number, share, text, whole

FOLDER = "exports"
"""Where a run's exported files lie in its folder."""
EXPORTS = "exports.json"
"""The record's name, beside the files."""

Status = Literal["good", "refused", "not run"]
"""`good`: run, and as good as PyTorch; `refused`: run, and worse than allowed; `not run`: only written."""

_STATUSES: tuple[Status, ...] = ("good", "refused", "not run")
_MAX_FILE = 4 * 2**20
_MOST = 1000
"""Exports that are read of a record, and files of one that is a folder."""


@dataclass(frozen=True)
class Export:
    """One exported file or folder.

    Attributes:
        file: Its name, beside the record.
        label: What a column of a table calls it: the format and what differs from its defaults, such as `onnx int8`.
        settings: What it was exported with.
        status: What became of it.
        reason: Why it was refused or not run; None where it is good.
        size: Bytes.
        sha256: Digest of its content, as `content_digest` gives it.
        weights_sha256: Digest of the weights.
        seconds: What writing it took.
        images: Validation images that it was run on.
        boxes: Largest difference of a box to PyTorch's, as a share of the box's longer side.
        scores: Largest difference of a class score to PyTorch's.
        metrics: mAP50-95 and mAP50 of the file.
        pytorch: The same of PyTorch, on the same images.
        versions: Version by package.
        created: When, ISO 8601.
    """

    file: str
    label: str
    settings: Mapping[str, Any]
    status: Status
    reason: str | None = None
    size: int | None = None
    sha256: str | None = None
    weights_sha256: str | None = None
    seconds: float | None = None
    images: int | None = None
    boxes: float | None = None
    scores: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    pytorch: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str | None = None

    def loss(self, metric: str) -> float | None:
        """Return how much of a metric was lost against PyTorch; below 0 where the file is better."""
        if metric not in self.metrics or metric not in self.pytorch:
            return None
        return self.pytorch[metric] - self.metrics[metric]


def load_exports(folder: Path) -> list[Export]:
    """Return the exports that a folder's record lists; none where there is no record.

    Args:
        folder: The folder of the exported files.

    Raises:
        OSError: It cannot be opened, or is no regular file.
        ValueError: It is no record.
    """
    try:
        content = parse_json(read_text(folder / EXPORTS, _MAX_FILE))
    except FileNotFoundError:
        return []
    if not isinstance(content, dict) or is_deep(content):
        raise ValueError("is no record of exports")
    found = (_export(mapping(entry)) for entry in items(content.get("exports"), _MOST))
    return [export for export in found if export is not None]


def read_exports(run: Path) -> list[Export]:
    """Return the exports of a run; none where its record cannot be read.

    Args:
        run: The run's folder.
    """
    try:
        return load_exports(run / FOLDER)
    except (OSError, ValueError):
        return []


def write_exports(folder: Path, exports: list[Export]) -> None:
    """Write the record of a folder of exported files.

    Raises:
        OSError: It cannot be written.
    """
    atomic_write(folder / EXPORTS, json_document({"format": 1, "exports": [asdict(export) for export in exports]}))


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names.

    Raises:
        OSError: It cannot be read, or holds what is no regular file, or more files than an export has.
    """
    sha = hashlib.sha256()
    for file in _files(path):
        sha.update(f"{file.relative_to(path).as_posix()}\0{file.lstat().st_size}\0".encode())
        with open_regular(file) as stream:
            while block := stream.read(2**20):
                sha.update(block)
    return sha.hexdigest()


def content_size(path: Path) -> int:
    """Return the bytes of a file, or of all files of a folder."""
    return sum(file.lstat().st_size for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir() or path.is_symlink():
        yield path
        return
    found = sorted(file for file in path.rglob("*") if not file.is_dir() or file.is_symlink())
    if len(found) > _MOST:
        raise OSError(f"{path}: holds too many files for an export")
    yield from found


def _export(entry: Mapping[str, Any]) -> Export | None:
    file, label, status = text(entry.get("file"), 255), text(entry.get("label"), 100), entry.get("status")
    if not (file and label and _is_name(file)) or status not in _STATUSES:
        return None
    return Export(
        file=file,
        label=label,
        settings={key: value for key, value in mapping(entry.get("settings"), 100).items() if _is_plain(value)},
        status=status,
        reason=text(entry.get("reason")),
        size=whole(entry.get("size")),
        sha256=text(entry.get("sha256"), 64),
        weights_sha256=text(entry.get("weights_sha256"), 64),
        seconds=number(entry.get("seconds")),
        images=whole(entry.get("images")),
        boxes=number(entry.get("boxes")),
        scores=number(entry.get("scores")),
        metrics=_shares(entry.get("metrics")),
        pytorch=_shares(entry.get("pytorch")),
        versions={key: known for key, value in mapping(entry.get("versions"), 100).items() if (known := text(value))},
        created=text(entry.get("created"), 40),
    )


def _shares(value: Any) -> dict[str, float]:
    return {key: known for key, entry in mapping(value, 100).items() if (known := share(entry)) is not None}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < 100)


def _is_name(name: str) -> bool:
    """Whether a name is that of an exported file: nothing that leads out of the folder, nor a hidden file."""
    return not set(name) & set("/\\\0:") and not name.startswith(".") and name != EXPORTS
