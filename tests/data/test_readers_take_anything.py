"""Whatever is in a user's file, a reader reads it, names a fault, or refuses it in one line; nothing else is raised."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.forms import Box, voc_xml
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.checks import KINDS
from yolograft.data.sources.auto import auto
from yolograft.data.sources.coco import coco
from yolograft.data.sources.flat import flat
from yolograft.data.sources.voc import voc
from yolograft.data.sources.widerperson import widerperson
from yolograft.data.sources.yolo import yolo
from yolograft.data.spec import DataSpec

#: More, and others each time: HYPOTHESIS_EXAMPLES=2000.
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "60"))
thrown = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="HYPOTHESIS_EXAMPLES" not in os.environ, database=None
)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("YOLOGRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def check(files: dict[str, bytes], source: Callable[[str], DataSpec]) -> None:
    """Write files beside images, read them, and hold what comes of it to what is promised."""
    root = Path(tempfile.mkdtemp())
    try:
        for name in ("images/a.png", "b.png"):
            write_image(root / name, 12, 12)
        for name, content in files.items():
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes(content)
        message = ""
        try:
            spec = source(str(root))
            reading = read(spec)
        except UserError as refused:
            message = str(refused)
        if message:
            assert "\n" not in message
            assert len(message) < 3000
            return
        assert all(kind in KINDS and "\n" not in message for kind, message in reading.faults)
        for name, *box in (row for rows in reading.boxes.values() for row in rows):
            assert name in spec.names.values()
            assert all(abs(number) < 1e6 for number in box)
    finally:
        shutil.rmtree(root)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def mostly(usual: Any) -> st.SearchStrategy[Any]:
    """What belongs there, or anything."""
    return st.one_of(st.just(usual), st.just(usual), trees)


@thrown
@given(st.binary(max_size=200))
def test_bytes_as_every_file(content: bytes) -> None:
    check({"data.yaml": content}, lambda root: yolo(path=root))
    check({"train.json": content}, lambda root: coco(path=root))
    check({"b.xml": content}, lambda root: voc(path=root, names=["cat"]))
    check({"b.txt": content, "classes.txt": b"cat"}, lambda root: flat(path=root))
    check({"classes.txt": content}, lambda root: flat(path=root))
    check({"list.txt": content, "data.yaml": b"train: list.txt\nnames: [cat]\n"}, lambda root: yolo(path=root))
    check({"data.yaml": content, "x.json": content, "b.xml": content}, lambda root: auto(path=root))


@thrown
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "path": mostly("."),
            "train": mostly("images"),
            "val": mostly(["images", "b.png"]),
            "test": mostly(None),
            "names": mostly(["cat"]),
            "nc": mostly(1),
            "channels": mostly(3),
            "kpt_shape": mostly([3, 2]),
        },
    )
)
def test_any_values_in_a_data_yaml(content: dict[str, Any]) -> None:
    check({"data.yaml": yaml.safe_dump(content).encode("utf-8", "surrogatepass")}, lambda root: yolo(path=root))


numbers = st.integers(-20, 60) | st.floats() | st.sampled_from([0, 1, 10**400, "1", " 2.50", "1e999", "9" * 30, "nan"])
images = st.fixed_dictionaries(
    {"id": mostly(1), "file_name": mostly("b.png")},
    optional={"width": mostly(12) | numbers, "height": mostly(12) | numbers},
)
annotations = st.fixed_dictionaries(
    {
        "image_id": mostly(1),
        "category_id": mostly(5),
        "bbox": st.lists(numbers, min_size=4, max_size=4) | trees,
    },
    optional={"id": mostly(7), "iscrowd": mostly(1), "segmentation": trees},
)
categories = st.fixed_dictionaries({"id": mostly(5), "name": mostly("cat")}, optional={"supercategory": mostly("cat")})


@thrown
@given(
    st.fixed_dictionaries(
        {
            "images": st.lists(images | trees, max_size=3) | trees,
            "annotations": st.lists(annotations | trees, max_size=4) | trees,
            "categories": st.lists(categories, min_size=1, max_size=2) | st.just([{"id": 5, "name": "cat"}]) | trees,
        }
    )
    | trees
)
def test_any_json_as_coco(content: Any) -> None:
    check({"train.json": json.dumps(content).encode()}, lambda root: coco(path=f"{root}/train.json"))


@thrown
@given(
    st.lists(st.tuples(*[st.integers(-3, 30)] * 4), max_size=3),
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "<name>",
                    "</name>",
                    "<object>",
                    "<bndbox>",
                    "<size>",
                    "xmin",
                    "3",
                    "0",
                    "<difficult>0",
                    "annotation",
                    ">",
                ]
            ),
            st.text(max_size=6)
            | st.sampled_from(["", "<object/>", "<bndbox/>", "<xmin>1,5</xmin>", "&a;", "1e400", "nan", "<!--"]),
        ),
        max_size=3,
    ),
    st.tuples(st.integers(-5, 40), st.integers(-5, 40)),
)
def test_any_change_to_an_xml_file(
    boxes: list[tuple[int, int, int, int]], changes: list[tuple[str, str]], size: tuple[int, int]
) -> None:
    text = voc_xml(size, [Box(0, *box) for box in boxes], ["cat"])
    for old, new in changes:
        text = text.replace(old, new, 1)
    content = text.encode("utf-8", "replace")
    check({"b.xml": content, "images/a.xml": content}, lambda root: voc(path=root))


words = (
    st.floats().map(str)
    | st.integers(-2, 9).map(str)
    | st.sampled_from(["0.5", "0,5", "1e-3", "0x1", "5_0", "½", "", "x"])
)
rows = st.lists(st.lists(words, max_size=9).map(" ".join), max_size=6)


@thrown
@given(rows, st.sampled_from(["\n", "\r\n", "\x0b", "\x85"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_any_rows_of_labels(lines: list[str], end: str, encoding: str) -> None:
    content = end.join(lines).encode(encoding)
    check({"b.txt": content, "images/a.txt": content, "classes.txt": b"cat\ndog\n"}, lambda root: flat(path=root))


@thrown
@given(rows, st.integers(-1, 7))
def test_any_rows_of_widerperson(lines: list[str], count: int) -> None:
    files = {"Images/b.jpg": b"", "train.txt": b"a\n", "val.txt": b"a\n"}
    check(
        {**files, "Annotations/a.jpg.txt": "\n".join([str(count), *lines]).encode()},
        lambda root: widerperson(path=str(shutil.copy(f"{root}/b.png", f"{root}/Images/a.jpg") and root)),
    )
