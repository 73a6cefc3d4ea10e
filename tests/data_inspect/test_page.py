import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from yolograft.common.errors import UserError
from yolograft.data.checks import Fault
from yolograft.data.inspect.reading import Reading, read
from yolograft.data.inspect.samples import samples
from yolograft.data.inspect.statistics import describe
from yolograft.data.sources.yolo import yolo
from yolograft.render.inspect import page as page_module
from yolograft.render.inspect.page import folder_of, page, write


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def reading(faulty: Path) -> Reading:
    return read(yolo(path=str(faulty)))


def made(reading: Reading) -> tuple[str, Elements]:
    text = page(reading, describe(reading, 640), samples(reading)).decode()
    return text, Elements(text)


def test_the_page_needs_nothing_but_itself(reading: Reading) -> None:
    text, elements = made(reading)
    assert elements.all("script") == elements.all("link") == elements.all("iframe") == []
    addresses = [value for _, a in elements.found for key, value in a.items() if key in ("src", "href", "xlink:href")]
    assert addresses
    assert {str(address).partition(",")[0][:11] for address in addresses if address and address[0] != "#"} == {
        "data:image/"
    }
    assert "url(" not in text
    assert not re.search(r"https?://", text)
    assert "default-src 'none'" in text


def test_the_page_can_be_read_without_seeing_it(reading: Reading) -> None:
    text, elements = made(reading)
    assert elements.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(elements.all("caption")) == len(elements.all("table")) > 4
    assert all(heading["scope"] for heading in elements.all("th"))
    assert all(image["alt"] for image in elements.all("img"))
    pictures = [svg for svg in elements.all("svg") if "aria-hidden" not in svg]
    assert len(pictures) > 10
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in pictures)
    targets = {str(a["id"]) for _, a in elements.found if "id" in a}
    assert {str(link["href"])[1:] for link in elements.all("a")} <= targets
    for words in ("prefers-color-scheme: dark", "@media print", "width=device-width"):
        assert words in text


def test_the_page_names_every_fault_with_file_and_line(reading: Reading) -> None:
    _, elements = made(reading)
    for words in (
        "labels/train/range.txt:2",
        "class 7 is out of range; the data set has classes 0 to 2",
        "labels/train/pixels.txt:1",
        "labels/train/twice.txt:2",
        "images/train/broken.png",
        "in val, but the same image is in train: images/train/image 0.png",
        "test cannot be read:",
        "none.txt (looked for",
    ):
        assert words in elements.text
    details = {detail["id"]: "open" in detail for detail in elements.all("details")}
    assert details["kind-leak"]  # errors are open
    assert not details["kind-grey"]


def test_names_of_classes_and_files_are_text_whatever_they_hold(reading: Reading) -> None:
    text, elements = made(reading)
    assert elements.all("b") == elements.all("i") == []
    assert "red & <b>blue</b>" in elements.text
    assert "红细胞" in elements.text
    reading.faults.append(("train", Fault(f"{reading.spec.root}/a\nb\udcff.png", None, "odd\u202ename", "grey")))
    text, elements = made(reading)
    assert r"a\nb\udcff.png" in elements.text
    assert "\u202e" not in text


def test_a_set_without_faults_is_said_to_be_sound(clean: Path) -> None:
    _, elements = made(read(yolo(path=str(clean))))
    assert "No errors were found." in elements.text
    assert elements.all("details") == []


def test_a_set_of_which_nothing_can_be_read_has_a_page_that_says_so(clean: Path, tmp_path: Path) -> None:
    for image in clean.parent.glob("images/*/*"):
        image.unlink()
    reading = read(yolo(path=str(clean)))
    _, elements = made(reading)
    assert "train cannot be read. val cannot be read." in elements.text
    assert "No files were looked at." in elements.text
    targets = {str(a["id"]) for _, a in elements.found if "id" in a}
    assert {str(link["href"])[1:] for link in elements.all("a")} <= targets
    written, _ = write(reading, describe(reading, 640), tmp_path)
    assert {file.name for file in written.parent.iterdir()} == {"data.html", "data.json"}


def test_a_page_of_very_many_faults_stays_small_and_says_where_the_rest_is(reading: Reading) -> None:
    before = len(made(reading)[0])
    root = reading.spec.root
    reading.faults += [("train", Fault(f"{root}/{n}.png", None, "grey", "grey")) for n in range(20_000)]
    text, elements = made(reading)
    assert f"The first {page_module.LISTED} of 20,001 files; data.json lists all" in elements.text
    assert len(text) < before + 200_000
    assert len(describe(reading, 640)["faults"]) > 20_000


def test_files_are_written_anew_and_another_set_of_that_name_gets_a_folder_of_its_own(
    reading: Reading, tmp_path: Path
) -> None:
    numbers = describe(reading, 640)
    out = tmp_path / "out"
    first, _ = write(reading, numbers, out)
    assert write(reading, numbers, out)[0] == first == out / "faulty" / "data.html"
    assert {file.name for file in first.parent.iterdir()} == {"data.html", "data.json", "samples.png"}
    assert json.loads((first.parent / "data.json").read_text(encoding="utf-8"))["root"] == reading.spec.root
    elsewhere = folder_of({"dataset": "faulty", "root": "/another/faulty"}, out)
    assert elsewhere.parent == out
    assert re.fullmatch("faulty-[0-9a-f]{6}", elsewhere.name)


def test_a_folder_is_named_as_every_system_allows(tmp_path: Path) -> None:
    assert folder_of({"dataset": "a/b: fold 0 of 5", "root": "/x"}, tmp_path).name == "a-b--fold-0-of-5"
    assert folder_of({"dataset": "..", "root": "/x"}, tmp_path).name == "data"


def test_a_place_that_cannot_be_written_to_is_named(reading: Reading, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"out=.*file: cannot be written to"):
        write(reading, describe(reading, 640), tmp_path / "file")
