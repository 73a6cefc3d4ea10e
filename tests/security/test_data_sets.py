"""Data sets that are made to hang the program, to fill the machine, or to be decoded although they are refused.

Each is read and pictured as `yolograft data` does, in a process with little memory and little time of its own.
"""

import io
import json
import multiprocessing
import os
import shutil
import socket
import struct
import sys
import zlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from PIL import Image

from helpers.readings import write_image
from yolograft.common.errors import UserError
from yolograft.data.inspect.reading import read
from yolograft.data.inspect.samples import faulty, samples
from yolograft.data.sources.auto import auto
from yolograft.data.sources.widerperson import widerperson
from yolograft.data.spec import DataSpec

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs, no /dev/zero, no fork")

#: Memory in MiB and seconds that reading a data set of three small images may take, whatever lies beside them.
MEMORY, TIME = 1500, 60

Attack = Callable[[Path], object]
LIST = "train: l.txt\nnames: [a]\n"
ROW = "0 0.5 0.5 0.4 0.4\n"


def yolo_set(root: Path) -> None:
    for name in ("x", "yy", "zzz"):
        write_image(root / "images" / f"{name}.png")
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{name}.txt").write_text(ROW)
    (root / "data.yaml").write_text("train: images\nnames: [a]\n")


def flat_set(root: Path) -> None:
    for name in ("xx", "yyy", "zzzz"):
        write_image(root / f"{name}.png")
        (root / f"{name}.txt").write_text(ROW)
    (root / "classes.txt").write_text("a\n")


def voc_set(root: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for name in ("xx", "yyy", "zzzz"):
        write_image(root / f"{name}.png")
        (root / f"{name}.xml").write_text(f"<annotation><object><name>a</name>{box}</object></annotation>")


def labelme_set(root: Path) -> None:
    shape = {"label": "a", "shape_type": "rectangle", "points": [[1, 1], [9, 9]]}
    for name in ("xx", "yyy", "zzzz"):
        write_image(root / f"{name}.png")
        (root / f"{name}.json").write_text(json.dumps({"shapes": [shape]}))


def coco_set(root: Path) -> None:
    names = ("xx", "yyy", "zzzz")
    for name in names:
        write_image(root / f"{name}.png")
    document = {
        "images": [{"id": number, "file_name": f"{name}.png"} for number, name in enumerate(names)],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 1, 9, 9]}],
        "categories": [{"id": 0, "name": "a"}],
    }
    (root / "all.json").write_text(json.dumps(document))


def wider_set(root: Path) -> None:
    write_image(root / "Images" / "a.jpg")
    (root / "Annotations").mkdir()
    (root / "Annotations" / "a.jpg.txt").write_text("1\n1 1 1 9 9\n")
    for split in ("train", "val"):
        (root / f"{split}.txt").write_text("a\n")


# What a file is replaced by.


def fifo(file: Path) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def device(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to("/dev/zero")


def folder(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


def a_socket(file: Path) -> None:
    file.unlink(missing_ok=True)
    here = Path.cwd()
    os.chdir(file.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(file.name)
    finally:
        os.chdir(here)


def itself(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to(file.name)


def to_here(file: Path) -> None:
    file.symlink_to(".")


def sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(100 * 2**30)


def becomes(name: str, how: Attack) -> Attack:
    return lambda root: how(root / name)


def both(*attacks: Attack) -> Attack:
    return lambda root: [attack(root) for attack in attacks]


def holds(name: str, content: bytes | str | Callable[[], bytes]) -> Attack:
    def attack(root: Path) -> None:
        made = content() if callable(content) else content
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(made.encode() if isinstance(made, str) else made)

    return attack


# Images.


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, rows: int, *extra: bytes) -> bytes:
    """A black PNG of one bit per pixel, of which some rows are there."""
    packer = zlib.compressobj(1)
    row = b"\0" * (1 + (side + 7) // 8)
    packed = b"".join(packer.compress(row * 1000) for _ in range(rows // 1000)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(side: int, pages: int) -> bytes:
    """A TIFF of black pages of one strip each, of which hardly anything is there."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8))
    for page in range(pages):
        tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, side)]
        tags.append((279, 4, side * side))
        after = len(out) + 2 + 12 * len(tags) + 4
        out += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags)
        out += struct.pack("<I", after if page + 1 < pages else 0)
    return bytes(out)


def altered(kind: str, old: bytes, new: bytes, side: int = 64) -> Callable[[], bytes]:
    """An image whose header says another size."""

    def make() -> bytes:
        stream = io.BytesIO()
        Image.new("RGB", (side, side)).save(stream, kind)
        content = stream.getvalue()
        assert old in content
        return content.replace(old, new)

    return make


def animated(kind: str, frames: int, side: int) -> Callable[[], bytes]:
    def make() -> bytes:
        stream = io.BytesIO()
        pages = [Image.new("RGB", (side, side), (255 * (number % 2), number, 0)) for number in range(frames)]
        pages[0].save(
            stream, kind, save_all=True, append_images=pages[1:], duration=40, lossless=True, method=0, quality=0
        )
        return stream.getvalue()

    return make


def in_several_formats() -> dict[str, tuple[Attack, Attack, str]]:
    large = "178,956,970 pixels; it is not decoded"
    side = struct.pack(">II", 64, 64)
    found: dict[str, tuple[str, bytes | Callable[[], bytes], str]] = {
        "png of 30000 x 30000": ("png", lambda: png(30000, 30000), large),
        "png of 2**31 pixels, cut off": ("png", lambda: png(2**16, 1000), large),
        "tiff of 60000 x 60000": ("tif", lambda: tiff(60000, 1), large),
        "tiff of 900 large pages": ("tif", lambda: tiff(13000, 900), large),
        "tiff of 100000 pages": ("tif", lambda: tiff(12, 100_000), "more than 1000 pages"),
        "webp of 200 large frames as tiff": ("tif", animated("WEBP", 200, 1000), large),
        "gif of 300 frames as png": ("png", animated("GIF", 300, 30), "of format gif"),
        "bmp of 60000 x 60000": (
            "bmp",
            altered("BMP", struct.pack("<ii", 64, 64), struct.pack("<ii", 60000, 60000)),
            large,
        ),
        "jpeg of 65000 x 65000": (
            "jpg",
            altered("JPEG", b"\x08" + struct.pack(">HH", 64, 64), b"\x08" + struct.pack(">HH", 65000, 65000)),
            large,
        ),
        "jpeg 2000 of 60000 x 60000": ("jp2", altered("JPEG2000", side, struct.pack(">II", 60000, 60000)), large),
        "avif of 60000 x 60000": ("avif", altered("AVIF", side, struct.pack(">II", 60000, 60000)), "a.avif"),
        "webp of 16383 x 16383": (
            "webp",
            altered("WEBP", struct.pack("<HH", 64, 64), struct.pack("<HH", 16383, 16383)),
            "the image ",
        ),
        "png with a profile of 64 MB": (
            "png",
            lambda: png(1000, 1000, chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**26), 1))),
            "the image does not decode",
        ),
        "png with a text of 64 MB": (
            "png",
            lambda: png(1000, 1000, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(2**26), 1))),
            "the image does not decode",
        ),
        "png that is cut off": ("png", lambda: png(8000, 3000), "the image does not decode"),
    }
    return {name: (yolo_set, holds(f"images/a.{suffix}", what), said) for name, (suffix, what, said) in found.items()}


def loops(root: Path) -> None:
    for name in ("one", "two", "images/one", "images/two", "labels/one", "labels/two"):
        to_here(root / name)


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
BOMB = f'<!DOCTYPE a [<!ENTITY e0 "lol">{ENTITIES}]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
NO_FILE = "is not a regular file"

ATTACKS: dict[str, tuple[Attack, Attack, str]] = {
    **{
        f"{what} as {name}": (make, becomes(name, how), said)
        for how, what in ((fifo, "fifo"), (device, "zeros"), (a_socket, "socket"))
        for make, name, said in (
            (yolo_set, "images/x.png", "No such device" if how is a_socket else NO_FILE),
            (yolo_set, "labels/x.txt", "x.txt: the label file cannot be read"),
            (flat_set, "classes.txt", "classes.txt: cannot be read"),
            (voc_set, "xx.xml", "xx.xml: the label file cannot be read"),
            (labelme_set, "xx.json", "xx.json: the label file cannot be read"),
        )
    },
    "fifo as data.yaml": (yolo_set, becomes("data.yaml", fifo), "no classes.txt"),
    "zeros as data.yaml": (yolo_set, becomes("data.yaml", device), "no classes.txt"),
    "fifo as COCO JSON": (coco_set, becomes("all.json", fifo), "no form of data set is recognised"),
    "zeros as COCO JSON": (coco_set, becomes("all.json", device), "no form of data set is recognised"),
    "fifo as list": (
        yolo_set,
        both(becomes("l.txt", fifo), holds("data.yaml", LIST)),
        "l.txt: cannot be read: is not a regular file",
    ),
    "zeros as list": (
        yolo_set,
        both(becomes("l.txt", device), holds("data.yaml", LIST)),
        "/dev/zero is neither a folder of images nor a .txt list",
    ),
    "fifo as label of WiderPerson": (wider_set, becomes("Annotations/a.jpg.txt", fifo), NO_FILE),
    "fifo as list of WiderPerson": (wider_set, becomes("train.txt", fifo), "no train.txt"),
    "folder as image": (yolo_set, becomes("images/x.png", folder), ""),
    "folder as label": (yolo_set, becomes("labels/x.txt", folder), "x.txt: the label file cannot be read"),
    "image that links to itself": (yolo_set, becomes("images/x.png", itself), "symbolic links"),
    "folders that link to themselves": (yolo_set, loops, ""),
    "folders that link to themselves, VOC": (
        voc_set,
        both(becomes("one", to_here), becomes("two", to_here)),
        "",
    ),
    "image of 100 GB": (yolo_set, becomes("images/x.png", sparse), "larger than 1024 MiB"),
    "label of 100 GB": (yolo_set, becomes("labels/x.txt", sparse), "larger than 8 MiB"),
    "COCO JSON of 100 GB": (coco_set, lambda root: os.truncate(root / "all.json", 100 * 2**30), "larger than 2048 MiB"),
    "data.yaml of 100 GB": (yolo_set, lambda root: os.truncate(root / "data.yaml", 100 * 2**30), "larger than 16 MiB"),
    "label of 10 million rows": (yolo_set, holds("labels/x.txt", lambda: ROW.encode() * 10**7), "larger than 8 MiB"),
    "label of one long line": (yolo_set, holds("labels/x.txt", lambda: b"9" * 10**8), "larger than 8 MiB"),
    "list of 100 million entries": (
        yolo_set,
        both(holds("l.txt", lambda: b"a\n" * 10**8), holds("data.yaml", LIST)),
        "more than 3,000,000 lines",
    ),
    "10 million class names": (flat_set, holds("classes.txt", b"a\n" * 10**7), "more than 100,000 lines"),
    "aliases of a thousand million values": (
        yolo_set,
        holds("data.yaml", f"train: images\n{LAUGHS}names: *a11\n"),
        "stands for more",
    ),
    "alias of itself": (yolo_set, holds("data.yaml", "train: &a [*a]\nnames: [a]\n"), "refers to what it stands in"),
    "deep YAML": (yolo_set, holds("data.yaml", "train: " + "[" * 10**6), "nested too deep"),
    "odd YAML": (yolo_set, holds("data.yaml", "train: !!timestamp x\nnames: [a]"), "not YAML"),
    "deep JSON": (coco_set, holds("all.json", '{"images": ' + "[" * 10**6), "all.json"),
    "deep labelme": (labelme_set, holds("xx.json", '{"shapes": ' + "[" * 10**6), "nested too deep"),
    "one long name among many, labelme": (
        labelme_set,
        holds("xx.json", json.dumps({"shapes": [{"label": name} for name in (*map(str, range(10_000)), "x" * 10**7)]})),
        "points are not those of a polygon",
    ),
    "one long name among many, VOC": (
        voc_set,
        holds(
            "xx.xml",
            "<annotation>"
            + "".join(f"<object><name>{n}</name></object>" for n in (*range(10_000), "x" * 10**6))
            + "</annotation>",
        ),
        "xx.xml",
    ),
    "deep XML": (voc_set, holds("xx.xml", "<annotation>" + "<a>" * 10**6), "xx.xml:1: not XML"),
    "XML entities in text": (voc_set, holds("xx.xml", f"{BOMB}<annotation><a>&e11;</a></annotation>"), ""),
    "XML entities in an attribute": (voc_set, holds("xx.xml", f"{BOMB}<annotation a='&e11;'/>"), "xx.xml:1: not XML"),
    "XML that reads a file": (
        voc_set,
        holds("xx.xml", f"{OUTSIDE}<annotation><object><name>&e;</name></object></annotation>"),
        "there is no class ''",
    ),
    **in_several_formats(),
}


def look(root: Path, answer: Connection) -> None:
    """Read and picture a data set, and tell what was said of it and how much memory it took, MiB."""
    import resource

    source: Callable[..., DataSpec] = widerperson if (root / "Images").is_dir() else auto
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4 * 2**30,) * 2)  # ends what would take the machine with it
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        reading = read(source(path=str(root)))
        samples(reading)
        faulty(reading)
        said = [str(fault) for _, fault in reading.faults] + list(reading.errors.values())
    except UserError as refused:
        said = [str(refused)]
    answer.send((said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_data_set_of_a_stranger(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    make, attack, expected = ATTACKS[name]
    root = tmp_path / "set"
    root.mkdir()
    make(root)
    attack(root)
    here, there = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=look, args=(root, there))
    child.start()
    there.close()
    try:
        assert here.poll(TIME), "hangs"
        said, memory = here.recv()
        child.join(TIME)
    finally:
        child.kill()
    assert child.exitcode == 0
    assert all("\n" not in line for line in said)
    assert any(expected in line for line in said) or not expected, said
    if not expected:
        assert not said or "xx.xml" in said[0], said
    assert memory < MEMORY
    shutil.rmtree(root, ignore_errors=True)


def test_there_are_enough_of_them() -> None:
    assert len(ATTACKS) >= 25
