"""Folders of runs in which links lead elsewhere: a training that goes on there writes nothing out of them."""

import json
import logging
import os
from pathlib import Path

import pytest

from helpers.made_sweep import make_sweep
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import compare
from yolograft.cli.command_line import check_command_line
from yolograft.cli.from_run import expand
from yolograft.common.errors import UserError
from yolograft.data.sources import named
from yolograft.render.report import write
from yolograft.render.table import table
from yolograft.runs.places import refuse_links

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a right of their own there")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run, as a training leaves it, beside a folder of the person's own."""
    folder = tmp_path / "sweep" / "run"
    for name in ("checkpoints", "plots", ".hydra"):
        (folder / name).mkdir(parents=True)
    for name in ("train.log", "run.json", "checkpoints/last.ckpt", "plots/curves.png", ".hydra/config.yaml"):
        (folder / name).write_text("{}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    return folder


def replace_by_link(path: Path, target: Path) -> None:
    if path.is_dir():
        path.rename(path.parent.parent / f"{path.name}.away")
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target, target_is_directory=target.is_dir())


@pytest.mark.parametrize("name", ["checkpoints", "plots", ".hydra", "tensorboard", "wandb", "mlruns", "."])
def test_a_folder_that_is_a_link_is_refused(run: Path, name: str) -> None:
    replace_by_link(run / name if name != "." else run, run.parent.parent / "mine")
    with pytest.raises(UserError, match=r"is a link that leads out") as refused:
        refuse_links([run])
    assert str(run / name) in str(refused.value)


@pytest.mark.parametrize("target", ["notes", "not there yet"])
@pytest.mark.parametrize("name", ["train.log", "plots/curves.png", ".hydra/config.yaml", "tensorboard/events"])
def test_a_file_that_is_a_link_is_refused(run: Path, name: str, target: str) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    replace_by_link(run / name, run.parent.parent / "mine" / target)
    with pytest.raises(UserError, match=r"is a link that leads out"):
        refuse_links([run])


@pytest.mark.parametrize("name", ["multirun.yaml", "optuna.journal", "figures", "wandb"])
def test_so_is_one_in_the_folder_of_a_sweep(run: Path, name: str) -> None:
    refuse_links([run], run.parent)
    replace_by_link(run.parent / name, run.parent.parent / "mine")
    with pytest.raises(UserError, match=f"{name}: is a link that leads out"):
        refuse_links([run], run.parent)


def test_a_pipe_that_would_be_waited_for_is_refused(run: Path) -> None:
    (run / "train.log").unlink()
    os.mkfifo(run / "train.log")
    with pytest.raises(UserError, match=r"train\.log: is no file"):
        refuse_links([run])


def test_links_that_harm_nothing_are_let_be(run: Path) -> None:
    replace_by_link(run / "checkpoints" / "last.ckpt", run.parent.parent / "mine" / "notes")  # kept on another disk
    (run / "newest.png").symlink_to("plots/curves.png")
    (run / "loop").symlink_to(".")
    (run / "wandb").mkdir()
    (run / "wandb" / "latest-run").symlink_to("/nowhere")
    refuse_links([run, run.parent / "not begun"], run.parent)


@pytest.mark.parametrize("sweep", [False, True])
def test_the_command_line_says_so_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["dataset=shapes", "name=a", *(["-m", "seed=0,1"] if sweep else [])]
    for job in (jobs := check_command_line("train", arguments).jobs):
        job.folder.mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (jobs[-1].folder / "plots").symlink_to(tmp_path / "mine")
    with pytest.raises(UserError, match=r"plots: is a link"):
        check_command_line("train", arguments)


def test_a_report_draws_into_no_folder_that_is_a_link(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_sweep(tmp_path / "sweep")
    mine = tmp_path / "mine"
    mine.mkdir()
    (folder / "figures").symlink_to(mine)
    with caplog.at_level(logging.WARNING):
        written = write(table(compare(collect([folder]))), folder)
    assert list(mine.iterdir()) == []
    assert "its folder is a link" in caplog.text
    assert folder / "report.html" in written


def test_a_record_does_not_say_where_a_data_set_is_downloaded_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root := tmp_path / "mine").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"choices": {"dataset": "voc"}}))
    (run / "config.yaml").write_text(json.dumps({"dataset": {"name": "VOC", "root": str(root)}}))
    assert not any("root" in argument for argument in expand("train", [f"from={run}"]))
    monkeypatch.setattr(named, "_present", lambda *_: True)
    assert f"dataset.root='{root}'" in expand("train", [f"from={run}"])


@pytest.mark.parametrize(("key", "value"), [("depth", 1e6), ("width", 1e3), ("max_channels", 10**9)])
def test_a_record_names_no_model_without_bounds(tmp_path: Path, key: str, value: float) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "config.yaml").write_text(json.dumps({"scale": {key: value}}))
    with pytest.raises(UserError, match=rf"its scale\.{key} is .*; if that is meant, say scale\.{key}="):
        expand("train", [f"from={tmp_path}"])
    expand("train", [f"from={tmp_path}", f"scale.{key}=1"])


def test_an_image_size_has_a_bound() -> None:
    with pytest.raises(UserError, match=r"^imgsz=3200000000: "):
        check_command_line("train", ["imgsz=3200000000"])
