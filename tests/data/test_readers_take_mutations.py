"""Files that were right before a few bytes of them were changed: read, named or refused, soon, and nothing else.

Plain seeded draws: FUZZ=10 makes ten times as many.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.forms import Box, voc_xml
from helpers.readings import write_image
from yolograft.common.errors import UserError
from yolograft.data.checks import KINDS
from yolograft.data.labels.coco import CocoLabels
from yolograft.data.labels.labelme import LabelmeLabels
from yolograft.data.labels.reader import LabelReader, UnreadableLabelsError
from yolograft.data.labels.voc import VocLabels
from yolograft.data.labels.widerperson import WiderPersonLabels
from yolograft.data.labels.yolo import YoloLabels
from yolograft.data.sources.coco import coco
from yolograft.data.sources.yolo import yolo

FUZZ = float(os.environ.get("FUZZ", "1"))
LINES, DOCUMENTS = int(100_000 * FUZZ), int(10_000 * FUZZ)

#: What stands where it should not: numbers at limits, other alphabets, control characters, markup of each form.
ODD = (
    *(
        b"",
        b" ",
        b"\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        "½é細\U0001f600".encode(),
        b"\xed\xa0\x80",
        b"\x1b[31m",
        b"\x85",
    ),
    *(b"-1", b"1e400", b"nan", b"inf", b"0x1", b"1_0", b"0,5", b"9" * 400, b"-0.0", b"1e-400", b"2" * 5000, b"true"),
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"null", b"[[[[", b"{}", b"[]", b"\\u0000", b"\\ud800", b"'"),
    *(b"<", b">", b"&a;", b"<!--", b"<![CDATA[", b"<object>", b"</object>", b"<bndbox/>", b"<?xml?>", b"/"),
    *(
        b"&a ",
        b"*a",
        b"!!timestamp x",
        b"!!int ''",
        b"!!binary x",
        b"? ",
        b"- ",
        b"|",
        b"<<: ",
        b"---",
        b"%TAG",
        b"2020-99-99",
    ),
)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("YOLOGRAFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def mutated(text: bytes, draw: random.Random) -> bytes:
    """Change a text in one to four places: bytes drop out, are repeated, flip, move, or give way to something odd."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((0, 1, 1, 2, 5, 20)))
        match draw.randrange(5):
            case 0:
                text = text[:start] + text[end:]
            case 1:
                text = text[:end] + text[start:]
            case 2:
                text = text[:start] + bytes(byte ^ 1 << draw.randrange(8) for byte in text[start:end]) + text[end:]
            case _:
                text = text[:start] + draw.choice(ODD) + text[end:]
    return text


def tried(name: str, count: int, one: Callable[[random.Random], object]) -> None:
    """Do something so many times, each with a seed of its own; only a UserError or UnreadableLabelsError may come."""
    slowest, refused = 0.0, 0
    for seed in range(count):
        begin = time.monotonic()
        said: list[str] = []
        try:
            one(random.Random(seed))
        except UserError as error:
            said = [str(error)]
        except UnreadableLabelsError as error:
            said = [str(fault) for fault in error.faults if fault.kind in KINDS]
            said = said if len(said) == len(error.faults) else ["\n"]
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}") from error
        assert not any("\n" in line for line in said), (seed, said)
        refused += bool(said)
        slowest = max(slowest, time.monotonic() - begin)
    print(f"{name}: seeds 0 to {count - 1}, {refused} refused, slowest {slowest:.3f} s")
    assert 0 < refused < count
    assert slowest < 20


def reading(reader: LabelReader, file: Path, right: bytes) -> Callable[[random.Random], object]:
    def one(draw: random.Random) -> None:
        file.write_bytes(mutated(right, draw))
        labels = reader.read("a.png", str(file), (20, 40), 3, draw.random() < 0.1)
        assert labels.rows.shape[1] == 5
        assert all(fault.kind in KINDS and "\n" not in str(fault) for fault in labels.faults)

    return one


ROWS = 10


def test_label_lines(tmp_path: Path) -> None:
    draw = random.Random(0)
    boxes = "".join(f"{n % 3} 0.{draw.randint(3, 6)} 0.5 0.{n:02} 0.1\n" for n in range(1, ROWS + 1))
    outlines = "".join(f"{n % 3} 0.1 0.1 0.5 0.1 0.3 0.{n + 10}\n" for n in range(ROWS))
    wider = f"{ROWS}\n" + "".join(f"{n % 5 + 1} 1 2 {n + 10} 9\n" for n in range(ROWS))
    for name, reader, text, share in (
        ("YOLO boxes", YoloLabels(), boxes, 0.5),
        ("YOLO polygons", YoloLabels(), outlines, 0.25),
        ("WiderPerson", WiderPersonLabels(str(tmp_path)), wider, 0.25),
    ):
        tried(
            f"{name}, {ROWS} lines each", int(LINES * share / ROWS), reading(reader, tmp_path / "a.txt", text.encode())
        )


def test_xml(tmp_path: Path) -> None:
    text = voc_xml((40, 20), [Box(0, 1, 1, 9, 9), Box(1, 3, 2, 20, 10)], ["cat", "dog"]).encode()
    tried("VOC XML", DOCUMENTS, reading(VocLabels((), ("cat", "dog", "x")), tmp_path / "a.xml", text))


def test_labelme(tmp_path: Path) -> None:
    shapes = [
        {"label": "cat", "shape_type": "rectangle", "points": [[1, 1], [9.5, 9]]},
        {"label": "dog", "shape_type": "polygon", "points": [[1, 1], [9.5, 9], [3, 4]]},
        {"label": "cat", "shape_type": "circle", "points": [[10, 10], [12, 10]]},
    ]
    text = json.dumps({"imageWidth": 40, "imageHeight": 20, "imagePath": "a.png", "shapes": shapes}).encode()
    tried("labelme JSON", DOCUMENTS, reading(LabelmeLabels(("cat", "dog", "x")), tmp_path / "a.json", text))


def test_data_yaml(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "train" / "a.png")
    text = b"path: .\ntrain: images/train\nval: [images/train]\nnc: 2\nnames:\n  0: cat\n  1: dog\nchannels: 3\n"

    def one(draw: random.Random) -> None:
        (tmp_path / "data.yaml").write_bytes(mutated(text, draw))
        spec = yolo(path=str(tmp_path / "data.yaml"))
        assert list(spec.names) == list(range(spec.nc))

    tried("data.yaml", DOCUMENTS, one)


def test_coco_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png")
    monkeypatch.setattr("yolograft.common.files.os.fsync", lambda handle: None)  # ten thousand caches need not last
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 20}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 5, "bbox": [n, 1, 9, 9.5], "iscrowd": 0} for n in (1, 2)
        ],
        "categories": [{"id": 5, "name": "cat", "supercategory": "none"}],
    }
    text = json.dumps(document).encode()

    def one(draw: random.Random) -> None:
        (tmp_path / "a.json").write_bytes(mutated(text, draw))
        spec = coco(path=str(tmp_path / "a.json"))
        assert isinstance(spec.labels, CocoLabels)
        (file,) = spec.labels.files([str(tmp_path / "a.png")])
        spec.labels.read(str(tmp_path / "a.png"), file, (20, 40), spec.nc, False)
        assert all(fault.kind in KINDS for fault in spec.labels.orphans([], [], str(tmp_path)))

    tried("COCO JSON", DOCUMENTS, one)
