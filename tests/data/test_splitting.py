"""Splits made here: reproducible, disjoint, complete, and near-duplicates on one side when asked for."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolograft.common.errors import UserError
from yolograft.data.listing import list_images
from yolograft.data.spec import DataSpec
from yolograft.data.splitting import fold, held_files, hold_out


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
    with pytest.raises(UserError, match=r"dataset.folds=51: pool has only 50 images to deal out"):
        fold(pool, 51, 0)


def test_at_least_one_image_is_on_each_side(pool: DataSpec) -> None:
    assert hold_out(pool, 0.9999).held_out == (1, 50)
    files = list_images(pool, "train")
    for count in (2, 3, 4, 5):
        few = replace(pool, train=tuple(files[:count]))
        split = hold_out(few, 0.8)
        assert (len(split.train), len(split.val), split.held_out) == (count - 1, 1, (1, count))
    with pytest.raises(UserError, match=r"pool: no image can be held out .* it has only one image; add some, or give"):
        hold_out(replace(pool, train=tuple(files[:1])), 0.8)
    with pytest.raises(UserError, match=r"all nearly the same; dataset.group_duplicates=false parts them"):
        hold_out(replace(pool, train=tuple(files[:2])), 0.8, group_duplicates=True)
    assert hold_out(replace(pool, train=tuple(files[:2])), 0.8, group_duplicates=False).held_out == (1, 2)


def draws(*numbers: float) -> dict[str, float]:
    return {f"{place}": number for place, number in enumerate(numbers)}


def nothing(numbers: dict[str, float]) -> dict[str, set[int]]:
    return {file: set() for file in numbers}


def test_a_share_that_is_near_stays_and_one_that_is_far_is_brought_to_the_goal() -> None:
    near = draws(*(n / 100 for n in range(0, 100, 2)))  # 50 images, 10 of them from 0.8
    assert held_files(near, nothing(near), 0.8) == {str(n) for n in range(40, 50)}
    eight = {**near, "40": 0.1, "41": 0.1001}
    assert held_files(eight, nothing(eight), 0.8) == {str(n) for n in range(42, 50)}, "off by a fifth"
    six = {**eight, "42": 0.1002, "43": 0.1003}
    held = held_files(six, nothing(six), 0.8)
    assert held == {str(n) for n in [*range(36, 40), *range(44, 50)]}, "off by more than a third: the highest draws"
    fourteen = draws(*(n / 20 for n in range(14)), 0.9)
    assert held_files(fourteen, nothing(fourteen), 0.8) == {"14", "13", "12"}


def test_a_class_is_on_both_sides_where_it_can_be() -> None:
    numbers = draws(0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.85, 0.9)
    shown = {file: {0} for file in numbers}
    assert held_files(numbers, shown, 0.8) == {"6", "7"}
    assert held_files(numbers, {**shown, "1": {1}, "4": {1}}, 0.8) == {"4", "6", "7"}, "the higher draw of the two"
    assert held_files(numbers, {**shown, "1": {1}}, 0.8) == {"6", "7"}, "a class of one image is trained on"
    assert held_files(numbers, {**shown, "7": {1}}, 0.8) == {"6"}
    assert held_files(numbers, {**shown, "6": {1}, "7": {0, 1}}, 0.8) == {"7"}, "the lower draw of the two"
    assert held_files(numbers, {**shown, "1": {1, 2}, "4": {1}}, 0.8) == {"4", "6", "7"}, "2 has but one image"


def test_classes_are_read_from_labels_of_any_form(pool: DataSpec) -> None:
    labels = Path(pool.train[0]).with_name("labels")
    labels.mkdir()
    rare = sorted(names(hold_out(replace(pool, names={0: "a", 1: "b"}), 0.8).train))[:2]
    for name in (Path(file).name for file in list_images(pool, "train")):
        (labels / name).with_suffix(".txt").write_text(f"{int(name in rare)} 0.5 0.5 0.5 0.5\n")
    split = hold_out(replace(pool, names={0: "a", 1: "b"}), 0.8)
    assert len(names(split.val) & set(rare)) == 1
    assert len(split.val) == 9
