"""What goes wrong in the middle costs at most a step, and says what to do."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch
from safetensors.torch import load_file

from helpers.tiny import TINY, record
from helpers.training import Train
from yolograft.common.errors import UserError
from yolograft.training.module import DetectionTraining
from yolograft.training.stopping import StoppedError, asked, held_back, stoppable


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / "best.safetensors")


def same(a: Path, b: Path) -> bool:
    one, two = weights(a), weights(b)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_a_loss_that_is_not_finite_repeats_from_the_last_checkpoint(
    run: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    to_input, poisoned = DetectionTraining.to_input, list[bool]()

    def poison(self: DetectionTraining, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        batch = to_input(self, batch, size)
        if self.epoch == 1 and not poisoned:
            poisoned.append(True)
            batch["img"] = batch["img"] * float("nan")
        return batch

    monkeypatch.setattr(DetectionTraining, "to_input", poison)
    with caplog.at_level("INFO"):
        result, _ = run("epochs=3")
    assert poisoned
    assert result["status"] == "finished"
    assert result["epochs_done"] == 3
    assert (
        "the loss of epoch 2 is not a finite number: going back to the last checkpoint, with other draws (1 of 3)"
        in caplog.text
    )


def test_a_loss_that_stays_so_is_given_up_with_advice(
    run: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    to_input = DetectionTraining.to_input

    def poison(self: DetectionTraining, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        batch = to_input(self, batch, size)
        return {**batch, "img": batch["img"] * float("nan")}

    monkeypatch.setattr(DetectionTraining, "to_input", poison)
    with pytest.raises(UserError, match=r"3 repetitions did not help; try a lower optim\.lr0"):
        run()
    assert record(tmp_path / "run")["status"] == "failed"


def test_a_full_disk_loses_nothing(run: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = ["epochs=3", "loss=wiou"]  # a loss that learns something, which must go on too
    run(*settings, folder="whole")
    save, calls = torch.save, []

    def full(state: object, stream: BinaryIO) -> None:
        calls.append(True)
        if len(calls) == 2:
            stream.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(state, stream)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=r"No space left on device.*before epoch 2 is intact.*same command"):
        run(*settings, folder="cut")
    failed = record(tmp_path / "cut")
    assert failed["status"] == "failed"
    assert failed["epochs_done"] == 1
    assert not list((tmp_path / "cut" / "checkpoints").glob("*.tmp"))
    monkeypatch.undo()
    result, folder = run(*settings, folder="cut")
    assert result["status"] == "finished"
    assert (folder / "metrics.csv").read_text() == (tmp_path / "whole" / "metrics.csv").read_text()
    assert same(folder, tmp_path / "whole")


def test_a_batch_too_large_for_the_memory_is_halved(
    run: Train, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    losses = DetectionTraining.losses

    def limited(self, batch):
        if len(batch["img"]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return losses(self, batch)

    monkeypatch.setattr(DetectionTraining, "losses", limited)
    with caplog.at_level("WARNING"):
        result, _ = run("batch=12")
    assert result["status"] == "finished"
    assert result["batch"] == 3
    assert "ran out of memory with batch=12: trying 6" in caplog.text


def test_a_batch_of_one_that_is_too_large_says_so(run: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(DetectionTraining, "losses", never)
    with pytest.raises(UserError, match="use a smaller batch, imgsz or scale"):
        run("batch=4")


SLOWER = ("dataset.train=64", "epochs=3", "optim.nbs=16")  # a step after four batches: gradients are pending


def start(folder: Path, project: str, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "yolograft", "train", *TINY, *SLOWER, f"project={project}", *more]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def wait_for(condition: Callable[[], object], child: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        assert child.poll() is None, "it ended before it could be stopped"
        time.sleep(0.002)


def only(folder: Path, project: str) -> Path:
    (found,) = folder.glob(f"{project}/*")
    return found


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM that a process could handle")
def test_asked_to_stop_it_finishes_the_step_and_goes_on_later(tmp_path: Path) -> None:
    more = ("epochs=5",)
    whole = start(tmp_path, "whole", *more)
    assert whole.wait(200) == 0

    for signum, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        child = start(tmp_path, "cut", *more)
        assert child.stderr is not None
        while "mAP50-95" not in child.stderr.readline():  # the head of the epoch table: the first epoch begins
            assert child.poll() is None
        time.sleep(0.2)
        child.send_signal(signum)
        assert child.wait(60) == code
        cut = only(tmp_path, "cut")
        assert record(cut)["status"] == "stopped"
        assert (cut / "checkpoints" / "last.ckpt").exists()
    again = start(tmp_path, "cut", *more)
    _, said = again.communicate(timeout=200)
    assert again.returncode == 0, said
    assert "Going on after" in said
    assert (cut / "metrics.csv").read_text() == (only(tmp_path, "whole") / "metrics.csv").read_text()
    assert same(cut, only(tmp_path, "whole"))


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    """Five kills at random moments, and one while a checkpoint is being written."""
    more = ("epochs=8",)
    whole = start(tmp_path, "whole", *more)
    assert whole.wait(300) == 0
    chance = random.Random(0)
    writing = tmp_path / "cut"

    def checkpoint_is_written() -> bool:
        return bool(list(writing.glob("*/checkpoints/last.ckpt.*.tmp")))

    child = start(tmp_path, "cut", *more)
    wait_for(checkpoint_is_written, child)
    child.kill()
    child.wait()
    for _ in range(5):
        child = start(tmp_path, "cut", *more)
        assert child.stderr is not None
        line = child.stderr.readline()
        while "mAP50-95" not in line:
            assert child.poll() is None, line
            line = child.stderr.readline()
        time.sleep(chance.uniform(0, 1.0))
        assert child.poll() is None, "it ended before it could be killed"
        child.kill()
        child.wait()
        assert record(only(tmp_path, "cut"))["status"] == "running"
    last = start(tmp_path, "cut", *more)
    assert last.wait(300) == 0
    cut, uncut = only(tmp_path, "cut"), only(tmp_path, "whole")
    assert (cut / "metrics.csv").read_text() == (uncut / "metrics.csv").read_text()
    assert same(cut, uncut)


def test_a_folder_removed_in_mid_run_is_said_and_not_made_anew(
    run: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    to_input = DetectionTraining.to_input

    def remove(self: DetectionTraining, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        if self.epoch == 1:
            shutil.rmtree(tmp_path / "run", ignore_errors=True)
        return to_input(self, batch, size)

    monkeypatch.setattr(DetectionTraining, "to_input", remove)
    with pytest.raises(UserError, match=r"run was removed while this run was training: nothing more is written"):
        run("epochs=3")
    assert not (tmp_path / "run").exists()
    assert "cannot be written" not in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM")
def test_what_dies_of_the_signal_that_stops_a_run_does_not_fail_it(
    run: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    to_input = DetectionTraining.to_input

    def die(self: DetectionTraining, batch: dict[str, Any], size: int | None = None) -> dict[str, Any]:
        if self.epoch == 1:
            signal.raise_signal(signal.SIGTERM)
            raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Terminated.")
        return to_input(self, batch, size)

    monkeypatch.setattr(DetectionTraining, "to_input", die)
    with pytest.raises(StoppedError):
        run("epochs=3")
    told = record(tmp_path / "run")
    assert (told["status"], told["epochs_done"], told["attempts"]) == ("stopped", 1, 0)


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM")
def test_whoever_hears_a_signal_all_around_know_of_it() -> None:
    with stoppable(silent=True) as outer:
        with stoppable(silent=True) as inner:
            signal.raise_signal(signal.SIGTERM)
            assert (inner.signum, outer.signum, asked()) == (signal.SIGTERM, signal.SIGTERM, signal.SIGTERM)
        with stoppable(silent=True) as later, pytest.raises(StoppedError):
            later.check()
    assert asked() is None


@pytest.mark.skipif(os.name == "nt", reason="signals cannot be held back there")
def test_a_process_that_is_started_gets_its_signals_when_it_listens() -> None:
    program = (
        "import os, signal, sys; from yolograft.training.stopping import let_through, stoppable\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "with stoppable(silent=True) as stop, let_through(signal.SIGTERM):\n"
        "    sys.exit(int(stop.signum or 0))"
    )
    with held_back(signal.SIGTERM):
        process = subprocess.Popen([sys.executable, "-c", program])
    assert process.wait(60) == signal.SIGTERM
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
