"""What makes two runs the same, and what they are called."""

import copy
from pathlib import Path

import pytest
from hydra import compose

from yolograft.cli.command_line import check_command_line
from yolograft.config.search_path import initialized
from yolograft.runs import resolvers
from yolograft.runs.identity import data_word, identity, variant_name

FORMER = "backbone.last_conv=false"
"""What `backbone=mbv3` was in the first version."""


@pytest.fixture(scope="module")
def config() -> dict:
    resolvers.register()
    with initialized("train"):
        return resolvers.job_config(compose("train"))


def changed(config: dict, key: str, value: object) -> dict:
    copied = copy.deepcopy(config)
    *path, last = key.split(".")
    node = copied
    for step in path:
        node = node[step]
    node[last] = value
    return copied


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "mine"),
        ("project", "elsewhere"),
        ("workers", 3),
        ("logger", {"kind": "tensorboard"}),
        ("trainer.plots", False),
        ("trainer.threads", 1),
    ],
)
def test_what_cannot_change_the_result_does_not_count(config: dict, key: str, value: object) -> None:
    assert identity(changed(config, key, value)) == identity(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("epochs", 99),
        ("optim.lr0", 0.02),
        ("backbone.new", 1),
        ("trainer.precision", "fp32"),
        ("device", "cpu"),
    ],
)
def test_what_can_change_it_counts(config: dict, key: str, value: object) -> None:
    assert identity(changed(config, key, value)) != identity(config)


@pytest.mark.parametrize(
    ("overrides", "recorded"),
    [
        ((), "9af94f9597a1"),
        (("backbone=effv1", "neck=gsconv", "scale=s", "seed=3"), "4ed41017be42"),
        (("dataset=coco8", "optim=sgd", "optim.lr0=0.02", "epochs=5"), "d88ab859463b"),
        (("progressive=default",), "6fd95633e3d2"),  # then: callbacks=progressive
        (("progressive=default", "progressive.stages=2", "epochs=3"), "2113ee5991d3"),
        (("backbone=mbv3", FORMER), "fa56c819d0a6"),  # then: backbone=mbv3
        (("loss=eiou",), "c697eaaac48e"),
        (("loss=ciou", "loss.box=5"), "79ac45c0f5c3"),
        (("+callbacks.x={_target_:yolograft.training.callbacks.journal.TimeBudget,hours:1}",), "6b164da5fbec"),
    ],
)
def test_runs_of_the_first_version_keep_their_identity(overrides: tuple[str, ...], recorded: str) -> None:
    (spec,) = check_command_line("train", overrides).jobs
    assert spec.identity == recorded


def test_what_a_later_version_does_by_default_is_another_run() -> None:
    whole, former = (check_command_line("train", ["backbone=mbv3", *more]).jobs[0] for more in ([], [FORMER]))
    assert whole.identity != former.identity


def test_gpus_of_one_kind_are_alike_and_their_number_is_not(config: dict) -> None:
    assert identity(changed(config, "device", 0)) == identity(changed(config, "device", "cuda:1"))
    assert identity(changed(config, "device", 0)) != identity(changed(config, "device", "0,1"))


def test_a_data_set_is_the_same_however_its_path_is_written(
    config: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = changed(config, "dataset", {"_target_": "x", "path": "data/data.yaml"})
    absolute = changed(config, "dataset", {"_target_": "x", "path": str(tmp_path / "data" / "data.yaml")})
    assert identity(relative) == identity(absolute)


def test_names_say_what_differs() -> None:
    choices = {"backbone": "effv1", "context": "sppf_c2psa", "neck": "gsconv", "scale": "n", "loss": "ciou"}
    config = {"backbone": {"variant": "b0"}, "seed": 2}
    assert variant_name(choices, config, ["backbone=effv1", "epochs=3", "seed=2"]) == "effv1-b0_gsconv_n_seed2"
    assert variant_name(choices, config, ["optim.lr0=0.02"]) == "effv1-b0_gsconv_n_lr0=0.02_seed2"
    for spelling in ("true", "True", "TRUE"):
        name = variant_name(choices, config, [f"backbone.last_conv={spelling}"])
        assert name == "effv1-b0_gsconv_n_last_conv=true_seed2"
    timm = {"backbone": {"model": "hf_hub:timm/resnet18.a1_in1k"}, "seed": 0}
    assert variant_name({**choices, "backbone": "timm"}, timm, []) == "timm-resnet18.a1_in1k_gsconv_n_seed0"


def test_names_are_good_on_windows() -> None:
    choices = {"backbone": "yolo11", "neck": "conv", "scale": "n"}
    name = variant_name(choices, {"backbone": {}, "seed": 0}, ['augment.note="a:b|c?"'])
    assert not set(name) & set('<>:"/\\|?*')


def test_equal_numbers_are_equal(config: dict) -> None:
    assert identity(changed(config, "augment.mosaic", 1)) == identity(changed(config, "augment.mosaic", 1.0))


def test_edited_code_of_ones_own_part_is_another_run(
    config: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "my_own_backbone.py"
    own = changed(config, "backbone", {"_target_": "my_own_backbone.Tiny"})
    file.write_text("class Tiny: pass")
    before = identity(own)
    file.write_text("class Tiny: wide = True")
    assert identity(own) != before


def test_runs_on_different_data_are_told_apart() -> None:
    assert data_word("shapes", {"size": 160}) == ""
    assert data_word("yolo", {"path": "some/blood cells/data.yaml"}) == "_blood-cells"
    assert data_word("folder", {"path": "some/leaves"}) == "_leaves"
    assert data_word("coco8", {"root": None}) == "_coco8"
