"""Slurm: a killed job, a requeued one, one told that its time is over, an ordinary one. Without accounting."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.cluster_sweep import Sweep, Transcript

SCRIPT = Path(__file__).with_name("slurm.sh")
MISSING = [program for program in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(program)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} here: apt-get install slurm-wlm munge"),
    pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="the daemons want root"),
]

Make = Callable[..., Sweep]


@pytest.fixture(scope="module")
def slurm(say: Transcript) -> Iterator[str]:
    """A Slurm of one node; gives its SLURM_CONF."""
    folder = Path(tempfile.mkdtemp(prefix="yolograft-slurm-"))  # pytest's own are closed to munged's users
    folder.chmod(0o755)
    started = subprocess.run([SCRIPT, "start", folder], capture_output=True, text=True, timeout=60, check=False)
    try:
        assert started.returncode == 0, started.stderr
        conf = started.stdout.strip().removeprefix("SLURM_CONF=")
        os.environ["SLURM_CONF"] = conf
        version = subprocess.run(["sinfo", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        say(f"== {version}, one node on loopback, no accounting ==", "")
        yield conf
    finally:
        os.environ.pop("SLURM_CONF", None)
        subprocess.run([SCRIPT, "stop", folder], timeout=60, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def order(say: Transcript, *words: str) -> None:
    say(f"$ {' '.join(words)}")
    subprocess.run(words, check=True, timeout=30, capture_output=True)


def job_of(one: Sweep, seed: int) -> str:
    """Slurm's number of a run's job."""
    return one.worker(seed).environ()["SLURM_ARRAY_JOB_ID"] + f"_{seed}"


def test_a_killed_job_is_noticed_and_the_repeated_command_does_the_rest(
    slurm: str, sweep: Make, say: Transcript
) -> None:
    one = sweep("seed=0,1", "epochs=25", "hydra/launcher=submitit_slurm")
    process = one.start()
    one.until_each_has_begun()
    say("$ kill -KILL the process of seed 0's job")
    one.worker(0).kill()
    assert one.wait(process) == 1
    killed, other = one.records()
    assert (killed["status"], other["status"]) == ("failed", "finished")
    assert killed["error"]["message"].startswith("Slurm ended job ")
    done, finished_at = killed["epochs_done"], (one.run_folder(1) / "run.json").stat().st_mtime_ns
    assert 1 < done < 25

    assert one.wait(one.start()) == 0
    assert [told["status"] for told in one.records()] == ["finished", "finished"]
    assert f"Going on after {done} of 25 epochs" in (one.run_folder(0) / "train.log").read_text()
    assert one.epochs(0) == one.epochs(1) == list(range(1, 26))
    assert (one.run_folder(1) / "run.json").stat().st_mtime_ns == finished_at


def test_preempted_jobs_go_on_from_their_checkpoints_by_themselves(slurm: str, sweep: Make, say: Transcript) -> None:
    one = sweep("seed=0,1", "epochs=40", "hydra/launcher=submitit_slurm")
    process = one.start()
    one.until_each_has_begun()
    order(say, "scancel", "--signal=USR2", job_of(one, 0))  # as at the time limit, and what submitit requeues at
    order(say, "scontrol", "requeue", job_of(one, 1))  # as when a job of more weight takes the node
    assert one.wait(process) == 0
    for seed in (0, 1):
        log = (one.run_folder(seed) / "train.log").read_text()
        assert log.count("stopped by SIGTERM") == 1
        assert log.count("Going on after") == 1
        assert one.epochs(seed) == list(range(1, 41))
        say(*(f"  seed {seed}: {line.split(': ', 1)[1]}" for line in log.splitlines() if "Going on" in line))
    say("")


def test_ctrl_c_takes_the_jobs_out_of_the_queue_with_their_checkpoints(
    slurm: str, sweep: Make, say: Transcript
) -> None:
    one = sweep("seed=0,1", "epochs=300", "hydra/launcher=submitit_slurm")
    process = one.start()
    one.until_each_has_begun()
    say("(Ctrl-C)")
    process.send_signal(2)
    assert one.wait(process) == 130
    assert [told["status"] for told in one.records()] == ["stopped", "stopped"]
    queue = subprocess.run(["squeue", "--noheader"], capture_output=True, text=True, check=True).stdout
    assert queue == ""
