"""Run and sweep folders that somebody has sent: read, reported and listed without harm."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from helpers.made_sweep import make_sweep
from helpers.waiting import at_most
from yolograft.analysis.collect import collect, read_run
from yolograft.analysis.comparison import compare
from yolograft.analysis.samples import compare_images, saved
from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.common.parsing import json_document, parse_json
from yolograft.render.forms.csv import runs_to_csv, to_csv
from yolograft.render.forms.json import to_json
from yolograft.render.photograph import read_photograph
from yolograft.render.report import write
from yolograft.render.table import table
from yolograft.runs import lock
from yolograft.runs.curves import read_columns
from yolograft.runs.lock import RunLock, lock_holder
from yolograft.runs.predictions import read_predictions
from yolograft.runs.record import Metrics, RunRecord
from yolograft.runs.spec import RunSpec
from yolograft.runs.writer import RecordWriter
from yolograft.sweep.ledger import Ledger
from yolograft.sweep.overview import overview
from yolograft.sweep.search_space import check_folder
from yolograft.sweep.tracking import _wandb_settings
from yolograft.tasks.detect import DETECT
from yolograft.training.curves import draw_curves
from yolograft.training.trial import Trial, open_storage

unix = pytest.mark.skipif(os.name == "nt", reason="no FIFOs, no /dev/zero")

ACTING = (
    "\x1b[2J",
    "\x0b",
    "\x01",
    "[/red]x",
    "=1+1",
    "+a",
    "@a",
    "$\\frac{",
    "<b>&amp;",
    "\ud800",
    "\u202egnp",
    "all",
)
"""Class names that act where they are not cleaned."""


def special(file: Path, kind: str) -> None:
    file.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to({"zero": "/dev/zero", "loop": file.name, "dangling": "nowhere"}[kind])


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "multirun.yaml").touch()
    return make_sweep(folder, backbones=("yolo11", "effv1"), necks=("conv",), seeds=1, epochs=3, images=1)


def runs_of(sweep: Path) -> list[Path]:
    return sorted(file.parent for file in sweep.glob("*/run.json"))


def change(run: Path, **fields: Any) -> None:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_bytes(json_document(record | fields))


# ---- special files and loops


@unix
@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "loop", "dangling"])
@pytest.mark.parametrize("name", ["run.json", "config.yaml", "predictions.json", "metrics.csv", "run.lock"])
def test_something_else_than_a_file_costs_one_run_at_most(sweep: Path, name: str, kind: str) -> None:
    bad = runs_of(sweep)[0]
    change(bad, status="running")
    special(bad / name, kind)
    with at_most(30):
        runs = collect([sweep])
        saved(compare(runs))
        for run in runs:
            read_columns(run.path / "metrics.csv")
        (listed,) = overview(sweep)
    damaged = {"run.json": "damaged"}.get(name, "stopped")
    gone = (name, kind) == ("run.json", "folder")  # a folder of that name makes no run
    assert sorted(run.status for run in runs) == (["finished"] if gone else sorted([damaged, "finished"]))
    assert listed.counts["finished"] == 1


@unix
@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "loop"])
def test_a_lock_that_is_no_file_is_one_line(tmp_path: Path, kind: str) -> None:
    special(tmp_path / lock.LOCK, kind)
    with at_most(30):
        assert lock_holder(tmp_path) is None
        with pytest.raises(UserError, match=r"run\.lock") as refused, RunLock(tmp_path):
            pass
    assert "\n" not in str(refused.value)


def spec(folder: Path, override: str = "") -> RunSpec:
    return RunSpec({"seed": 0, "epochs": 1}, folder, {}, [override] if override else [])


@unix
def test_a_record_that_is_no_file_is_refused_and_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with at_most(30), pytest.raises(UserError, match=r"run\.json cannot be read: is not a regular file"):
        RecordWriter(spec(tmp_path))
    assert not (tmp_path / "run.json").is_file()


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, "9" * 5000, "\x00"])
def test_a_record_that_cannot_be_read_is_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match="cannot be read") as refused:
        RecordWriter(spec(tmp_path))
    assert "\n" not in str(refused.value)
    assert (tmp_path / "run.json").read_text() == content


@unix
def test_links_to_the_folder_above_are_not_followed(sweep: Path) -> None:
    for name in ("a", "b"):
        (sweep / name).symlink_to(".")
        (runs_of(sweep)[0] / name).symlink_to("..")
    with at_most(30):
        assert len(collect([sweep])) == 2
        assert [one.runs for one in overview(sweep)] == [2]


def test_folders_deep_below_each_other_end_somewhere(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(60):
        deep = deep / "d"
    os.makedirs(deep)  # noqa: PTH103
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    assert [run.name for run in collect([tmp_path])] == ["run"]


@unix
@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "loop"])
def test_a_photograph_that_is_no_file_is_left_out(tmp_path: Path, kind: str) -> None:
    special(tmp_path / "a.png", kind)
    with at_most(30):
        assert read_photograph(tmp_path / "a.png") is None


def test_a_picture_that_is_far_too_large_is_not_decoded(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "large.png")
    assert read_photograph(tmp_path / "large.png") is None
    Image.new("1", (1200, 1000)).save(tmp_path / "usual.png")
    small = read_photograph(tmp_path / "usual.png")
    assert small is not None
    assert small.size == (420, 350)


@unix
def test_a_search_and_its_trials_stay_in_their_folders(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run, outside = tmp_path / "sweep" / "run", tmp_path / "outside.journal"
    run.mkdir(parents=True)
    outside.write_text("")
    pruner = {"name": "median", "after_trials": 1, "after_epochs": 1}
    for content in (
        "{",
        "[]",
        "{}",
        json.dumps({"journal": str(outside), "number": 0, "metric": "x", "pruner": pruner}),
    ):
        caplog.clear()
        (run / "trial.json").write_text(content)
        assert Trial.of_run(run) is None
        assert "trained as one of no search" in caplog.text
    os.mkfifo(tmp_path / "sweep" / "optuna.journal")
    with at_most(30), pytest.raises(UserError, match="not a regular file"):
        open_storage(tmp_path / "sweep" / "optuna.journal", mend=True)
    (tmp_path / "optuna.json").write_text('{"search": ["x"]}')
    check_folder(tmp_path, {"objectives": [], "space": {}, "rest": ""})


# ---- documents that fill the machine


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


BOMBS = {
    "laughs": LAUGHS,
    "self": "a: &a [*a]",
    "deep": "- " * 100_000,
    "long text": "a: &a " + "x" * 1_000_000 + "\nb: [" + "*a, " * 500_000 + "]",
    "large number": "a: 0x" + "f" * 9000,
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=list(BOMBS))
def test_a_config_bomb_costs_the_settings_alone(sweep: Path, text: str) -> None:
    bad = runs_of(sweep)[0]
    (bad / "config.yaml").write_text(text)
    with at_most(60):
        run = read_run(bad / "run.json")
    assert (run.status, run.metrics.keys() >= {"mAP50-95"}) == ("finished", True)
    assert sum(map(len, run.config.values())) < 10_000
    assert _wandb_settings(sweep) is None


def test_long_texts_and_lists_are_cut(sweep: Path) -> None:
    bad = runs_of(sweep)[0]
    change(bad, name="a" * 1_000_000, overrides=["x"] * 1_000_000, choices={"backbone": "b" * 1_000_000})
    run = read_run(bad / "run.json")
    assert (len(run.name), len(run.overrides), len(run.choices["backbone"])) == (1000, 1000, 1000)


# ---- values of a wrong type or range


@pytest.mark.parametrize("odd", [1e308, -0.5, float("nan"), 10**400, "0.5", True, None, [0.5], {}])
def test_what_is_no_share_is_no_metric(sweep: Path, odd: Any) -> None:
    bad = runs_of(sweep)[0]
    change(bad, metrics={"mAP50-95": odd, "per_class": {"a": {"mAP50-95": odd}}}, seconds=odd, epochs_done=odd)
    runs = collect([sweep])
    assert [run.metrics.get("mAP50-95") for run in runs if run.path == bad] == [None]
    files = write(table(compare(runs)), sweep, page=False)
    assert len(files) == 5
    (listed,) = overview(sweep)
    assert listed.counts["finished"] == 2


@pytest.mark.parametrize(
    "change_it",
    [
        lambda content: content["images"][0]["found"].append([99, 0, 0, 1, 1, 0.5]),
        lambda content: content["images"][0]["found"].append([-1, 0, 0, 1, 1, 0.5]),
        lambda content: content["images"][0]["labelled"].append([0, 0, 0, 1e308, 1]),
        lambda content: content["images"][0]["labelled"].append([0, 0, 0, "x", 1]),
        lambda content: content["images"][0].update(file="a\0b"),
        lambda content: content["images"][0].update(file=3),
        lambda content: content.update(confidence=-1),
        lambda content: content.update(images={}),
        lambda content: content.update(names=7),
        lambda content: content["confusion"][0].__setitem__(0, -5),
        lambda content: content["confusion"][0].__setitem__(0, 1e308),
    ],
)
def test_predictions_that_are_not_sound_are_none(sweep: Path, change_it: Any) -> None:
    bad = runs_of(sweep)[0]
    assert read_predictions(bad) is not None
    content = json.loads((bad / "predictions.json").read_text(encoding="utf-8"))
    change_it(content)
    (bad / "predictions.json").write_text(json.dumps(content), encoding="utf-8")
    assert read_predictions(bad) is None


def test_an_image_of_an_impossible_name_is_gone(sweep: Path) -> None:
    for run in runs_of(sweep):
        content = json.loads((run / "predictions.json").read_text(encoding="utf-8"))
        content["images"][0]["file"] = "a" * 10_000
        (run / "predictions.json").write_text(json.dumps(content), encoding="utf-8")
    samples = compare_images(saved(compare(collect([sweep]))))
    assert samples is not None
    assert samples.gone == ("a" * 10_000,)


@pytest.mark.parametrize(
    "text", ["\0", "epoch,train/box_loss\n1\n", "epoch\n1e18\n", "epoch,train/x\n1," + "9" * 200_000]
)
def test_curves_of_nothing_sound_are_none(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    assert read_columns(tmp_path / "metrics.csv") == {}
    draw_curves(tmp_path / "metrics.csv", tmp_path / "curves.png", DETECT)
    assert "no picture of it is drawn" in caplog.text
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize(
    ("fields", "flaw"),
    [
        ({"metrics": {"mAP50-95": 0.5}}, None),
        ({"metrics": {"mAP50-95": 0.5}, "epochs_done": 0}, "no epoch was done"),
        ({"metrics": {"mAP50-95": "0.5"}, "epochs_done": 3}, "it holds no mAP50-95"),
        ({"metrics": None, "seconds": "x", "attempts": "many", "loggers": 7, "data": []}, "it holds no mAP50-95"),
        ({}, "it holds no mAP50-95"),
    ],
)
def test_a_finished_record_without_a_result_is_not_taken_for_one(
    tmp_path: Path, fields: dict[str, Any], flaw: str | None
) -> None:
    run = spec(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"status": "finished", "identity": run.identity, **fields}))
    record = RecordWriter(run)
    assert (record.flaw, record.finished) == (flaw, flaw is None)
    assert record.seconds < 60
    assert record.now.attempts == 0


def test_a_ledger_leads_nowhere_else(tmp_path: Path) -> None:
    sweep, outside = tmp_path / "sweep", tmp_path / "outside"
    outside.mkdir()
    sweep.mkdir()
    (outside / lock.LOCK).write_text(json.dumps({"host": "x", "pid": 1, "started": 1.0, "token": "x"}))
    before = sorted(outside.iterdir()), outside.stat().st_mtime_ns
    names = ["../outside", str(outside), "..", ".", "", "a/b", "a\0b", 7, None, "a" * 5000, "\ud800", "good"]
    runs = [{"name": name, "identity": []} for name in names] + [7, "x", None]
    (sweep / "sweep.json").write_text(json.dumps({"runs": runs, "dropped": 5, "command": ["x"]}))
    (listed,) = overview(sweep)
    assert listed.counts["to do"] == 3
    assert listed.command == ""
    Ledger(sweep, [], []).renew()
    assert (sorted(outside.iterdir()), outside.stat().st_mtime_ns) == before


@pytest.mark.parametrize("pid", [-1, 0, 2**70, "x", None, 1e400, True])
def test_an_owner_that_is_no_process_is_none(tmp_path: Path, pid: Any) -> None:
    told = {"host": lock.machine(), "pid": pid, "started": float("nan"), "token": []}
    (tmp_path / lock.LOCK).write_text(json.dumps(told))
    os.utime(tmp_path / lock.LOCK, (1, 1))
    assert lock_holder(tmp_path) is None


def test_report_and_list_agree_on_a_run_whose_process_is_gone(sweep: Path) -> None:
    one, other = runs_of(sweep)
    for run in (one, other):
        change(run, status="running")
    process = psutil.Process()
    told = {"host": lock.machine(), "pid": process.pid, "started": process.create_time(), "token": "x"}
    (one / lock.LOCK).write_text(json.dumps(told))
    assert {run.path: run.status for run in collect([sweep])} == {one: "running", other: "stopped"}
    (listed,) = overview(sweep)
    assert (listed.counts["running"], listed.counts["stopped"]) == (1, 1)


# ---- text that acts


def harmless(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_names_that_act_are_harmless_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "\x1b[31m sweep"
    sweep = make_sweep(
        folder, backbones=("yolo11", "effv1"), necks=ACTING[:2], seeds=1, epochs=3, classes=ACTING, images=2
    )
    for number, run in enumerate(runs_of(sweep)):
        choices = json.loads((run / "run.json").read_text(encoding="utf-8"))["choices"]
        error = {"type": "\x1b[2J", "message": "[/red]\x07", "traceback": "a\n\x1b]0;x\x07\n"}
        status = "failed" if number == 0 else "finished"
        change(run, name=ACTING[number], choices=choices | {"=1+1": "@x"}, status=status, error=error)
    from yolograft.render.forms.terminal import print_table

    shown = table(compare(collect([sweep])))
    print_table(shown)
    assert harmless(capsys.readouterr().out)
    files = write(shown, sweep)
    assert {"report.html", "figures", "comparison.tex", "comparison.md"} <= {file.name for file in files}
    for name in ("comparison.md", "comparison.csv", "runs.csv", "comparison.json", "comparison.tex", "report.html"):
        assert harmless((sweep / name).read_text(encoding="utf-8")), name
    for text in (to_csv(shown), runs_to_csv(shown)):
        for cell in (cell for line in csv.reader(io.StringIO(text)) for cell in line):
            assert cell[:1] not in ("=", "+", "@"), cell
            assert cell[:1] != "-" or float(cell) < 0
    assert "<b>&amp;" not in (sweep / "report.html").read_text(encoding="utf-8").replace("<b>Bold", "")


def test_a_lone_surrogate_is_written_and_read_back(tmp_path: Path) -> None:
    record = RecordWriter(spec(tmp_path, "\ud800"))
    record.update(command="\udcff", metrics=Metrics.of({"mAP50-95": 0.5, "per_class": {"\ud800": {}}}))
    assert (RunRecord.read(tmp_path) or RunRecord()).command == "\udcff"
    atomic_write(tmp_path / "a.json", json_document({"\udfff": "é"}))
    assert parse_json((tmp_path / "a.json").read_bytes()) == {"\udfff": "é"}
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_lone_surrogate_in_a_folders_name_leaves_a_report(tmp_path: Path) -> None:
    run = tmp_path / "a"
    run.mkdir()
    (run / "run.json").write_text('{"status": "finished", "metrics": {"mAP50-95": 0.5}, "name": "\\ud800"}')
    assert json.loads(to_json(table(compare(collect([tmp_path])))))["rows"][0]["runs"][0]["name"] == "\\ud800"
