"""`yolograft info` says where a part has other parameters although it was not swapped, and only there."""

import json

import pytest

import yolograft
from helpers.program import Program


@pytest.mark.parametrize(
    "words", ["", "head=lscd neck=slim attention=ca loss=eiou activation=mish", "base=yolov8 scale=m", "context=none"]
)
def test_what_forces_nothing_is_not_mentioned(words: str) -> None:
    assert yolograft.info(words)["forced"] == {}


def test_a_backbone_forces_what_takes_its_maps() -> None:
    found = yolograft.info("backbone=effv1")
    usual = yolograft.info()
    changes = {part: found["parts"][part] - usual["parts"][part] for part in ("context", "neck")}
    narrower = "P3 16 channels, not 128, P4 32 channels, not 128"
    assert found["forced"] == {
        "context": f"{changes['context']:+,} parameters against yolo11 as it is: its input has {narrower}, "
        "P5 80 channels, not 256",
        "neck": f"{changes['neck']:+,} parameters against yolo11 as it is: its input has {narrower}",
    }


def test_an_activation_that_learns_is_named() -> None:
    found = yolograft.info("activation=prelu neck=gsconv")["forced"]
    assert found.keys() == {"backbone", "context", "head"}
    assert found["head"] == "+18 parameters against yolo11 as it is: activation=prelu has parameters of its own"


def test_the_terminal_shows_it(yolograft: Program) -> None:
    done = yolograft("info", "backbone=mbv3", "context=none")
    assert done.returncode == 0, done.stderr
    assert "neck: " in done.stdout
    assert "against yolo11 as it is: its input has P3" in " ".join(done.stdout.split())
    answer = json.loads(yolograft("info", "backbone=mbv3", "context=none", "format=json").stdout)
    assert answer["forced"].keys() == {"neck"}
