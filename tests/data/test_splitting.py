"""Splits made here: reproducible, disjoint, complete, and near-duplicates on one side when asked for."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolograft.data.listing import list_images
from yolograft.data.spec import DataSpec
from yolograft.data.splitting import fold, hold_out
from yolograft.errors import UserError


@pytest.fixture
def pool(tmp_path: Path) -> DataSpec:
    """Fifty images in one folder, each second one a copy of the one before it."""
    folder = tmp_path / "pool" / "images"
    folder.mkdir(parents=True)
    for number in range(50):
        noise = np.random.default_rng(number // 2).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    return DataSpec("pool", (str(folder),), (), (), {0: "a"}, str(tmp_path / "pool"))


def names(files: tuple[str, ...]) -> set[str]:
    return {Path(file).name for file in files}


def test_a_share_is_held_out_by_name_and_stays_when_images_come_and_go(pool: DataSpec, tmp_path: Path) -> None:
    split = hold_out(pool, 0.8)
    assert list(split.train + split.val) != sorted(split.train + split.val)
    assert sorted(split.train + split.val) == list_images(pool, "train")
    assert len(split.val) == 8, "a fact of these fifty names: SHA-256 gives 0.8 and more to eight of them"
    moved = tmp_path / "elsewhere" / "images"
    shutil.copytree(pool.train[0], moved)
    (moved / "07.png").unlink()
    shutil.copy(moved / "08.png", moved / "new.png")
    again = hold_out(DataSpec("pool", (str(moved),), (), (), {0: "a"}, str(moved.parent)), 0.8)
    assert names(again.val) - {"new.png"} == names(split.val) - {"07.png"}


def test_near_duplicates_come_on_one_side_when_asked_for(pool: DataSpec) -> None:
    def torn(val: set[str]) -> int:
        return sum((f"{n:02}.png" in val) != (f"{n + 1:02}.png" in val) for n in range(0, 50, 2))

    assert torn(names(hold_out(pool, 0.8).val)) > 0
    assert torn(names(hold_out(pool, 0.8, group_duplicates=True).val)) == 0
    for index in range(3):
        assert torn(names(fold(pool, 3, index, group_duplicates=True).val)) == 0


def test_folds_deal_every_image_out_once(pool: DataSpec) -> None:
    folds = [fold(pool, 4, index) for index in range(4)]
    everything = set(list_images(pool, "train"))
    assert sorted(file for each in folds for file in each.val) == sorted(everything)
    assert [len(each.val) for each in folds] == [13, 13, 12, 12]
    assert all(set(each.train) == everything - set(each.val) for each in folds)
    assert [each.name for each in folds][:2] == ["pool, fold 0 of 4", "pool, fold 1 of 4"]


def test_folds_join_train_and_val(pool: DataSpec) -> None:
    split = hold_out(pool, 0.5)
    assert fold(split, 5, 2) == fold(pool, 5, 2)


def test_files_of_one_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
        for number in range(10):
            Image.new("RGB", (12, 12)).save(tmp_path / part / f"{number}.png")
    spec = DataSpec("s", (str(tmp_path / "one"), str(tmp_path / "two")), (), (), {0: "a"}, str(tmp_path))
    assert [len(fold(spec, 4, index).val) for index in range(4)] == [5, 5, 5, 5]


def test_what_cannot_be_split_is_refused(pool: DataSpec) -> None:
    with pytest.raises(UserError, match=r"dataset.split=0.8: pool has a val split already"):
        hold_out(hold_out(pool, 0.8), 0.8)
    with pytest.raises(UserError, match=r"of the 50 images of pool 50 would be left to train on and 0 to validate on"):
        hold_out(pool, 0.9999)
    with pytest.raises(UserError, match=r"dataset.folds=51: pool has only 50 images to deal out"):
        fold(pool, 51, 0)
