"""Ray: a cluster that is there already, asked for with a token; a killed task is tried by nobody but the person."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.cluster_sweep import Sweep, Transcript

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'yolograft[ray]'")


@pytest.fixture(scope="module")
def cluster(say: Transcript) -> Iterator[dict[str, str]]:
    """A Ray of one node; gives what the environment of its users must hold."""
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16), "RAY_USAGE_STATS_ENABLED": "0"}
    port = 20379
    command = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
    command += ["--include-dashboard=false", "--object-store-memory=100000000", "--disable-usage-stats"]
    folder = Path(tempfile.mkdtemp(prefix="yolograft-ray-"))  # short: Ray makes sockets in it
    command += [f"--temp-dir={folder}"]
    with (folder / "ray.log").open("w") as log:
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *command],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 60
            while not _answers(port):
                assert head.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.5)
            say(f"== Ray {ray.__version__}, one node on loopback, asking for a token ==", "")
            yield {**env, "ADDRESS": f"127.0.0.1:{port}"}
        finally:
            head.terminate()  # it ends what it has started
            try:
                head.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)
                head.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_killed_task_is_noticed_and_the_repeated_command_does_the_rest(
    cluster: dict[str, str], sweep: Callable[..., Sweep], say: Transcript
) -> None:
    launcher = ["hydra/launcher=ray", f"hydra.launcher.init.address={cluster['ADDRESS']}", "hydra.launcher.num_cpus=1"]
    one = sweep("seed=0,1", "epochs=25", *launcher, **cluster)
    process = one.start()
    one.until_each_has_begun()
    worker = one.worker(0)
    assert worker.name().startswith("ray::")
    say("$ kill -KILL the worker of seed 0")
    worker.kill()
    assert one.wait(process) == 1
    killed, other = one.records()
    assert (killed["status"], other["status"], killed["attempts"]) == ("failed", "finished", 1)
    done, finished_at = killed["epochs_done"], (one.run_folder(1) / "run.json").stat().st_mtime_ns
    assert 1 < done < 25

    assert one.wait(one.start()) == 0
    assert [told["status"] for told in one.records()] == ["finished", "finished"]
    assert f"Going on after {done} of 25 epochs" in (one.run_folder(0) / "train.log").read_text()
    assert one.epochs(0) == one.epochs(1) == list(range(1, 26))
    assert (one.run_folder(1) / "run.json").stat().st_mtime_ns == finished_at
