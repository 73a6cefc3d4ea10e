"""Any data set that ultralytics describes in a `data.yaml`."""

import re
from pathlib import Path
from reprlib import Repr
from typing import Any

from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.places import entries, exists, given_path, is_file
from yolograft.data.spec import DataSpec
from yolograft.errors import UserError
from yolograft.files import read_regular, read_text
from yolograft.parsing import parse_yaml

#: Bytes of the largest data.yaml.
_MOST_BYTES = 16 * 2**20

#: No data set has so many classes or channels: a slip that would fill the memory with names.
_MOST = 100_000

_repr = Repr()
_repr.maxlevel = 2  # a few lines of YAML can hold lists of lists without end


def yolo(*, path: str) -> DataSpec:
    """Read a data.yaml; relative paths in it are taken relative to the file, never to ultralytics' data set folder.

    Args:
        path: the data.yaml, or the folder that holds it.

    Returns:
        The data set; without a val split where the file has none.

    Raises:
        UserError: the file is missing or not YAML, lacks `train` or `names`, or names folders that are missing.
    """
    place = given_path(path, "dataset=yolo dataset.path=PATH/data.yaml")
    file = place if is_file(place) else find_yaml(place)
    if not file:
        raise UserError(f"{place} holds no data.yaml; dataset.path names the file")
    data = _parse(file)
    root = _root(file, data)
    if not data.get("train"):
        raise UserError(f"{file}: 'train' is missing; it names a folder of images or a .txt list of them")
    train, val = (_split(file, data, root, key) for key in ("train", "val"))
    for key, paths in (("train", train), ("val", val)):
        missing = next((item for item in paths if not exists(item)), None)
        if missing:
            raise UserError(f"{file}: '{key}' is {missing}, which does not exist (paths are relative to {root})")
    return DataSpec(
        name=root.name if file.stem == "data" else file.stem,
        train=train,
        val=val,
        test=_split(file, data, root, "test"),
        names=_names(file, data),
        root=str(root),
        channels=_whole(file, "channels", data.get("channels", 3)),
        labels=YoloLabels(keypoints=_keypoints(file, data)),
    )


def find_yaml(folder: Path) -> Path | None:
    """Return a folder's data.yaml, or the only YAML file there that has the key `train`."""
    files = [file for file in entries(folder) if file.suffix.lower() in (".yaml", ".yml") and is_file(file)]
    named = [file for file in files if file.stem == "data"]
    alike = named or [file for file in files if _names_train(file)]
    return alike[0] if len(alike) == 1 or named else None


def recognise(root: Path) -> str | None:
    """Return the YAML file that shows that a folder is described in ultralytics' form, or None."""
    file = find_yaml(root)
    return file.name if file else None


def _names_train(file: Path) -> bool:
    try:
        return any(line.startswith(b"train:") for line in read_regular(file, _MOST_BYTES).splitlines())
    except OSError:
        return False


def _parse(file: Path) -> dict[str, Any]:
    """Return the file's keys and values."""
    try:
        data = parse_yaml(read_text(file, _MOST_BYTES, "utf-8-sig"))
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        if found := re.fullmatch(r"is (not YAML: .*?)(?:, line (\d+))?", str(error)):
            where = f":{found[2]}" if found[2] else ""
            raise UserError(f"{file}{where}: {found[1]}") from None
        raise UserError(f"{file}: cannot be read: {error}") from None  # not UTF-8, a date that does not exist, a bomb
    if not isinstance(data, dict):
        raise UserError(f"{file}: not a data.yaml; it needs the keys train, val and names")
    if "val" not in data and "validation" in data:  # ultralytics takes both
        data["val"] = data["validation"]
    return data


def _root(file: Path, data: dict[str, Any]) -> Path:
    """Return the folder that the splits are relative to."""
    value = data.get("path") or "."
    if not isinstance(value, str):
        raise UserError(f"{file}: 'path' must be a folder, not {_repr.repr(value)}")
    try:
        return (file.parent / Path(value).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # ~somebody, links in a circle, a null character
        raise UserError(f"{file}: 'path' must be a folder, not {_repr.repr(value)}: {error}") from None


def _split(file: Path, data: dict[str, Any], root: Path, key: str) -> tuple[str, ...]:
    """Return the absolute paths of a split; nothing where the file does not have it."""
    value = data.get(key) or []
    items = value if isinstance(value, list) else [value]
    try:
        return tuple(str(_resolve(root, item)) for item in items)
    except (
        TypeError,
        AttributeError,
        ValueError,
        OSError,
        RuntimeError,
    ):  # not text, or text that no file is named with
        raise UserError(f"{file}: '{key}' must be a path or a list of paths, not {_repr.repr(value)}") from None


def _resolve(root: Path, item: str) -> Path:
    """Return an absolute path."""
    found = (root / item).resolve()
    if not exists(found) and item.startswith("../"):
        # exports of Roboflow write ../train/images for a folder beside the file; ultralytics forgives it too
        beside = (root / item[3:]).resolve()
        return beside if exists(beside) else found
    return found


def _names(file: Path, data: dict[str, Any]) -> dict[int, str]:
    """Return class names by number, from a list, a map or a bare `nc`."""
    names = data.get("names")
    if names is None and data.get("nc") is not None:
        names = [f"class_{index}" for index in range(_whole(file, "nc", data["nc"]))]
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise UserError(f"{file}: 'names' is missing; list the classes, e.g. names: [cat, dog]")
    try:
        numbered = {int(key): name for key, name in names.items()}
    except (TypeError, ValueError, OverflowError):
        raise UserError(
            f"{file}: the keys of 'names' must be class numbers, not {_repr.repr(list(names)[:3])}"
        ) from None
    if sorted(numbered) != list(range(len(names))):
        found = _repr.repr(sorted(numbered))
        raise UserError(f"{file}: the keys of 'names' must be 0 to {len(names) - 1}, each once, not {found}")
    odd = [name for name in numbered.values() if not isinstance(name, str | int | float)]  # yes and no are read as bool
    if odd:
        raise UserError(f"{file}: each of 'names' must be text, not {_repr.repr(odd[0])}")
    if data.get("nc") is not None and _whole(file, "nc", data["nc"]) != len(names):
        raise UserError(f"{file}: 'nc' is {_repr.repr(data['nc'])}, but 'names' has {len(names)} classes")
    return {key: str(name) for key, name in sorted(numbered.items())}


def _keypoints(file: Path, data: dict[str, Any]) -> tuple[int, int] | None:
    """Return how many key points a row of labels has, and numbers of each; None where the file does not say."""
    if "kpt_shape" not in data:
        return None
    value = data["kpt_shape"] or [0, 0]
    usable = isinstance(value, list) and len(value) == 2 and all(type(number) is int for number in value)
    if usable and (value == [0, 0] or (0 < value[0] <= _MOST and value[1] in (2, 3))):
        return value[0], value[1]
    raise UserError(f"{file}: 'kpt_shape' must be [key points, 2 or 3], not {_repr.repr(value)}")


def _whole(file: Path, key: str, value: Any) -> int:
    """Return a number of the file that must be whole and positive."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0
    if not 1 <= number <= _MOST or number % 1:
        raise UserError(f"{file}: '{key}' must be a whole number from 1, not {_repr.repr(value)}")
    return int(number)
