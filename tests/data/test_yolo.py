"""Reading a data.yaml: where its paths lead, and what is said about a faulty one."""

from pathlib import Path

import pytest

from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.sources.yolo import yolo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Folders of a data set, far from the working directory."""
    for split in ("train", "val", "extra"):
        (tmp_path / "my données" / "images" / split).mkdir(parents=True)
    return tmp_path / "my données"


def write(root: Path, text: str, name: str = "data.yaml") -> str:
    (root / name).write_text(text, encoding="utf-8")
    return str(root / name)


@pytest.mark.parametrize("path", ["path: .\n", "", "path:\n", "path: {root}\n", "path: ../my données\n"])
def test_paths_are_relative_to_the_file(root: Path, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = path.format(root=root) + "train: images/train\nval: images/val\nnames: [cat, dog]\n"
    spec = yolo(path=write(root, text))
    assert spec.train == (str(root / "images" / "train"),)
    assert spec.val == (str(root / "images" / "val"),)
    assert spec.test == ()
    assert spec.names == {0: "cat", 1: "dog"}
    assert spec.nc == 2
    assert spec.root == str(root)
    assert spec.name == "my données"


def test_the_option_may_be_relative_or_a_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(root, "train: images/train\nval: images/val\nnames: [cat]\n")
    monkeypatch.chdir(root)
    assert yolo(path="data.yaml") == yolo(path=file) == yolo(path=".")


def test_lists_maps_and_a_byte_order_mark(root: Path) -> None:
    (root / "val.txt").write_text("./images/val/a.jpg\n")
    file = write(
        root,
        "\ufefftrain: [images/train, images/extra]\r\nval: val.txt\r\ntest: images/val\r\n"
        "names:\r\n  1: dog\r\n  0: cat\r\nnc: '2'\r\nchannels: 1\r\n",
        "pets.yaml",
    )
    spec = yolo(path=file)
    assert spec.train == (str(root / "images" / "train"), str(root / "images" / "extra"))
    assert spec.val == (str(root / "val.txt"),)
    assert spec.test == (str(root / "images" / "val"),)
    assert list(spec.names.items()) == [(0, "cat"), (1, "dog")]
    assert (spec.name, spec.channels) == ("pets", 1)


@pytest.mark.parametrize("val", ["", "val:\n", "val: []\n"])
def test_without_val_all_is_one_pool(root: Path, val: str) -> None:
    spec = yolo(path=write(root, f"train: images/train\n{val}test: images/val\nnames: [cat]\n"))
    assert (spec.val, spec.test) == ((), (str(root / "images" / "val"),))


def test_the_only_yaml_file_that_names_images_is_taken(root: Path) -> None:
    write(root, "lr0: 0.1\n", "args.yaml")
    file = write(root, "train: images/train\nnames: [cat]\n", "pets.yml")
    assert yolo(path=str(root)) == yolo(path=file)
    write(root, "train: images/val\nnames: [cat]\n", "other.yaml")
    with pytest.raises(UserError) as caught:
        yolo(path=str(root))
    assert str(caught.value) == (
        f"{root}: several YAML files describe a data set: other.yaml, pets.yml; "
        f"dataset.path={root / 'other.yaml'} takes one"
    )
    write(root, "train: images/val\nnames: [cat]\n")
    assert yolo(path=str(root)).train == (str(root / "images" / "val"),)


def test_a_file_that_repeats_itself_endlessly_is_refused_at_once(root: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    for last in ("train: *a11", "train: images/train\nnames: *a11", "train: images/train\nnames: [cat]\nnc: *a11"):
        with pytest.raises(UserError) as caught:
            yolo(path=write(root, "\n".join([*lines, last, ""])))
        assert len(str(caught.value)) < 500 + len(str(root))


def test_lines_of_a_list_that_name_no_file(root: Path) -> None:
    write_image(root / "images" / "train" / "a.png")
    file = write(root, "train: list.txt\nnames: [cat]\n")
    long = "x" * 300
    (root / "list.txt").write_text(f"images/train/a.png\n\n{long}.png\nimages/train/b.png\n{long}.png/c.png\n")
    reading = read(yolo(path=file))
    assert list(reading.boxes) == ["a.png"]
    assert sorted(kind for kind, _ in reading.faults) == ["missing-image", "unreadable-image", "unreadable-image"]
    for text, message in (("a\0b.png\n", "it holds null characters"), ("notes\n", "no images in ")):
        (root / "list.txt").write_text(text)
        with pytest.raises(UserError, match=message):
            read(yolo(path=file))


def test_names_may_be_left_to_nc(root: Path) -> None:
    assert yolo(path=write(root, "train: images/train\nval: images/val\nnc: 2\n")).names == {0: "class_0", 1: "class_1"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[yes, no, On]", ["yes", "no", "On"]),
        ("{0: true, 1: 'null'}", ["true", "null"]),
        ("[007, 1e3, 1_000, 2.50]", ["007", "1e3", "1_000", "2.50"]),
        ("['1': a]", None),
    ],
)
def test_names_are_as_they_are_written(root: Path, text: str, names: list[str] | None) -> None:
    file = write(root, f"train: images/train\nval: images/val\nnames: {text}\n")
    if names is None:
        with pytest.raises(UserError, match="each of 'names' must be text"):
            yolo(path=file)
    else:
        assert list(yolo(path=file).names.values()) == names


def test_equal_names_are_said(root: Path) -> None:
    spec = yolo(path=write(root, "train: images/train\nval: images/val\nnames: [a, b, a]\n"))
    assert spec.notes == ("data.yaml: the classes 0 and 2 have the same name, 'a'; both are kept",)


def test_what_exports_of_roboflow_write(root: Path) -> None:
    file = write(root, "train: ../images/train\nvalidation: ../images/val\nnames: [cat]\n")
    assert yolo(path=file).val == (str(root / "images" / "val"),)


def test_ultralytics_own_folders_are_never_looked_at(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "datasets" / "pets" / "images" / "train").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)  # ultralytics' own folder for data sets is `datasets` in it or beside it
    file = write(root, "path: pets\ntrain: images/elsewhere\nval: images/train\nnames: [cat]\n")
    with pytest.raises(UserError) as caught:
        yolo(path=file)
    wrong = root / "images" / "elsewhere"
    assert str(caught.value) == (
        f"{file}: 'train' is {wrong}, which does not exist (paths are relative to {root}; path: pets does not exist)"
    )


GOOD = {"train": "train: images/train\n", "val": "val: images/val\n", "names": "names: [cat]\n"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": ""}, "'train' is missing"),
        ({"train": "", "val": ""}, "'train' is missing"),
        ({"path": "path: 3\n"}, "'path' must be a folder, not 3"),
        ({"path": "path: ~nobody-of-this-name\n"}, "'path' must be a folder, not '~nobody-of-this-name'"),
        ({"path": 'path: "a\\0b"\n'}, "'path' must be a folder"),
        ({"train": 'train: "a\\0b"\n'}, "'train' must be a path or a list of paths"),
        ({"train": "train: [images/train, [images/val]]\n"}, "'train' must be a path or a list of paths"),
        ({"train": f"train: {'x' * 300}\n"}, "'train' is .*, which does not exist"),
        ({"names": ""}, "'names' is missing"),
        ({"names": "names:\n"}, "'names' is missing"),
        ({"names": "names: []\n"}, "'names' is missing"),
        ({"names": "names: {1: cat, 2: dog}\n"}, r"keys of 'names' must be 0 to 1, each once, not \[1, 2\]"),
        ({"names": "names: {cat: 0}\n"}, "keys of 'names' must be class numbers"),
        ({"names": "names: [cat]\nnc: 3\n"}, "'nc' is 3, but 'names' has 1 classes; name all of them, or"),
        ({"names": "names: person\n"}, r"'names' must be a list; for one class write names: \[person\]"),
        ({"names": "names: [cat, null]\n"}, r"class 1 has no name; if 'null' is meant, put it in quotes"),
        ({"names": "names:\n\t0: cat\n"}, r"data.yaml:4: not YAML.*; indent with spaces, not with tabs"),
        ({"path": 'path: "C:\\Users\\me\\set"\n'}, r"data.yaml:4: not YAML.* write paths with / or in single quotes"),
        (
            {"path": 'path: "C:\\new\\table"\n'},
            r"'path' is .*: in double quotes .* write paths with / or in single quotes",
        ),
        ({"train": 'train: "C:\\new\\table"\n'}, r"'train' is .*: in double quotes .* write paths with / or in single"),
        (
            {"train": "train: nowhere\ndownload: https://example.com/x.zip\n"},
            r"'download' \('https.*\) is not followed: fetch",
        ),
        ({"names": "nc: many\n"}, "'nc' must be a whole number from 1, not 'many'"),
        ({"names": "nc: 1000000000000\n"}, "'nc' must be a whole number from 1, not 1000000000000"),
        ({"names": "names: [cat, [dog]]\n"}, r"each of 'names' must be text, not \['dog'\]"),
        ({"names": "names: [cat, ]\nchannels: 10\n"}, "its images have 10 channels; models here take 3"),
        ({"date": "date: 2001-99-99\n"}, "cannot be read: month must be in 1..12"),
        ({"train": "train: 3\n"}, "'train' must be a path or a list of paths, not 3"),
        ({"train": "train: nowhere\n"}, "'train' is .*nowhere, which does not exist"),
        ({"val": "val: [images/val, nowhere]\n"}, "'val' is .*nowhere, which does not exist"),
        ({"train": "train: [a\n"}, "data.yaml:2: not YAML"),
        ({"train": "\ttrain: x\n"}, "data.yaml:1: not YAML"),
    ],
)
def test_faulty_files(root: Path, change: dict[str, str], message: str) -> None:
    file = write(root, "".join({**GOOD, **change}.values()))
    with pytest.raises(UserError, match=message) as caught:
        yolo(path=file)
    assert str(caught.value).startswith(file) or "channels" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "dataset.path is missing"),
        ("???", "dataset.path is missing"),
        ("nowhere.yaml", "nowhere.yaml does not exist"),
    ],
)
def test_no_file(path: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        yolo(path=path)


def test_other_than_a_map_and_other_than_text(root: Path) -> None:
    with pytest.raises(UserError, match="needs the keys train, val and names"):
        yolo(path=write(root, "just words\n"))
    (root / "data.yaml").write_bytes(b"train: \xff\xfe\n")
    with pytest.raises(UserError, match="cannot be read"):
        yolo(path=str(root / "data.yaml"))
    (root / "data.yaml").unlink()
    with pytest.raises(UserError, match=r"holds no data.yaml"):
        yolo(path=str(root))
