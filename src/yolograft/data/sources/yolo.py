"""Any data set that ultralytics describes in a `data.yaml`."""

from pathlib import Path
from reprlib import Repr
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import read_regular, read_text
from yolograft.common.parsing import NotYamlError, parse_yaml
from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.places import entries, exists, given_path, is_file, is_image
from yolograft.data.sources.class_names import repeated
from yolograft.data.sources.layout import settle
from yolograft.data.spec import DataSpec
from yolograft.data.tails import AmbiguousPathError, Tails

#: Bytes of the largest data.yaml.
_MOST_BYTES = 16 * 2**20

#: No data set has so many classes or channels: a slip that would fill the memory with names.
_MOST = 100_000

_repr = Repr()
_repr.maxlevel = 2  # a few lines of YAML can hold lists of lists without end


def yolo(*, path: str) -> DataSpec:
    """Read a data.yaml; relative paths in it are taken relative to the file, never to ultralytics' data set folder.

    Args:
        path: The data.yaml, or the folder that holds it.

    Returns:
        The data set; without a val split where the file has none. Paths of another machine are found again by how
        they end; a test split that is not there is left out.

    Raises:
        UserError: The file is missing or not YAML, lacks `train` or `names`, or names folders that are missing.
    """
    place = given_path(path, "dataset=yolo dataset.path=PATH/data.yaml")
    if is_file(place):
        return _described(place)
    return settle(place, read, lambda folder: find_yaml(folder) is not None)


def read(root: Path) -> DataSpec:
    """Read the data.yaml in a folder; see `yolo`."""
    file = find_yaml(root)
    if not file:
        raise UserError(f"{root} holds no data.yaml; dataset.path names the file")
    return _described(file)


def find_yaml(folder: Path) -> Path | None:
    """Return a folder's data.yaml, or the only YAML file there that has the key `train`.

    Raises:
        UserError: There are several.
    """
    files = [file for file in entries(folder) if file.suffix.lower() in (".yaml", ".yml") and is_file(file)]
    if named := [file for file in files if file.stem == "data"]:
        return named[0]
    alike = [file for file in files if _names_train(file)]
    if len(alike) > 1:
        names = ", ".join(file.name for file in alike)
        raise UserError(f"{folder}: several YAML files describe a data set: {names}; dataset.path={alike[0]} takes one")
    return alike[0] if alike else None


def recognise(root: Path) -> str | None:
    """Return the YAML file that shows that a folder is described in ultralytics' form, or None."""
    file = find_yaml(root)
    return file.name if file else None


def _names_train(file: Path) -> bool:
    try:
        return any(line.startswith(b"train:") for line in read_regular(file, _MOST_BYTES).splitlines())
    except OSError:
        return False


def _described(file: Path) -> DataSpec:
    """Return the data set that a YAML file describes."""
    data, words = _parse(file)
    if not data.get("train"):
        raise UserError(f"{file}: 'train' is missing; it names a folder of images or a .txt list of them")
    paths = _Paths(file, data)
    train, val, test = (paths.split(key) for key in ("train", "val", "test"))
    names = _names(file, data, words)
    again = repeated(names.values())
    return DataSpec(
        name=paths.root.name if file.stem == "data" else file.stem,
        train=train,
        val=val,
        test=test,
        names=names,
        root=str(paths.root),
        channels=_whole(file, "channels", data.get("channels", 3)),
        labels=YoloLabels(keypoints=_keypoints(file, data)),
        form="yolo",
        source=str(file),
        notes=(*paths.notes(), *([f"{file.name}: {again}"] if again else [])),
    )


def _parse(file: Path) -> tuple[dict[str, Any], Any]:
    """Return the file's keys and values, and what it writes as names, word for word."""
    try:
        text = read_text(file, _MOST_BYTES, "utf-8-sig")
        data = parse_yaml(text)
        words = parse_yaml(text, as_written=True)
    except NotYamlError as error:
        line = text.splitlines()[error.line - 1 : error.line] if error.line else []
        where = f":{error.line}" if error.line else ""
        raise UserError(f"{file}{where}: not YAML: {error.problem}{_advice(error.problem, *line)}") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # not UTF-8, a date that does not exist, a bomb
        raise UserError(f"{file}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{file}: not a data.yaml; it needs the keys train, val and names")
    if "val" not in data and "validation" in data:  # ultralytics takes both
        data["val"] = data["validation"]
    return data, words.get("names") if isinstance(words, dict) else None


def _advice(problem: str, line: str = "") -> str:
    """Return what to write instead of what YAML does not allow."""
    if '"' in line and "\\" in line:
        return "; in double quotes a backslash begins a special character: write paths with / or in single quotes"
    return "; indent with spaces, not with tabs" if line.startswith("\t") else ""


class _Paths:
    """Where the paths of a data.yaml lead.

    Attributes:
        root: The folder that they are relative to.
    """

    def __init__(self, file: Path, data: dict[str, Any]) -> None:
        self._file, self._data = file, data
        self._notes: list[str] = []
        self._found: dict[Path, str] = {}
        self._instead = ""
        self.root = self._root()
        self._tails = Tails(self.root)

    def _root(self) -> Path:
        value = self._data.get("path") or "."
        if not isinstance(value, str):
            raise UserError(f"{self._file}: 'path' must be a folder, not {_repr.repr(value)}")
        self._refuse_control("path", value)
        slashes = value.replace("\\", "/")
        try:
            places = [(self._file.parent / Path(text).expanduser()).resolve() for text in (value, slashes)]
            places.append(Path(slashes).expanduser().resolve())
        except (OSError, RuntimeError, ValueError) as error:  # ~somebody, links in a circle, a null character
            raise UserError(f"{self._file}: 'path' must be a folder, not {_repr.repr(value)}: {error}") from None
        found = next((place for place in places if exists(place)), None)
        if found is None:
            self._instead = f"; path: {value} does not exist"
            self._notes.append(f"{self._file.name}: path: {value} does not exist; the file's own folder is taken")
            return self._file.parent.resolve()
        if found not in places[:2]:  # ultralytics looks there, too
            self._notes.append(f"{self._file.name}: path: {value} is {found}, in the working folder")
        return found

    def split(self, key: str) -> tuple[str, ...]:
        """Return the absolute paths of a split; nothing where the file does not have it.

        Raises:
            UserError: They are no paths, or one does not exist.
        """
        value = self._data.get(key) or []
        items = value if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, str):
                self._refuse_control(key, item)
        try:
            found = [(item, self._resolve(key, item)) for item in items]
        except (
            TypeError,
            AttributeError,
            ValueError,
            OSError,
            RuntimeError,
        ):  # not text, or text that no file is named with
            raise UserError(
                f"{self._file}: '{key}' must be a path or a list of paths, not {_repr.repr(value)}"
            ) from None
        missing = [str(path) for _, path in found if not exists(path)]
        if missing and key != "test":
            raise UserError(
                f"{self._file}: '{key}' is {missing[0]}, which does not exist (paths are relative to {self.root}"
                f"{self._instead}){self._download()}"
            )
        if missing:
            self._notes.append(
                f"{self._file.name}: 'test' is {missing[0]}, which does not exist; training does without"
            )
        return tuple(str(path) for _, path in found if exists(path))

    def notes(self) -> list[str]:
        """Return what was done about paths that do not exist."""
        if not self._found:
            return self._notes
        found, written = next(iter(self._found.items()))
        count = f"{len(self._found)} paths do" if len(self._found) > 1 else "1 path does"
        example = found.relative_to(self.root) if found.is_relative_to(self.root) else found
        said = f"{self._file.name}: {count} not exist here and were found by how they end: {written} as {example}"
        return [*self._notes, said]

    def _resolve(self, key: str, item: str) -> Path:
        """Return an absolute path."""
        found = (self.root / item).resolve()
        if exists(found):
            return found
        slashes = (self.root / item.replace("\\", "/")).resolve()
        # exports of Roboflow write ../train/images for a folder beside the file; ultralytics forgives it too
        beside = (self.root / item.replace("\\", "/").removeprefix("../")).resolve()
        for place in (slashes, beside):
            if exists(place):
                return place
        try:
            tail = self._tails.find(item)
        except AmbiguousPathError as error:
            one, other = error.candidates
            if key == "test":
                return found
            raise UserError(
                f"{self._file}: '{key}' is {item}, which does not exist; it could be {one} or {other}: write which"
            ) from None
        if tail is None or is_file(tail) != (is_image(item) or item.lower().endswith(".txt")):
            return found
        if self._found.setdefault(tail, item) != item:
            raise UserError(
                f"{self._file}: '{key}' is {item} and another is {self._found[tail]}; neither exists, "
                f"and both could be {tail}: write which"
            )
        return tail

    def _download(self) -> str:
        """Say that the file knows where its images are, though nothing is fetched or run that a file names."""
        if not (address := self._data.get("download")):
            return ""
        return f"; its 'download' ({_repr.repr(address)}) is not followed: fetch and unpack it yourself"

    def _refuse_control(self, key: str, value: str) -> None:
        if any(ord(letter) < 32 and letter != "\0" for letter in value):
            raise UserError(
                f"{self._file}: '{key}' is {_repr.repr(value)}: in double quotes a backslash begins a special "
                "character: write paths with / or in single quotes"
            )


def _names(file: Path, data: dict[str, Any], words: Any) -> dict[int, str]:
    """Return class names by number, from a list, a map or a bare `nc`."""
    names = data.get("names")
    if names is None and data.get("nc") is not None:
        names = [f"class_{index}" for index in range(_whole(file, "nc", data["nc"]))]
    if isinstance(names, str) and names:
        raise UserError(f"{file}: 'names' must be a list; for one class write names: [{names}]")
    if isinstance(names, list):
        names = dict(enumerate(names))
        words = dict(enumerate(words)) if isinstance(words, list) else {}
    if not isinstance(names, dict) or not names:
        raise UserError(f"{file}: 'names' is missing; list the classes, e.g. names: [cat, dog]")
    try:
        numbered = {int(key): name for key, name in names.items()}
        written = {int(key): word for key, word in words.items()} if isinstance(words, dict) else {}
    except (TypeError, ValueError, OverflowError):
        raise UserError(
            f"{file}: the keys of 'names' must be class numbers, not {_repr.repr(list(names)[:3])}"
        ) from None
    if sorted(numbered) != list(range(len(names))):
        found = _repr.repr(sorted(numbered))
        raise UserError(f"{file}: the keys of 'names' must be 0 to {len(names) - 1}, each once, not {found}")
    for number, name in numbered.items():
        if name is None:
            meant = _repr.repr(written.get(number) or "null")
            raise UserError(f"{file}: class {number} has no name; if {meant} is meant, put it in quotes")
        if not isinstance(name, str | int | float):
            raise UserError(f"{file}: each of 'names' must be text, not {_repr.repr(name)}")
    if data.get("nc") is not None and _whole(file, "nc", data["nc"]) != len(names):
        raise UserError(
            f"{file}: 'nc' is {_repr.repr(data['nc'])}, but 'names' has {len(names)} classes; "
            f"name all of them, or write nc: {len(names)}"
        )
    # As it was written: to YAML yes is true, 007 is 7 and 1e3 is 1000.
    return {
        key: word if isinstance(word := written.get(key), str) and word else str(name)
        for key, name in sorted(numbered.items())
    }


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
