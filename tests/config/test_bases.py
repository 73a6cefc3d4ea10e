"""A base bundles options; whatever a person chooses wins over it, in any order."""

from pathlib import Path

import pytest
from hydra import compose

from yolograft.cli.command_line import check_command_line
from yolograft.config.defaults import base_choices, default_choices
from yolograft.config.locations import conf_dir
from yolograft.config.search_path import initialized
from yolograft.model.bases import BASES
from yolograft.runs.identity import variant_name

TABLE = {
    "yolo11": ("yolo11", "sppf_c2psa", "conv", "detect", "ciou"),
    "yolo26": ("yolo11", "yolo26", "yolo26", "yolo26", "ciou"),
    "yolo12": ("yolo12", "none", "yolo12", "detect", "ciou"),
    "yolov8": ("yolov8", "sppf", "yolov8", "yolov8", "ciou"),
    "yolov10": ("yolov10", "sppf_psa", "yolov10", "yolov10", "ciou"),
}
GROUPS = ("backbone", "context", "neck", "head", "loss")


def chosen(*overrides: str) -> tuple[dict[str, str], dict[str, float]]:
    with initialized("train"):
        composed = compose("train", list(overrides), return_hydra_config=True)
    return dict(composed.hydra.runtime.choices), dict(composed.scale)


@pytest.mark.parametrize("base", TABLE)
def test_a_base_is_its_options(base: str) -> None:
    choices, _ = chosen(f"base={base}")
    assert tuple(choices[group] for group in GROUPS) == TABLE[base]
    assert base_choices(base).items() >= {"base": base, **dict(zip(GROUPS, TABLE[base], strict=True))}.items()


def test_every_option_is_a_base_of_the_model_room() -> None:
    assert {file.stem for file in (conf_dir() / "base").glob("*.yaml")} == set(BASES) == set(TABLE)
    assert default_choices()["base"] == "yolo11"


@pytest.mark.parametrize("order", [1, -1])
def test_the_command_line_wins(order: int) -> None:
    choices, scale = chosen(*["base=yolov8", "backbone=effv1", "neck=slim", "scale=m", "scale.width=0.3"][::order])
    assert [choices[group] for group in GROUPS] == ["effv1", "sppf", "slim", "yolov8", "ciou"]
    assert (scale["depth"], scale["width"], scale["max_channels"]) == (0.67, 0.3, 768)


def test_scales_are_the_bases_own() -> None:
    def numbers(*overrides: str) -> tuple[float, float, float]:
        scale = chosen(*overrides)[1]
        return scale["depth"], scale["width"], scale["max_channels"]

    assert numbers() == numbers("base=yolo26") == numbers("base=yolo12") == (0.5, 0.25, 1024)
    assert numbers("base=yolov8") == numbers("base=yolov10") == (0.33, 0.25, 1024)
    assert numbers("base=yolov8", "scale=x") == numbers("scale=x", "base=yolov10") == (1.0, 1.25, 512)
    assert numbers("base=yolo11", "scale=x") == (1.0, 1.5, 512)
    assert numbers("base=yolov10", "scale=b") == (0.67, 1.0, 512)


def test_an_experiment_wins_and_the_command_line_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    text = "# @package _global_\ndefaults:\n  - override /base: yolov8\n  - override /neck: gsconv\n"
    (tmp_path / "experiments" / "mine.yaml").write_text(text)
    choices, scale = chosen("experiments=mine", "head=detect")
    assert [choices[group] for group in GROUPS] == ["yolov8", "sppf", "gsconv", "detect", "ciou"]
    assert scale["depth"] == 0.33
    choices, _ = chosen("experiments=mine", "base=yolo26")
    assert [choices[group] for group in GROUPS] == ["yolo11", "yolo26", "gsconv", "yolo26", "ciou"]


def test_a_sweep_over_bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = check_command_line("train", ["-m", "base=yolo11,yolo26,yolov8", "neck=slim,conv", "scale=s"]).request
    assert request is not None
    names = [spec.name.rpartition("-")[0] for spec in request.specs]
    assert names == [
        "yolo11_slim_s_seed0",
        "yolo11_conv_s_seed0",
        "yolo26_slim_s_seed0",
        "yolo26_conv_s_seed0",
        "yolov8_slim_s_seed0",
        "yolov8_conv_s_seed0",
    ]
    assert len({spec.identity for spec in request.specs}) == 6


def test_the_default_base_changes_neither_identity_nor_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (silent,) = check_command_line("train", []).jobs
    (said,) = check_command_line("train", ["base=yolo11"]).jobs
    assert said.identity == silent.identity == "9af94f9597a1"
    assert said.folder == silent.folder
    assert "base" not in said.config


def test_names_say_the_base_and_what_differs_from_it() -> None:
    config = {"backbone": {}, "seed": 0}
    yolo26 = dict(base_choices("yolo26")) | {"scale": "n"}
    assert variant_name(yolo26, config, ["base=yolo26"]) == "yolo26_n_seed0"
    swapped = yolo26 | {"backbone": "effv1", "head": "detect", "loss": "eiou"}
    assert (
        variant_name(swapped, {"backbone": {"variant": "b0"}, "seed": 0}, []) == "yolo26_effv1-b0_detect_n_eiou_seed0"
    )
    yolo11 = dict(base_choices("yolo11")) | {"scale": "n"}
    assert variant_name(yolo11, config, []) == "yolo11_conv_n_seed0"
    assert variant_name(yolo11 | {"head": "end2end"}, config, []) == "yolo11_conv_end2end_n_seed0"


def test_a_base_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    text = "# @package _global_\n# Mine\ndefaults:\n  - override /neck: slim\n  - override /head: end2end\n"
    (tmp_path / "base" / "mine.yaml").write_text(text)
    (tmp_path / "base" / "scale").mkdir()
    (tmp_path / "base" / "scale" / "mine_n.yaml").write_text("depth: 0.4\n")
    choices, scale = chosen("base=mine")
    assert scale == {"name": "n", "depth": 0.4, "width": 0.25, "max_channels": 1024, "c3k": False}
    assert (choices["neck"], choices["head"], choices["context"]) == ("slim", "end2end", "sppf_c2psa")
    assert base_choices("mine")["neck"] == "slim"


@pytest.mark.parametrize("base", ["../base/yolo26", "no such", "", "gone", "/etc/passwd"])
def test_what_a_strangers_record_calls_a_base_leads_nowhere(base: str) -> None:
    assert base_choices(base) == {}
