"""Command lines that nobody meant: each is accepted or refused in one line, whatever it is made of."""

import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from yolograft.cli.command_line import check_command_line
from yolograft.cli.commands import COMMANDS
from yolograft.cli.folders import with_keys
from yolograft.cli.main import main
from yolograft.common.errors import UserError

WORDS = ("train", "train", *COMMANDS)
"""What a line may begin with: `train`, which has the most keys, three times as often as the others."""
KEYS = (
    "epochs", "imgsz", "batch", "seed", "seeds", "device", "name", "project", "weights", "freeze", "constraint", "plan",
    "workers", "cache", "backbone", "neck", "scale", "context", "head", "loss", "dataset", "optim", "augment", "logger",
    "experiments", "backbone.variant", "backbone.pretrained", "neck.foo", "scale.width", "dataset.path", "dataset.fold",
    "dataset.folds", "optim.lr0", "augment.mosaic", "callbacks.x", "hydra.run.dir", "hydra.sweep.subdir", "hydra",
    "hydra.mode", "hydra.job.name", "hydra/launcher", "hydra/sweeper", "hydra.launcher.n_jobs", "hydra.sweeper.params",
    "runs", "run", "root", "filter", "baseline", "columns", "sort", "format", "out", "split", "nc", "trust", "file",
    "_target_", "backbone._target_", "dataset._target_", "defaults", "a.b.c", "a/b", "/", ".", "..", "", "@", "a@b:c",
    "é", "数据", "0", "null", "True", "trainer.threads", "trainer", "time", "fraction", "logger.project",
)  # fmt: skip
VALUES = (
    "", "0", "1", "-1", "1.5", "1e400", "nan", "null", "true", "yes", "a", "a b", "a,b", "1,2", "[1]", "[1", "{a:1}",
    "{a", "'x", '"', "'a b'", "${seed}", "${nope}", "${env:HOME}", "${oc.env:NOPE}", "${run_folder:}", "${", "???",
    "range(1,3)", "choice(a,b)", "interval(0,1)", "glob(*)", "sort(1,2)", "shuffle(1,2)", "int('x')", "x" * 300, "..",
    "../x", "/", "/dev/null", "/dev/null/x", "~", "~nouser/x", "数据 集", "\udcff", "\x1b[31m", "a\nb", "yolo11",
    "effv1", "timm", "resnet18", "conv,gsconv", "root.yaml", "n", "9" * 400, "=", "a=b", "(", ")", "$(x)", "`x`",
    "%s", "\\",
    "C:\\data\\x", "optuna", "joblib", "grid", "MULTIRUN", "'a' * 99999999999 == neck", "params<3e6",
    "[[[[[[[[1]]]]]]]]",
)  # fmt: skip
FLAGS = (
    "-m",
    "--multirun",
    "--cfg",
    "--cfg=job",
    "--resolve",
    "--epochs",
    "-x",
    "--",
    "-",
    "--info",
    "-cd",
    "--hydra-help",
)
# Hydra's own words for its flags and internals, which answer nothing that was asked here.
NOT_OURS = ("unrecognized arguments", "HYDRA_FULL_ERROR", "usage:", "--config-dir", "full_key", "append to your config")


def _line(random_: random.Random) -> tuple[str, list[str]]:
    words = []
    for _ in range(random_.randint(1, 3)):
        if random_.random() < 0.12:
            words.append(random_.choice(FLAGS))
        else:
            sign = random_.choice(("", "", "", "", "+", "++", "~"))
            equals = random_.choice(("=", "=", "=", "=", "=", "", "=="))
            words.append(f"{sign}{random_.choice(KEYS)}{equals}{random_.choice(VALUES)}")
    return random_.choice(WORDS), words


def _check(count: int, seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    random_ = random.Random(seed)
    accepted = refused = 0
    for _ in range(count):
        command, words = _line(random_)
        try:
            check_command_line(command, with_keys(command, words))
            accepted += 1
        except UserError as mistake:
            refused += 1
            said = str(mistake)
            assert said, (command, words)
            assert "\n" not in said.replace("a\nb", ""), (command, words, said)
            assert not any(word in said and word not in " ".join(words) for word in NOT_OURS), (command, words, said)
        except Exception as error:
            raise AssertionError(f"yolograft {command} {words}") from error
    print(f"{count} command lines, seed {seed}: {refused} refused, {accepted} accepted")
    assert refused > count / 2
    assert list(folder.iterdir()) == []


def test_two_hundred_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _check(200, 1, tmp_path, monkeypatch)


@pytest.mark.slow
def test_two_thousand_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _check(2000, 2, tmp_path, monkeypatch)


def refusal(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which a command line is refused."""
    assert main(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("yolograft: ")
    assert said.count("\n") == 1
    return said


def answer(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "yolograft", *arguments],
        cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
        env=environment or None,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("train", "=3"), "write KEY=VALUE"),
        (("train", "backbone=1"), "backbone=1: no such backbone"),
        (("info", "scale=2"), "scale=2: no such scale"),
        (("train", "neck=null"), "neck=null: no such neck"),
        (("train", "optim.lr=0.1"), "did you mean optim.lr0?"),
        (("train", "lr=0.1"), "did you mean optim.lr0?"),
        (("train", "bs=4"), "did you mean batch?"),
        (("train", "img_size=320"), "did you mean imgsz?"),
        (("val", "weights=best.pt"), "weights: there is no such key; did you mean run?"),
        (("predict", "model=best.pt"), "model: there is no such key; did you mean run?"),
        (("val", "--run", "runs/a"), "--run: there is no such flag; settings are written KEY=VALUE, as run=runs/a"),
        (("train", "+epochs=3"), "+epochs=3: there is epochs already; write epochs=3"),
        (("train", "backbone@x=effv1"), "backbone@x=effv1: every group has its place; write backbone=effv1"),
        (("train", "classes=0"), "single_cls=true takes all for one"),
        (("train", "optimizer=SGD"), "optim=sgd"),
        (("train", "backbone=resnet18"), "backbone=timm backbone.model=resnet18"),
        (("train", "backbone=vgg"), "no such backbone. Known: "),
        (("train", "dataset=root.yaml"), "dataset=auto dataset.path=root.yaml"),
        (("train", "dataset=data/mine"), "dataset=auto dataset.path=data/mine"),
        (("train", "dataset=coco8.yaml"), "did you mean coco8?"),
        (("train", "backbone.pretrained=true"), "weights=yolo11n.pt"),
        (("train", "name=" + 300 * "a"), "file name too long; a run's folder cannot be called so"),
        (("report", "x", "filter=" + 300 * "a"), "x: no such folder"),
        (("val", "a", "b"), "a b: val takes one folder"),
        (("val", "nothere"), "run=nothere: there is no nothere"),
        (("train", "detect", "epochs=3"), "detect: leave it out"),
        (("yolo", "detect", "train"), "yolo: leave it out: yolograft train …"),
        (("detect", "train", "epochs=3"), "detect: leave it out: yolograft train …"),
        (("segment", "val"), "detection only: yolograft val …"),
        (("train", "--hydra-help"), "--hydra-help: this flag of Hydra's has no meaning here"),
        (("train", "--config-dir=x"), "--config-dir: this flag of Hydra's has no meaning here"),
        (("train", "--cfg", "jobs"), "--cfg jobs: must be followed by one of job, hydra, all"),
        (("train", "hydra.foo=3"), "hydra.foo: Hydra has no such key"),
        (("train", "name=${x}"), "name: Interpolation key 'x' not found"),
        (("info", "-m", "scale=n,s"), "-m: only train sweeps"),
        (("info", "scale=n,s"), "scale=n,s: several values; info takes one"),
        (("train", "-m", "seed=0,1", "hydra.launcher._target_=os.system"), "hydra.launcher._target_: there is no such"),
        (("train", "-m", "seed=0,1", "hydra.sweeper._target_=os.system"), "hydra.sweeper._target_: there is no such"),
        (("train", "-m", "backbone=effv1,yolo11", "backbone.variant=b1"), "backbone.variant: there is no such key"),
        (("val", "run='~nobody-here/x'"), "there is no ~nobody-here/x"),
        (("train", "~hydra=1"), "write ~hydra"),
        (("train", "name=my", "run"), "\"name='my run'\""),
        (("train", "name=[1"), "\"name='[1'\""),
        (("train", "weights=a,b"), "quote a single value: \"weights='a,b'\""),
        (("report", "--format", "latex"), "settings are written KEY=VALUE, as format=latex"),
        (("train", "dataset=mypictures"), "dataset=auto dataset.path=FOLDER"),
        (("train", "dataset", "=", "auto"), "without spaces around the ="),
        (("data", "nowhere"), "/nowhere does not exist"),
        (("report",), "as runs=multirun/NAME"),
        (("report", "runs="), "runs=: is empty; give a value, or leave it out"),  # as runs=$UNSET
        (("report", "runs=[]"), "runs=[]: name at least one"),
        (("report", "runs=.", "sort=[params]"), "must be one text, not several"),
        (("train", "project="), "project=: is empty; give a value, or leave it out"),
        (("train", "project=null"), "project=None: must be one text"),
        (("train", "weights="), "weights=: is empty"),
        (("train", "name=[a]"), "name=['a']: must be one text, not several"),
        (("train", "experiments=null"), "experiments=null: leave it out"),
        (("train", "backbone._target_=os.system"), "there is no module 'os' written in Python"),
        (("train", "backbone._target_=time.sleep"), "there is no module 'time' written in Python"),
        (("train", "-m", "epochs=range(1,0)"), "epochs=range(1,0): this range holds no value"),
        (("train", "-m", "epochs=range(1,10,0)"), "epochs=range(1,10,0): this range has no end"),
        (("train", "-m", "seed=range(0,1e9)"), "holds 1,000,000,000 values; a sweep takes 100,000"),
        (("train", "seeds=1000000"), "seeds=1000000: must be a number from 1 to 10000"),
        (("train", "epochs=999999999"), "epochs=999999999: input should be less than or equal to 1000000"),
        (("train", "levels=P3,P4"), "write levels=[P3,P4], or add -m to train one run for each"),
        (("train", "imgsz=64,64"), "imgsz=64,64: several values; add -m to train one run for each"),
        (("train", "name=" + 600 * "["), "write quotes within quotes"),
        (("train", "name=two\nlines"), "name=two\\nlines: holds a line break or another control character"),
        (("train", "name=" + 300 * "[" + 300 * "]"), "[[…: its brackets are nested too deep"),  # OmegaConf's limit
        (("train", "name=" + 1000 * "[" + 1000 * "]"), "[[…: its brackets are nested too deep"),  # the grammar's
        (("val", "run='two\nlines'"), "run=two\\nlines: there is no two\\nlines"),
        (("val", "run=a", "device=cpu:0"), "device=cpu:0: must be auto, cpu, cuda, mps"),
        (("val", "run=a", "workers=9999"), "workers=9999: input should be less than or equal to 512"),
        (("predict", "run=a", "source="), "source=: is empty"),
        (("predict", "run=A,B", "source=x"), "run=A,B: several values; write run=[A,B]"),
        (("predict", "run=a", "source=x", "device=banana"), "device=banana: must be auto, cpu, cuda, mps"),
        (("export", "run=[a]", "format=onnx"), "run=['a']: must be one text, not several"),
        (("export", "run=a", "format=onnx,torchscript"), "format=onnx,torchscript: several values; export takes one"),
        (("export", "run=a"), "format: must be given, as format=onnx"),
        (("bench", "device=[cpu,banana]"), "device=['cpu', 'banana']: must be auto, cpu, cuda, mps"),
        (("bench", "-m", "scale=range(1,0)"), "scale=range(1,0): this range holds no value"),
        (("visualize", "run=a", "source=[]"), "source=[]: name at least one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_slip_is_answered_with_what_to_write(
    arguments: tuple[str, ...],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refusal(arguments, capsys)


@pytest.mark.parametrize("out", ["mine.txt", "mine.txt/below"])
@pytest.mark.parametrize("command", [("data", "."), ("predict", "run=best.safetensors", "source=a.png")])
def test_a_file_is_no_folder_to_write_into(
    command: tuple[str, ...],
    out: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.safetensors").touch()
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert "is a file; name a folder" in refusal((*command, f"out={out}"), capsys)


def test_a_key_that_the_swept_options_have_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = check_command_line("train", ["-m", "backbone=effv1,effv2", "backbone.pretrained=true"]).jobs
    found = [(job.choices["backbone"], job.config["backbone"]["pretrained"]) for job in jobs]
    assert found == [("effv1", True), ("effv2", True)]


@pytest.mark.parametrize("name", ["my run", "[x", "a (b)", "it's", "a$b", "[a, b] = 'c'", "\\x"])
def test_the_quoting_that_is_advised_works(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the line says to write is taken apart as a shell does, and read as the value that was meant."""
    monkeypatch.chdir(tmp_path)
    words = [f"weights={name}"]
    try:
        check_command_line("train", words)
    except UserError as mistake:
        words = shlex.split(str(mistake).partition("write quotes within quotes: ")[2])
    (job,) = check_command_line("train", words).jobs
    assert job.config["weights"] == name


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "experiments=smoke"),
        ("train", "-m", "neck=conv,gsconv"),
        ("train", "seeds=2"),
        ("info",),
        ("report", "runs=x"),
    ],
)
def test_cfg_shows_the_config_and_does_nothing(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--cfg", "job"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert "hydra" not in shown
    assert set(shown) & {"neck", "runs"}
    assert list(tmp_path.iterdir()) == []


def test_cfg_of_hydra_shows_hydras_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--cfg", "hydra"]) == 0
    assert set(yaml.safe_load(capsys.readouterr().out)) == {"hydra"}


HOMELESS = {"HOME": "/dev/null/home", "PATH": os.environ.get("PATH", ""), "XDG_CACHE_HOME": "", "OMP_NUM_THREADS": "1"}


@pytest.mark.skipif(os.name == "nt", reason="/dev/null")
@pytest.mark.parametrize(
    "environment", [HOMELESS, {**HOMELESS, "YOLOGRAFT_CACHE": "/dev/null/x"}], ids=["HOME", "cache"]
)
def test_without_a_home_a_temporary_cache_is_used_and_its_variable_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment = {**environment, "TMPDIR": str(tmp_path)}
    code, _, err = answer("data", "dataset.train=4", "dataset.val=2", "dataset.size=32", cwd=tmp_path, **environment)
    assert code == 0, err
    lines = [line for line in err.splitlines() if "YOLOGRAFT_CACHE" in line]
    assert len(lines) == 1
    assert "/dev/null" in lines[0]
    assert "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="/dev/null")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("train", "project=/dev/null"), "project=FOLDER"),
        (("train", "project=/dev/null/x"), "/dev/null is not a folder"),
        (("train", "-m", "seed=0,1", "hydra.sweep.dir=/dev/null/x"), "hydra.sweep.dir=FOLDER"),
    ],
)
def test_a_place_that_cannot_be_written_is_named_before_anything_starts(
    arguments: tuple[str, ...],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert named in refusal(arguments, capsys)


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts as root")
@pytest.mark.parametrize("arguments", ["train", "train -m seed=0,1", "data", "info", "report .", "sweeps"])
def test_in_a_read_only_folder_nothing_ends_in_a_traceback(arguments: str, tmp_path: Path) -> None:
    here = str(tmp_path)
    script = f"mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && "
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{script} exec {sys.executable} -m yolograft {arguments}"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2), done.stderr
    if arguments.startswith(("train", "data")):
        assert done.returncode in (1, 2)
        assert "written" in done.stderr or "read-only" in done.stderr.lower(), done.stderr


@pytest.mark.skipif(os.name == "nt", reason="a working folder cannot be removed there")
def test_a_working_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    script = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m yolograft info"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "working folder" in done.stderr
