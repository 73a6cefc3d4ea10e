"""A data set may set root keys of its own, but never over the person's."""

import pytest

from yolograft.cli.command_line import check_command_line
from yolograft.config.preset import preset_line


def config(*arguments: str) -> dict:
    (job,) = check_command_line("train", arguments).jobs
    return job.config


def test_the_default_data_set_ends_in_minutes_and_others_are_ultralytics() -> None:
    shapes, coco = config(), config("dataset=coco8")
    assert (shapes["epochs"], shapes["imgsz"], shapes["batch"]) == (30, 160, 16)
    assert (coco["epochs"], coco["imgsz"], coco["batch"]) == (100, 640, 16)
    assert {k for k in shapes if shapes[k] != coco[k]} == {"dataset", "epochs", "imgsz"}


def test_the_persons_own_values_win_and_their_runs_are_the_same_as_before() -> None:
    (job,) = check_command_line("train", ["epochs=100", "imgsz=640"]).jobs
    assert (job.config["epochs"], job.config["imgsz"]) == (100, 640)
    assert job.identity == "c78b43306fa2"  # of the version before presets
    assert not [key for key in job.choices if "preset" in key]


@pytest.mark.parametrize("imgsz", [[], ["imgsz=64"]])
def test_it_is_said(imgsz: list[str]) -> None:
    said = preset_line({"dataset": "shapes"}, config(*imgsz), imgsz)
    assert (
        said
        == f"dataset=shapes comes with epochs=30{'' if imgsz else ' imgsz=160'}; your own are taken where you give them"
    )
    assert preset_line({"dataset": "coco8"}, config("dataset=coco8"), []) is None
