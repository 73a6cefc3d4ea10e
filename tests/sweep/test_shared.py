"""What all runs of a sweep share is checked before the first starts; what is refused leaves nothing behind."""

import json
from pathlib import Path

import pytest

from helpers.program import Program
from helpers.tiny import TINY
from yolograft.cli.command_line import check_command_line
from yolograft.common.errors import UserError

WRONG = {
    "data": (("dataset=yolo", "dataset.path=nowhere.yaml"), "nowhere.yaml"),
    "weights": (("weights=nowhere.pt",), "nowhere.pt"),
    "pretrained": (("backbone=effv1", "backbone.pretrained=nowhere.pt"), "nowhere.pt"),
    "device": (("device=7",), "device=7"),
}


SWEEP, PLAN = ("-m", "seed=0,1"), ("plan=true",)


@pytest.mark.parametrize(
    ("kind", "how"),
    [*((kind, SWEEP) for kind in WRONG), ("weights", PLAN), ("data", PLAN), ("data", ()), ("pretrained", ())],
)
def test_one_line_exit_2_and_no_folder(kind: str, how: tuple[str, ...], tmp_path: Path, yolograft: Program) -> None:
    overrides, named = WRONG[kind]
    chosen = [word for word in TINY if word.partition("=")[0] not in " ".join(overrides) and "dataset" not in word]
    sizes = [] if kind == "data" else [word for word in TINY if word.startswith("dataset.")]
    refused = yolograft("train", *how, *chosen, *sizes, *overrides)
    assert refused.returncode == 2, refused.stderr
    (line,) = refused.stderr.splitlines()
    assert line.startswith("yolograft: ")
    assert named in line
    assert refused.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_refused_run_leaves_what_was_there(tmp_path: Path, yolograft: Program) -> None:
    # a name that ultralytics might publish: only the run itself can say that it is none
    (tmp_path / "runs" / "other").mkdir(parents=True)
    refused = yolograft("train", *TINY, "weights=yolo-nowhere.pt")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["other"]
    (tmp_path / "mine").mkdir()
    assert yolograft("train", *TINY, "weights=yolo-nowhere.pt", "hydra.run.dir=mine").returncode == 2
    assert json.loads((tmp_path / "mine" / "run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("hydra.sweep.dir=.", "hydra.sweep.subdir=."), "a folder of its own right below the sweep's"),
        (("hydra.sweep.subdir=a/b",), "a folder of its own right below the sweep's"),
        (("hydra.sweep.subdir=../same",), "a folder of its own right below the sweep's"),
        (("hydra.sweep.subdir=same",), "runs with other settings (seed=1) would share this folder"),
        (("name=" + 300 * "a",), "name=aaaa"),
        (("hydra.sweep.dir=" + 300 * "a",), "ile name too long"),
    ],
)
def test_folders_that_do_not_tell_runs_apart_are_refused(
    arguments: tuple[str, ...], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refused:
        check_command_line("train", ["-m", "seed=0,1", *arguments])
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_single_run_with_a_name_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^name=a{300}: file name too long"):
        check_command_line("train", ["name=" + 300 * "a"])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file is not a folder; say project=FOLDER"):
        check_command_line("train", ["project=file"])


def test_the_same_run_asked_for_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = check_command_line("train", ["-m", "seed=0,0,1"]).jobs
    assert len({job.folder for job in jobs}) == 2


def folder(*arguments: str) -> str:
    return check_command_line("train", ["-m", *arguments]).jobs[0].folder.parent.as_posix()


def test_an_unnamed_sweep_is_named_after_what_is_swept_and_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder("neck=conv,gsconv") == "multirun/neck"
    long, short = folder("neck=conv,gsconv", "epochs=9"), folder("neck=conv,gsconv", "epochs=3")
    assert long.startswith("multirun/neck-")
    assert len({long, short, folder("neck=conv,gsconv")}) == 3
    assert folder("epochs=3", "neck=conv,gsconv,slim") == short, "more values join the sweep"
    assert folder("neck=conv,gsconv", "epochs=3", "device=cpu", "workers=0", "attempts=1") == short
    assert folder("epochs=3").startswith("multirun/sweep-")
    assert folder("epochs=3") != folder("epochs=4")
    assert folder("epochs=3", "name=mine", "seed=0,1") == "multirun/mine"
    assert folder("epochs=3", "seed=0,1", "hydra.sweep.dir=here") == "here"


def test_a_sweep_named_by_the_old_rule_goes_on_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("neck=conv,gsconv", "epochs=3")
    job = check_command_line("train", ["-m", *arguments]).jobs[1]
    old = tmp_path / "multirun" / "neck"
    old.mkdir(parents=True)
    (old / "sweep.json").write_text(json.dumps({"runs": [{"name": "x", "identity": "0"}]}))
    assert folder(*arguments) == job.folder.parent.as_posix(), "other runs lie there"
    (old / "sweep.json").write_text(json.dumps({"runs": [{"name": job.name, "identity": job.identity}]}))
    assert folder(*arguments) == "multirun/neck"
    line = check_command_line("train", ["-m", *arguments])
    assert line.jobs[1].folder == Path("multirun/neck") / job.name
    assert line.request is not None
    assert line.request.sweep is not None
    assert line.request.sweep.folder == Path("multirun/neck")
    job.folder.parent.mkdir(parents=True)
    (job.folder.parent / "sweep.json").write_text("{}")
    assert folder(*arguments) == job.folder.parent.as_posix(), "it was begun anew since"
