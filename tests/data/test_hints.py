"""Every hint of a key that reading a data set gives works when it is followed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from helpers.forms import Box, voc_xml
from helpers.readings import write_image
from yolograft.common.errors import UserError
from yolograft.data.from_config import data_spec
from yolograft.data.listing import list_images
from yolograft.data.scan import scan_split
from yolograft.data.spec import DataSpec

CONF = Path(__file__).parents[2] / "conf" / "dataset"
ROWS = "0 0.2 0.55 0.2 0.5\n"


def pictures(root: Path, *names: str) -> list[str]:
    for name in names:
        write_image(root / f"{name}.png")
    return [f"{Path(name).name}.png" for name in names]


def coco(file: Path, images: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"id": number, "file_name": name} for number, name in enumerate(images)]
    boxes = [{"id": n, "image_id": n, "category_id": 0, "bbox": [4, 6, 8, 10]} for n in range(len(images))]
    file.write_text(json.dumps({"images": entries, "annotations": boxes, "categories": [{"id": 0, "name": "cat"}]}))


def several_yaml_files(root: Path) -> None:
    pictures(root, "images/train/a", "images/val/b")
    for name in ("set", "set_small"):
        (root / f"{name}.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")


def several_data_sets(root: Path) -> None:
    for name in ("one", "two"):
        pictures(root, f"{name}/images/train/a", f"{name}/images/val/b")
        (root / name / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")


def several_json_files(root: Path) -> None:
    images = pictures(root, "images/a", "images/b")
    for name in ("train", "train_small"):
        coco(root / "annotations" / f"{name}.json", images)


def images_that_could_be_two(root: Path) -> None:
    coco(root / "annotations" / "all.json", pictures(root, "one/a", "one/b"))
    pictures(root, "two/a", "two/b")


def images_outside(root: Path) -> None:
    coco(root / "annotations" / "all.json", pictures(root.parent / "elsewhere", "a", "b"))


def two_forms(root: Path) -> None:
    coco(root / "all.json", pictures(root, "images/train/a", "images/val/b"))
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat]\n")


def corners_at_zero(root: Path) -> None:
    for name in pictures(root, "a", "b"):
        (root / name).with_suffix(".xml").write_text(voc_xml((40, 20), [Box(0, -1, 6, 8, 10)], ["cat"]))


def a_list_that_repeats_itself(root: Path) -> None:
    write_image(root / "a.png")
    (root / "b.png").write_bytes((root / "a.png").read_bytes())
    (root / "classes.txt").write_text("cat\n")
    for name in "ab":
        (root / f"{name}.txt").write_text(ROWS)


#: How each is made and asked for, and what stands for a placeholder of the hint.
CORPUS: dict[Callable[[Path], None], tuple[list[str], str]] = {
    several_yaml_files: ([], ""),
    several_data_sets: ([], "one"),
    several_json_files: ([], "annotations/train.json"),
    images_that_could_be_two: ([], "two"),
    images_outside: ([], "../elsewhere"),
    two_forms: ([], ""),
    corners_at_zero: ([], ""),
    a_list_that_repeats_itself: (["dataset.group_duplicates=true"], ""),
}


def asked(overrides: list[str]) -> DataSpec:
    """Read a data set as `yolograft data` does; an option that the chosen group does not have is refused."""
    given = dict(override.split("=", 1) for override in overrides)
    config = OmegaConf.to_container(OmegaConf.load(CONF / f"{given.pop('dataset')}.yaml"))
    assert isinstance(config, dict)
    for key, value in given.items():
        option = key.removeprefix("dataset.")
        assert option in config or option in ("split", "group_duplicates"), f"{key} is refused"
        config[option] = OmegaConf.from_dotlist([f"x={value}"])["x"]
    return data_spec({"dataset": config})


@pytest.mark.parametrize("make", CORPUS, ids=lambda make: make.__name__)
def test_a_hint_that_is_followed_works(
    make: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOLOGRAFT_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    make(root)
    extra, placeholder = CORPUS[make]
    first = ["dataset=auto", f"dataset.path={root}"]
    try:
        spec = asked(first + extra)
        scans = [scan_split(spec, split, list_images(spec, split)) for split in ("train", "val")]
        faults = [fault for found in scans for fault in found.faults]
        said = " ".join([*spec.notes, *map(str, faults)])
    except UserError as problem:
        said = str(problem)
        assert "\n" not in said
    said += " ".join(record.getMessage() for record in caplog.records)
    hints = re.findall(r"dataset(?:\.\w+)?(?:=[^\s;,]+)?(?=[\s;,]|$)", said)
    hints = [hint for hint in hints if hint != "dataset"]
    assert hints, said
    for number, hint in enumerate(hints):  # a key without a value, or a word in capitals, is for the person to fill in
        value = str(root / placeholder) if hint == "dataset.path" else placeholder
        hints[number] = (
            re.sub(r"=(FOLDER|FILE)$|$", f"={value}", hint, count=1)
            if re.search(r"=(FOLDER|FILE)$|^[^=]+$", hint)
            else hint
        )
    chosen = {hint.partition("=")[0]: hint for hint in [*first, *hints]}
    spec = asked(list(chosen.values()))
    assert list_images(spec, "train")
    assert list_images(spec, "val")
