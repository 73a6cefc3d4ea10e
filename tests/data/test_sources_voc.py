"""Pascal VOC's XML: every layout it comes in, what corners mean, and what is made of the oddities of real files."""

from pathlib import Path

import pytest

from helpers.forms import Box, voc_xml
from helpers.readings import read, write_image
from yolograft.common.errors import UserError
from yolograft.data.labels import voc as labels
from yolograft.data.sources.voc import voc


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def write_pair(image: Path, xml: Path, name: str = "cat") -> None:
    """An image of 40x20 pixels with one box at (4, 6) of 8x10 pixels."""
    write_image(image)
    write(xml, voc_xml((40, 20), [Box(0, 4, 6, 8, 10)], [name]))


CAT = ("cat", 4, 6, 8, 10)

LAYOUTS = {
    # where images and XML files of train and val lie
    "Roboflow": ("train/a.png", "train/a.xml", "valid/b.png", "valid/b.xml"),
    "labelImg": ("train/a.png", "train/a.xml", "val/sub/b.png", "val/sub/b.xml"),
    "folders of splits": ("images/train/a.png", "annotations/train/a.xml", "images/val/b.png", "annotations/val/b.xml"),
    "only images sorted": ("images/train/a.png", "Annotations/a.xml", "images/val/b.png", "Annotations/b.xml"),
    "splits of folders": ("train/images/a.png", "train/annotations/a.xml", "val/images/b.png", "val/annotations/b.xml"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_with_splits(layout: str, tmp_path: Path) -> None:
    root = tmp_path / "set 猫"
    train, train_xml, val, val_xml = (root / path for path in LAYOUTS[layout])
    write_pair(train, train_xml)
    write_pair(val, val_xml)
    spec = voc(path=str(root))
    assert (spec.names, spec.name, spec.root, spec.test) == ({0: "cat"}, "set 猫", str(root), ())
    assert read(spec).boxes == {"a.png": [CAT]}
    assert read(spec, "val").boxes == {"b.png": [CAT]}
    assert read(spec).faults == []


@pytest.mark.parametrize(
    ("image", "xml"), [("a.png", "a.xml"), ("images/a.png", "annotations/a.xml"), ("s/a.png", "s/a.xml")]
)
def test_layouts_of_one_pool(tmp_path: Path, image: str, xml: str) -> None:
    write_pair(tmp_path / image, tmp_path / xml)
    write_image(tmp_path / Path(image).parent / "background.png")
    spec = voc(path=str(tmp_path))
    assert spec.val == ()
    assert read(spec).boxes == {"a.png": [CAT], "background.png": []}


@pytest.mark.parametrize("kit", [".", "VOC2007", "VOCdevkit/VOC2007"])
def test_the_lists_of_a_devkit_make_the_splits(tmp_path: Path, kit: str) -> None:
    root = tmp_path / kit
    for name in "abcd":
        write_pair(
            root / "JPEGImages" / f"{name}.{'jpg' if name < 'c' else 'png'}", root / "Annotations" / f"{name}.xml"
        )
    lists = root / "ImageSets" / "Main"
    write(lists / "trainval.txt", "a\nb\n")
    write(lists / "test.txt", "d\ngone\n")
    write(lists / "cat_train.txt", "a 1\n")
    spec = voc(path=str(tmp_path))
    assert (list(read(spec).boxes), spec.val) == (["a.jpg", "b.jpg"], ()), "trainval is one pool where it is not parted"
    assert read(spec, "test").faults == [("missing-image", "…/gone.jpg: the image does not exist")]
    write(lists / "train.txt", "b\n\n")
    write(lists / "val.txt", "\ufeffa.jpg\r\n")
    spec = voc(path=str(tmp_path))
    assert [list(read(spec, split).boxes) for split in ("train", "val", "test")] == [["b.jpg"], ["a.jpg"], ["d.png"]]
    assert not [kind for kind, _ in read(spec).faults if kind == "label-without-image"], (
        "c.png is there, only not listed"
    )
    write(root / "Annotations" / "lost.xml", "<annotation/>")
    assert read(spec).faults == [("label-without-image", "…/lost.xml: labels without an image")]


def test_years_of_a_devkit_are_joined(tmp_path: Path) -> None:
    for year, name in (("2007", "a"), ("2012", "b")):
        kit = tmp_path / "VOCdevkit" / f"VOC{year}"
        write_pair(kit / "JPEGImages" / f"{name}.jpg", kit / "Annotations" / f"{name}.xml")
        write(kit / "ImageSets" / "Main" / "train.txt", f"{name}\n")
    assert read(voc(path=str(tmp_path))).boxes == {"a.jpg": [CAT], "b.jpg": [CAT]}


def test_corners_from_one_are_inside_the_box_and_from_zero_are_edges(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    corners = "<xmin>1</xmin><ymin>1</ymin><xmax>40</xmax><ymax>20</ymax>"
    write(tmp_path / "a.xml", f"<annotation><object><name>cat</name><bndbox>{corners}</bndbox></object></annotation>")
    assert read(voc(path=str(tmp_path))).boxes == {"a.png": [("cat", 0, 0, 40, 20)]}, "the whole image"
    assert read(voc(path=str(tmp_path), one_based=False)).boxes == {"a.png": [("cat", 1, 1, 39, 19)]}


@pytest.mark.parametrize("names", [None, ["cat"]])
def test_corners_of_zero_are_not_counted_from_one(tmp_path: Path, names: list[str] | None) -> None:
    for name in "abc":
        write_pair(tmp_path / f"{name}.png", tmp_path / f"{name}.xml")
    assert read(voc(path=str(tmp_path), names=names)).faults == []
    for name in "ab":
        write(tmp_path / f"{name}.xml", voc_xml((40, 20), [Box(0, 3, -1, 5, 5)], ["cat"]).replace(">20<", ">200<"))
        write_image(tmp_path / f"{name}.png", 40, 200)
    assert read(voc(path=str(tmp_path), names=names)).faults == [
        (
            "corner-at-0",
            "…/a.xml:3: a corner is 0, so it is hardly counted from 1; "
            "dataset=voc_xml dataset.one_based=false reads corners from 0 (and 1 more like it)",
        )
    ]
    assert read(voc(path=str(tmp_path), names=names, one_based=False)).faults == []


def test_corners_with_fractions_are_edges(tmp_path: Path) -> None:
    """As labelme2voc writes them: no pixel is taken off, in their file; a file of whole corners stays as it was."""
    for name in "abc":
        write_pair(tmp_path / f"{name}.png", tmp_path / f"{name}.xml")
    for name in "ab":
        write(tmp_path / f"{name}.xml", xml(box(4.25, 6.5, 12.75, 16), box(20, 1, 30, 9)))
    spec = voc(path=str(tmp_path))
    edges = [("cat", 4.25, 6.5, 8.5, 9.5), ("cat", 20, 1, 10, 8)]
    assert read(spec).boxes == {"a.png": edges, "b.png": edges, "c.png": [CAT]}
    assert read(spec).faults == [
        (
            "fractions",
            "…/a.xml:2: corners with fractions; files of whole ones count from 1 "
            "unless dataset=voc_xml dataset.one_based=false (and 1 more like it)",
        )
    ]
    assert read(voc(path=str(tmp_path), one_based=False)).boxes["a.png"] == edges
    write(tmp_path / "a.xml", xml(box("5.0", "7.0", "12.000", "16.0")))
    assert read(spec).boxes["a.png"] == [CAT], "12.000 is a whole number"


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "jpeg", "png", "PNG", "bmp", "tif", "webp"])
def test_images_of_any_suffix_whatever_the_file_says_they_are_called(suffix: str, tmp_path: Path) -> None:
    for number, stated in enumerate(["a", f"a.{suffix}", "a.jpg", ""]):
        root = tmp_path / str(number)
        write_pair(root / "JPEGImages" / f"a.b.{suffix}", root / "Annotations" / "a.b.xml")
        file = root / "Annotations" / "a.b.xml"
        file.write_text(file.read_text().replace("<annotation>", f"<annotation><filename>{stated}</filename>"))
        write(root / "ImageSets" / "Main" / "train.txt", "a.b\n")
        reading = read(voc(path=str(root)))
        assert (reading.boxes, reading.faults) == ({f"a.b.{suffix}": [CAT]}, [])


def test_classes_that_differ_by_letter_case_are_said(tmp_path: Path) -> None:
    for name, cls in (("a", "Cat"), ("b", "cat "), ("c", "dog")):
        write_pair(tmp_path / f"{name}.png", tmp_path / f"{name}.xml", cls)
    spec = voc(path=str(tmp_path))
    assert list(spec.names.values()) == ["Cat", "cat", "dog"], "they are classes as they are written"
    assert [kind for kind, _ in read(spec).faults] == ["alike-classes"]
    assert "classes of their own: 'Cat', 'cat'" in read(spec).faults[0][1]


def test_difficult_objects_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    text = voc_xml((40, 20), [Box(0, 4, 6, 8, 10), Box(1, 0, 0, 5, 5)], ["cat", "dog"])
    write(
        tmp_path / "a.xml", text.replace("<difficult>0", "<difficult>1", 2).replace("<difficult>1", "<difficult>0", 1)
    )
    spec = voc(path=str(tmp_path))
    assert spec.names == {0: "cat", 1: "dog"}, "a class is a class, however difficult"
    assert read(spec).boxes == {"a.png": [CAT]}
    assert read(spec).faults == [("ignored", "…/a.xml:8: marked as difficult; left out")]
    spec = voc(path=str(tmp_path), difficult=True)
    assert read(spec).boxes == {"a.png": [CAT, ("dog", 0, 0, 5, 5)]}
    assert read(spec).faults == []


def test_where_class_names_come_from(tmp_path: Path) -> None:
    write_pair(tmp_path / "a.png", tmp_path / "a.xml", "zebra")
    write_pair(tmp_path / "b.png", tmp_path / "b.xml", "猫 & co")
    write_pair(tmp_path / "c.png", tmp_path / "c.xml", "Cat")
    assert list(voc(path=str(tmp_path)).names.values()) == ["Cat", "zebra", "猫 & co"]
    write(tmp_path / "classes.txt", "zebra\n猫 & co\nCat\n")
    assert list(voc(path=str(tmp_path)).names.values()) == ["zebra", "猫 & co", "Cat"]
    spec = voc(path=str(tmp_path), names=["Cat", "zebra"])
    assert list(spec.names.values()) == ["Cat", "zebra"]
    reading = read(spec)
    assert reading.boxes == {"a.png": [("zebra", *CAT[1:])], "c.png": [("Cat", *CAT[1:])]}
    assert reading.faults == [("class-range", "…/b.xml:3: there is no class '猫 & co'; the classes are Cat, zebra")]
    for names in ([], ["cat", "cat"]):
        with pytest.raises(UserError, match=r"dataset.names must name each class once"):
            voc(path=str(tmp_path), names=names)


def test_files_are_searched_for_names_once_until_one_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path / "set" / "a.png", tmp_path / "set" / "a.xml")
    voc(path=str(tmp_path / "set"))
    with monkeypatch.context() as patched:
        patched.setattr(labels, "parse", lambda file: pytest.fail("parsed again"))
        assert voc(path=str(tmp_path / "set")).names == {0: "cat"}
    write_pair(tmp_path / "set" / "a.png", tmp_path / "set" / "a.xml", "ocelot")
    assert voc(path=str(tmp_path / "set")).names == {0: "ocelot"}


def xml(*objects: str, size: str = "") -> str:
    return "<annotation>\n" + size + "".join(f"<object>{text}</object>\n" for text in objects) + "</annotation>\n"


def box(
    xmin: object = 5, ymin: object = 7, xmax: object = 12, ymax: object = 16, name: str = "<name>cat</name>"
) -> str:
    return f"{name}<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"


BOMB = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))

FAULTY: dict[str, tuple[str, str, str]] = {
    # the file; kind and message of its fault
    "unknown class": (
        xml(box(), box(name="<name>cta</name>")),
        "class-range",
        ":3: there is no class 'cta'; the classes are cat",
    ),
    "no name": (xml(box(name="")), "class-range", ":2: there is no class ''; the classes are cat"),
    "no box": (xml("<name>cat</name>"), "columns", ":2: an object without xmin in its bndbox"),
    "polygon": (
        xml("<name>cat</name><polygon><x1>1</x1><y1>2</y1></polygon>"),
        "columns",
        ":2: an object of another task (polygon), without xmin in its bndbox",
    ),
    "turned box": (
        xml("<name>cat</name><robndbox><cx>5</cx></robndbox>"),
        "columns",
        ":2: an object of another task (robndbox), without xmin in its bndbox",
    ),
    "no corner": (xml(box(ymax="")), "columns", ":2: an object without ymax in its bndbox"),
    "text": (xml(box(xmin="left")), "number", ":2: xmin 'left' is not a number"),
    "comma": (xml(box(xmin="4,5")), "comma", ":2: xmin '4,5' is not a number; write decimals with a point"),
    "nan": (xml(box(ymin="nan")), "number", ":2: ymin 'nan' is not a number"),
    "endless": (xml(box(xmax="1e999")), "number", ":2: cat: a number of its box is not finite"),
    "swapped": (xml(box(xmin=12, xmax=5)), "negative", ":2: cat: negative size (-6 x 10)"),
    "outside": (
        xml(box(xmin=101, xmax=110)),
        "outside",
        ":2: cat: its centre (105, 11) is outside the image of 40 x 20",
    ),
    "cut off": (
        "<annotation>\n<object>\n<name>",
        "unreadable-labels",
        ":3: not XML: Premature end of data in tag name line 3",
    ),
    "empty": ("", "unreadable-labels", ":1: not XML: Document is empty"),
    "other XML": ("<html/>", "unreadable-labels", ":1: not a Pascal VOC annotation: the outermost element is html"),
    "entity": (
        '<!DOCTYPE annotation [<!ENTITY n "cat">]>\n' + xml(box(name="<name>&n;</name>")),
        "class-range",
        ":3: there is no class ''; the classes are cat",
    ),
    "foreign file": (
        '<!DOCTYPE annotation [<!ENTITY n SYSTEM "classes.txt">]>\n' + xml(box(name="<name>&n;</name>")),
        "class-range",
        ":3: there is no class ''; the classes are cat",
    ),
    "turned": (
        xml(box(), size="<size><width>20</width><height>40</height></size>\n"),
        "unlike-image",
        ":2: the image was labelled at 20x40, but the image is 40x20",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_faulty_files_are_named_and_their_images_left_out(fault: str, tmp_path: Path) -> None:
    text, kind, message = FAULTY[fault]
    write(tmp_path / "classes.txt", "cat\n")
    write_image(tmp_path / "a.png")
    write(tmp_path / "a.xml", text)
    write_pair(tmp_path / "good.png", tmp_path / "good.xml")
    reading = read(voc(path=str(tmp_path)))
    assert (reading.boxes, reading.faults) == ({"good.png": [CAT]}, [(kind, f"…/a.xml{message}")])


@pytest.mark.parametrize(
    "head", ['<?xml version="1.0" encoding="klingon"?>', f'<!DOCTYPE annotation [<!ENTITY a "cat">{BOMB}]>']
)
def test_files_that_parsers_refuse(head: str, tmp_path: Path) -> None:
    write_pair(tmp_path / "good.png", tmp_path / "good.xml")
    write_image(tmp_path / "a.png")
    write(tmp_path / "a.xml", head + '<annotation verified="&i;">\n</annotation>')
    reading = read(voc(path=str(tmp_path)))
    assert list(reading.boxes) == ["good.png"]
    assert [kind for kind, _ in reading.faults] == ["unreadable-labels"]
    assert "…/a.xml:1: not XML: " in reading.faults[0][1]


@pytest.mark.parametrize(
    ("text", "boxes", "faults"),
    [
        (xml(box(4.5, 6.25, 11.75, 15)), [("cat", 4.5, 6.25, 7.25, 8.75)], ["fractions"]),
        (xml(box(xmax=4)), [], ["zero-area"]),
        (xml(box(), box()), [CAT], ["duplicate-row"]),
        (xml(box(xmin=31, xmax=50)), [("cat", 30, 6, 20, 10)], ["overhang"]),
        (xml(box() + "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"), [CAT], []),
        (xml(box(), size="<size><width>80</width><height>40</height></size>"), [("cat", 2, 3, 4, 5)], []),
        (xml(box(), size="<size><width>0</width><height/></size>"), [CAT], []),
        ("\ufeff" + xml("<!-- a note -->" + box()), [CAT], []),
        (xml(), [], []),
    ],
)
def test_files_that_are_used(text: str, boxes: list[object], faults: list[str], tmp_path: Path) -> None:
    write(tmp_path / "classes.txt", "cat\n")
    write_image(tmp_path / "a.png")
    write(tmp_path / "a.xml", text)
    reading = read(voc(path=str(tmp_path)))
    assert reading.boxes == {"a.png": boxes}
    assert [kind for kind, _ in reading.faults] == faults


def test_faulty_layouts(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no images with Pascal VOC XML to train on"):
        voc(path=str(tmp_path))
    write_image(tmp_path / "a.png")
    with pytest.raises(UserError, match="no images with Pascal VOC XML to train on"):
        voc(path=str(tmp_path))
    write(tmp_path / "a.xml", "<annotation/>")
    with pytest.raises(UserError, match="no object is named in 1 XML files"):
        voc(path=str(tmp_path))
    with pytest.raises(UserError, match=r"a.png is a file; the folder of the data set is wanted"):
        voc(path=str(tmp_path / "a.png"))
    kit = tmp_path / "VOC2007"
    write_pair(kit / "JPEGImages" / "a.jpg", kit / "Annotations" / "a.xml")
    (kit / "ImageSets" / "Main").mkdir(parents=True)
    (kit / "ImageSets" / "Main" / "train.txt").write_bytes(b"\xff\xfea")
    with pytest.raises(UserError, match=r"train.txt: not a list of images in UTF-8"):
        voc(path=str(tmp_path))
    (kit / "ImageSets" / "Main" / "train.txt").write_bytes(b"a\0b")
    with pytest.raises(UserError, match=r"train.txt: not a list of images"):
        voc(path=str(tmp_path))
