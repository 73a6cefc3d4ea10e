"""Any data set that ultralytics describes in a `data.yaml`."""

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from yolograft.data.spec import DataSpec
from yolograft.errors import UserError


def yolo(*, path: str) -> DataSpec:
    """Read a data.yaml; relative paths in it are taken relative to the file, never to ultralytics' data set folder.

    Args:
        path: the data.yaml, or the folder that holds it.

    Returns:
        The data set.

    Raises:
        UserError: the file is missing or not YAML, lacks `train`, `val` or `names`, or names folders that are missing.
    """
    file = _find(path)
    data = _parse(file)
    root = _root(file, data)
    train, val = (_split(file, data, root, key) for key in ("train", "val"))
    for key, paths in (("train", train), ("val", val)):
        missing = next((item for item in paths if not Path(item).exists()), None)
        if missing:
            raise UserError(f"{file}: '{key}' is {missing}, which does not exist (paths are relative to {root})")
    return DataSpec(
        name=root.name if file.stem == "data" else file.stem,
        train=train,
        val=val,
        test=_split(file, data, root, "test") if data.get("test") else (),
        names=_names(file, data),
        root=str(root),
        channels=_whole(file, "channels", data.get("channels", 3)),
    )


def _find(path: str) -> Path:
    """Return the data.yaml that the option means."""
    if path in ("", "???"):  # ??? is how a config file says that a value must be given
        raise UserError("dataset.path is missing; say which file: dataset=yolo dataset.path=PATH/data.yaml")
    file = Path(path).expanduser().absolute()
    if file.is_dir():
        inside = file / "data.yaml"
        if not inside.is_file():
            raise UserError(f"{file} holds no data.yaml; dataset.path names the file")
        return inside
    if not file.is_file():
        raise UserError(f"dataset.path: {file} does not exist")
    return file


def _parse(file: Path) -> dict[str, Any]:
    """Return the file's keys and values."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise UserError(f"{file}{where}: not YAML: {getattr(error, 'problem', None) or error}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: not a data.yaml; it needs the keys train, val and names")
    if "val" not in data and "validation" in data:  # ultralytics takes both
        data["val"] = data["validation"]
    return data


def _root(file: Path, data: dict[str, Any]) -> Path:
    """Return the folder that the splits are relative to."""
    value = data.get("path") or "."
    if not isinstance(value, str):
        raise UserError(f"{file}: 'path' must be a folder, not {value!r}")
    return (file.parent / Path(value).expanduser()).resolve()


def _split(file: Path, data: dict[str, Any], root: Path, key: str) -> tuple[str, ...]:
    """Return the absolute paths of a split."""
    value = data.get(key)
    if not value:
        raise UserError(f"{file}: '{key}' is missing; it names a folder of images or a .txt list of them")
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise UserError(f"{file}: '{key}' must be a path or a list of paths, not {value!r}")
    return tuple(str(_resolve(root, item)) for item in items)


def _resolve(root: Path, item: str) -> Path:
    """Return an absolute path."""
    found = (root / item).resolve()
    if not found.exists() and item.startswith("../"):
        # exports of Roboflow write ../train/images for a folder beside the file; ultralytics forgives it too
        beside = (root / item[3:]).resolve()
        return beside if beside.exists() else found
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
        numbered = {int(key): str(name) for key, name in names.items()}
    except (TypeError, ValueError):
        raise UserError(f"{file}: the keys of 'names' must be class numbers, not {list(names)[:3]}") from None
    if sorted(numbered) != list(range(len(names))):
        raise UserError(f"{file}: the keys of 'names' must be 0 to {len(names) - 1}, each once, not {sorted(numbered)}")
    if data.get("nc") is not None and _whole(file, "nc", data["nc"]) != len(names):
        raise UserError(f"{file}: 'nc' is {data['nc']}, but 'names' has {len(names)} classes")
    return dict(sorted(numbered.items()))


def _whole(file: Path, key: str, value: Any) -> int:
    """Return a number of the file that must be whole and positive."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1 or number % 1:
        raise UserError(f"{file}: '{key}' must be a whole number from 1, not {value!r}")
    return int(number)
