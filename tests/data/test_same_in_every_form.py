"""One labelled set, written in every form, is one and the same data set."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from helpers.forms import FORMS, Box, LabelledSet, write_form, write_forms
from yolograft.data.dataset import DetectionDataset, build_dataset
from yolograft.data.sources.auto import auto
from yolograft.data.sources.coco import coco
from yolograft.data.sources.flat import flat
from yolograft.data.sources.folder import folder
from yolograft.data.sources.labelme import labelme
from yolograft.data.sources.voc import voc
from yolograft.data.sources.yolo import yolo
from yolograft.data.spec import DataSpec
from yolograft.data.splitting import hold_out

SOURCES: dict[str, Callable[..., DataSpec]] = {
    "yolo": yolo,
    "folder": folder,
    "coco_json": coco,
    "voc_xml": voc,
    "labelme": labelme,
    "flat": flat,
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LabelledSet:
    """Thirty images of odd sizes, two of them backgrounds, split as a flat folder is split."""
    root = tmp_path_factory.mktemp("made")
    images: dict[str, Path] = {}
    boxes: dict[str, list[Box]] = {}
    for number in range(30):
        rng = np.random.default_rng(number)
        width, height = (int(side) for side in rng.integers(20, 90, 2))
        name = f"im ä {number:02}.{('png', 'jpg')[number % 2]}"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(root / name)
        images[name] = root / name
        boxes[name] = []
        for _ in range(number % 15):
            left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
            right, bottom = int(rng.integers(left, width)) + 1, int(rng.integers(top, height)) + 1
            boxes[name].append(Box(int(rng.integers(3)), left, top, right - left, bottom - top))
    pool = LabelledSet(images, boxes, ("zebra", "Antilope & co", "猫"), {})
    write_form("flat", root / "flat", pool)
    split = hold_out(flat(path=str(root / "flat")), 0.8)
    return replace(
        pool, splits={"train": [Path(f).name for f in split.train], "val": [Path(f).name for f in split.val]}
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, labelled: LabelledSet) -> dict[str, tuple[str, Path]]:
    return write_forms(tmp_path_factory.mktemp("forms"), labelled)


def built(spec: DataSpec, split: str) -> DetectionDataset:
    spec = spec if spec.val else hold_out(spec, 0.8)
    return build_dataset(spec, split, SimpleNamespace(), 32, 4, augment=False, rect=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("recognised", [False, True], ids=["named", "recognised"])
def test_same_images_and_labels_to_the_bit(
    form: str, recognised: bool, labelled: LabelledSet, written: dict[str, tuple[str, Path]]
) -> None:
    option, path = written[form]
    spec = (auto if recognised else SOURCES[option])(path=str(path))
    assert list(spec.names.values()) == list(labelled.names)
    for split in ("train", "val"):
        dataset = built(spec, split)
        assert [Path(file).name for file in dataset.im_files] == sorted(labelled.splits[split])
        for label in dataset.labels:
            name = Path(label["im_file"]).name
            width, height = labelled.size(name)
            rows = [
                (cls, (left + w / 2) / width, (top + h / 2) / height, w / width, h / height)
                for cls, left, top, w, h in labelled.boxes[name]
            ]
            found = np.concatenate([label["cls"], label["bboxes"]], axis=1)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, np.array(rows, np.float32).reshape(-1, 5))
        assert dataset.scan.faults == [], "nothing of what is written is peculiar"


def test_one_fingerprint(written: dict[str, tuple[str, Path]]) -> None:
    prints = {
        form: built(SOURCES[option](path=str(path)), "train").fingerprint for form, (option, path) in written.items()
    }
    assert len(set(prints.values())) == 1, prints
