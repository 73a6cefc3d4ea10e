"""What a person may mistype, as the program started as a process answers it: one line, fast, without torch."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def answer(*arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    """Return exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("train", "backbone=efv1"), ("backbone=efv1", "did you mean effv1?")),
        (("train", "bakbone=effv1"), ("bakbone", "did you mean backbone?")),
        (("train", "epoch=3"), ("epoch", "did you mean epochs?")),
        (("train", "lr0=0.1"), ("lr0", "did you mean optim.lr0?")),
        (("train", "optim.momentun=0.1"), ("optim.momentun", "did you mean optim.momentum?")),
        (("train", "backbone=effv1", "backbone.varient=b1"), ("backbone.varient", "did you mean backbone.variant?")),
        (("train", "+foo=1"), ("foo", "no such key")),
        (("train", "epochs=0"), ("epochs=0", "greater than 0")),
        (("train", "epochs=many"), ("epochs=many", "valid integer")),
        (("train", "imgsz=500"), ("imgsz=500", "multiple of 32", "480 or 512")),
        (("train", "augment.mosaic=2"), ("augment.mosaic=2", "less than or equal to 1")),
        (("train", "optim.optimizer=Lion"), ("optim.optimizer=Lion", "must be one of", "AdamW")),
        (("train", "logger=wandb", "logger.mode=onlin"), ("logger.mode=onlin", "must be one of auto, online, offline")),
        (("dashboard", "rns=multirun/a"), ("rns", "did you mean runs?")),
        (("train", "trainer.precision=fp8"), ("trainer.precision=fp8", "must be one of auto, fp32, bf16, fp16")),
        (
            ("train", "trainer.cuda_graph=true", "device=cpu"),
            ("trainer.cuda_graph=true: needs one CUDA device, and this is cpu; use false",),
        ),
        (("train", "trainer.channels_last=perhaps"), ("trainer.channels_last=perhaps", "auto")),
        (("train", "device=gpu0"), ("device=gpu0", "auto, cpu, cuda")),
        (("train", "name=a/b"), ("name=a/b", "names a folder")),
        (
            ("train", "-m", "neck=conv,slim", "hydra/launcher=joblib", "hydra.launcher.kind=joblb"),
            ("hydra.launcher.kind=joblb: ", "did you mean joblib?"),
        ),
        (("train", "logger.kind=jsn"), ("logger.kind=jsn: must be one of csv, ",)),
        (("train", "logger.kind=wandbb"), ("logger.kind=wandbb", "did you mean wandb?")),
        (
            ("train", "backbone._target_=yolograft.model.backbones.yolo11.YOLO1"),
            ("backbone=yolo11: _target_=", "has no class or function YOLO1", "did you mean YOLO11?"),
        ),
        (
            ("train", "neck._target_=yolograft.model.necks.cnv.ConvNeck"),
            ("neck=conv: _target_=", "no module", "did you mean yolograft.model.necks.conv?"),
        ),
        (
            ("train", "-m", "hydra/sweeper=optuna", "neck=conv,slim", "hydra.sweeper.objectives=[gflop]"),
            ("hydra.sweeper.objectives=['gflop']: gflop must be one of mAP50-95, ", "did you mean gflops?"),
        ),
        (("train", "dataset=yolo"), ("dataset.path", "must be given")),
        (("train", "backbone=yolo11,effv1"), ("backbone=yolo11,effv1", "add -m")),
        (("train", "-m", "backbone=yolo11,efv1"), ("backbone=efv1", "did you mean effv1?")),
        (("train", "-m", "seed=0,one"), ("seed=one", "valid integer")),
        (("train", "experiments=gird"), ("experiments=gird", "did you mean grid?")),
        (("train", "callbacks=progressive"), ("callbacks=progressive", "progressive=default")),
        (("train", "callbacks.progressive.stages=2"), ("callbacks.progressive.stages", "progressive=default")),
        (("train", "+callbacks.progressive.stages=2"), ("progressive", "progressive=default")),
        (("train", "progressive.stages=2"), ("progressive.stages", "progressive=default")),
        (("train", "epochs"), ("epochs", "KEY=VALUE")),
        (("info", "nc=0"), ("nc=0", "greater than 0")),
        (("trian",), ("trian", "did you mean train?")),
        (("train", "--epochs", "3"), ("--epochs", "epochs=3")),
        (("train", "model=yolo11n"), ("model", "base=yolo11 scale=n")),
        (("train", "data=coco8.yaml"), ("data", "dataset=auto dataset.path=data.yaml")),
        (("train", "device=0,1"), ("device=0,1", "device=[0,1]")),
        (("train", "batch=0"), ("batch=0", "from 1 on")),
        (("train", "dataset=folder", "dataset.path=数据 集"), ("dataset.path=数据 集", "quotes")),
        (("train", "-m", "optim.lr0=interval(0.001,0.1)"), ("optim.lr0", "hydra/sweeper=optuna")),
        (("train", "-m", "hydra/sweeper=optuna"), ("nothing to search", "interval")),
        (("train", "-m", "hydra/sweeper=optuna", "lr=interval(0,1)"), ("there is no such key", "optim.lr")),
        (("train", "-m", "hydra/sweeper=optuna", "optim.lr0=interval(-1,1)"), ("optim.lr0=-1.0", "greater than 0")),
        (("train", "-m", "hydra/sweeper=optuna", "neck=conv,gsconvv"), ("neck=gsconvv", "did you mean gsconv?")),
        (("train", "-m", "hydra/sweeper=optuna", "optim.lr0=tag(log,interval(0,1))"), ("optim.lr0", "begins above 0")),
        (
            ("train", "-m", "hydra/sweeper=optuna", "neck=conv,slim", "hydra.sweeper.objectives=[map]"),
            ("hydra.sweeper.objectives", "mAP50-95, mAP50"),
        ),
        (
            ("train", "-m", "hydra/sweeper=optuna", "neck=conv,slim", "hydra.sweeper.objectives=mAP50,params"),
            ("hydra.sweeper.objectives", "in brackets"),
        ),
        (
            ("train", "-m", "hydra/sweeper=optuna", "neck=conv,slim", "hydra.sweeper.sampler=tpee"),
            ("hydra.sweeper.sampler=tpee", "did you mean tpe?"),
        ),
        (
            ("train", "-m", "hydra/sweeper=optuna", "neck=conv,slim", "hydra.sweeper.n_trials=0"),
            ("hydra.sweeper.n_trials=0", "greater than 0"),
        ),
        (
            (
                "train",
                "-m",
                "hydra/sweeper=optuna",
                "neck=conv,slim",
                "hydra.sweeper.pruner=median",
                "hydra.sweeper.objectives=[mAP50,params]",
            ),
            ("hydra.sweeper.pruner=median", "2 objectives"),
        ),
        (
            (
                "train",
                "-m",
                "hydra/sweeper=optuna",
                "neck=conv,slim",
                "hydra.sweeper.pruner=median",
                "hydra.sweeper.objectives=params",
            ),
            ("hydra.sweeper.pruner=median", "params is not known after each epoch"),
        ),
        (("report",), ("runs", "must be given")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_is_named_in_one_line(arguments: tuple[str, ...], named: tuple[str, ...], tmp_path: Path) -> None:
    code, error = answer(*arguments, cwd=tmp_path)
    assert code == 2
    assert len(error.splitlines()) == 1, error
    assert error.startswith("yolograft: ")
    for words in named:
        assert words in error
    assert list(tmp_path.iterdir()) == []  # a refused command leaves nothing behind


def test_b9_names_the_ten_that_exist() -> None:
    code, error = answer("train", "backbone=effv1", "backbone.variant=b9")
    assert code == 2
    assert "backbone.variant=b9: must be one of b0, b1, b2, b3, b4, b5, b6, b7, b8, l2" in error


@pytest.mark.parametrize("arguments", [["train", "--help"], ["train", "epoch=3"], ["train", "--cfg", "job"]])
def test_light_answers_do_not_import_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from yolograft.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'ultralytics', 'pytorch_lightning', 'timm', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_lists_groups_options_and_keys() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "train", "--help"], capture_output=True, text=True, check=True
    )
    for group, folder in (("backbone", "conf/backbone"), ("experiments", "experiments")):
        there = sorted(file.stem for file in (ROOT / folder).glob("*.yaml"))
        assert len(there) > 4
        said = done.stdout.split(f"\n  {group} ")[1].split("\n  Keys")[0].split("\n\n")[0]
        said = re.split(r"\n  (?=\S)", said)[0] if group == "backbone" else said  # its lines are indented further
        assert [word.strip() for word in said.split(",")] == there
    assert "lr0: 0.01" in done.stdout


def test_json_is_the_whole_of_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", "info", "format=json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "40"},
    )
    assert json.loads(done.stdout)["params"] == 2_624_080
