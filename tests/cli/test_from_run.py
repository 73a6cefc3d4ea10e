"""`from=RUN_FOLDER` makes the same run again; a stranger's folder names nothing that is called."""

import json
from pathlib import Path

import pytest
import yaml

from yolograft.cli.command_line import check_command_line
from yolograft.common.errors import UserError
from yolograft.runs.spec import RunSpec

RUN = [
    "backbone=mbv3",
    "backbone.variant=small",
    "dataset.train=8",
    "epochs=3",
    "freeze=[neck,3]",
    "optim=sgd",
    "optim.lr0=1e-05",
    "progressive=default",
    "progressive.stages=2",
    "name='it is (a) 100%, run'",
    "logger=tensorboard",
    "time=0.5",
]


def job(*arguments: str) -> RunSpec:
    (found,) = check_command_line("train", arguments).jobs
    return found


def kept(folder: Path, made: RunSpec, **changes: object) -> Path:
    """Write a run's folder as training does."""
    folder = folder / made.folder.name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"choices": made.choices, "status": "finished"}))
    (folder / "config.yaml").write_text(yaml.safe_dump({**made.config, **changes}))
    return folder


def test_the_same_run_has_the_same_identity_and_name(tmp_path: Path) -> None:
    made = job(*RUN)
    again = job(f"from={kept(tmp_path, made)}")
    assert again.identity == made.identity
    assert again.folder == made.folder
    assert again.config["logger"] == {"kind": "csv"}  # where it is told is not the run's matter


def test_a_run_made_before_an_option_came_is_repeated_as_what_it_was(tmp_path: Path) -> None:
    made = job(*RUN, "backbone.last_conv=false")
    before = {key: value for key, value in made.config["backbone"].items() if key != "last_conv"}
    again = job(f"from={kept(tmp_path, made, backbone=before)}")
    assert again.config["backbone"]["last_conv"] is False
    assert again.identity == made.identity


def test_a_run_made_before_progressive_was_a_group_is_repeated(tmp_path: Path) -> None:
    made = job(*RUN)
    staged = made.config["progressive"]
    folder = kept(tmp_path, made)
    first = {key: value for key, value in made.config.items() if key != "progressive"}
    (folder / "config.yaml").write_text(yaml.safe_dump({**first, "callbacks": {"progressive": staged}}))
    choices = {group: choice for group, choice in made.choices.items() if group != "progressive"}
    (folder / "run.json").write_text(json.dumps({"choices": {**choices, "callbacks": "progressive"}}))
    again = job(f"from={folder}")
    assert again.identity == made.identity
    assert again.config["progressive"] == {"stages": 2, "smallest": 0.5, "weakest": 0.3}


def test_overrides_win_and_a_swapped_group_keeps_nothing_of_the_old_option(tmp_path: Path) -> None:
    folder = kept(tmp_path, job(*RUN))
    changed = job(f"from={folder}", "epochs=9", "backbone=effv1", "optim.lr0=0.5")
    assert changed.config["epochs"] == 9
    assert changed.config["optim"]["lr0"] == 0.5
    assert changed.config["optim"]["optimizer"] == "SGD"
    assert changed.config["backbone"] == job("backbone=effv1").config["backbone"]
    assert changed.config["freeze"] == ["neck", 3]


def test_epochs_that_came_from_a_preset_stay(tmp_path: Path) -> None:
    made = job()
    elsewhere = job(f"from={kept(tmp_path, made)}", "dataset=coco8")
    assert (elsewhere.config["epochs"], elsewhere.config["imgsz"]) == (made.config["epochs"], made.config["imgsz"])


def test_a_run_of_a_sweep_is_repeated_alone(tmp_path: Path) -> None:
    made = check_command_line("train", ["-m", "neck=conv,gsconv", "seeds=2", "name=necks", *RUN[2:4]]).jobs[3]
    again = job(f"from={kept(tmp_path, made)}")
    assert again.identity == made.identity
    assert again.config["seed"] == 1
    assert "necks" not in again.folder.name


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"neck": {"_target_": "os.system", "command": "x"}}, r"takes its neck from os\.system"),
        ({"callbacks": {"x": {"_target_": "os.system"}}}, r"holds _target_, which is no key"),
        ({"freeze": "${oc.env:HOME}"}, r"its freeze is no plain value"),
        ({"optim": {"lr0": -1}}, r"optim\.lr0=-1"),
        ({"new": 3}, r"its new is no key of yolograft train"),
        ({"a=b hydra.run.dir": "/tmp/x"}, r"is no key of a config"),
        ({"hydra": {"run": {"dir": "/tmp/elsewhere"}}}, r"its hydra is no key of yolograft train"),
        ({"weights": "//host/share/w.pt"}, r"weights lies on another machine"),
        ({"weights": "/nowhere/w.pt"}, r"its weights is not here \(/nowhere/w\.pt\); say where it is: weights="),
        ({"epochs": [1, 2]}, r"epochs"),
        ({"epochs": "choice(1,2)"}, r"epochs="),
        ({"seed": 2**70}, r"seed="),
    ],
)
def test_a_strangers_config_is_checked_like_a_command_line(tmp_path: Path, changes: dict, refusal: str) -> None:
    folder = kept(tmp_path, job("epochs=1"), **changes)
    with pytest.raises(UserError, match=refusal) as refused:
        check_command_line("train", [f"from={folder}"])
    assert "\n" not in str(refused.value)


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*run\.json; give the folder of a run"):
        job(f"from={tmp_path}")
    folder = kept(tmp_path, job("epochs=1"))
    (folder / "config.yaml").write_text("a: &a [*a]")
    with pytest.raises(UserError, match=r"config\.yaml an alias refers to what it stands in"):
        job(f"from={folder}")
    (folder / "run.json").write_text(json.dumps({"choices": {"backbone": "vgg"}}))
    (folder / "config.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"its backbone=vgg is not here.*Bring backbone/vgg\.yaml, or say"):
        job(f"from={folder}")


def test_a_data_set_of_another_machine_must_be_told(tmp_path: Path) -> None:
    made = job("dataset=auto", "dataset.path=somewhere")
    lost = {**made.config["dataset"], "path": "/other/machine/data"}
    folder = kept(tmp_path, made, dataset=lost)
    with pytest.raises(UserError, match=r"its dataset\.path is not here \(/other/machine/data\)"):
        job(f"from={folder}")
    assert job(f"from={folder}", f"dataset.path={tmp_path}").config["dataset"]["path"] == str(tmp_path)
