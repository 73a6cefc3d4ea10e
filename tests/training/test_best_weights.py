"""A finished run whose best weights are gone or damaged is not finished."""

from pathlib import Path

import pytest

from helpers.tiny import record
from helpers.training import Train
from yolograft.analysis.collect import read_run
from yolograft.runs.states import state_of
from yolograft.runs.weights_file import lacks_weights


def test_lost_weights_are_trained_again(run: Train, caplog: pytest.LogCaptureFixture) -> None:
    told, folder = run("epochs=1")
    best = folder / "checkpoints" / "best.safetensors"
    first = best.read_bytes()
    assert lacks_weights(folder, told["weights_sha256"]) is None
    assert run("epochs=1")[0]["finished"] == told["finished"]  # found finished: nothing was done

    torn = bytearray(first)
    torn[-5] ^= 1
    best.write_bytes(torn)
    with caplog.at_level("INFO"):
        run("epochs=1")
    assert "best.safetensors is damaged: not as it was written, and no checkpoint has those weights" in caplog.text
    assert best.read_bytes()[-1000:] == first[-1000:]
    assert record(folder)["weights_sha256"]

    best.unlink()
    assert read_run(folder / "run.json").status == "damaged"
    assert state_of(folder) == "stopped"  # a sweep trains it again
    caplog.clear()
    with caplog.at_level("INFO"):
        run("epochs=1")
    assert "best.safetensors is gone" in caplog.text
    assert record(folder)["status"] == "finished"
    assert record(folder)["metrics"] == told["metrics"]
    assert read_run(folder / "run.json").status == state_of(folder) == "finished"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no description"),
        (b"\xff" * 100, "no description"),
        ((2).to_bytes(8, "little") + b"{}", "description cannot be read"),
    ],
)
def test_a_run_of_the_version_before_has_no_digest(tmp_path: Path, content: bytes, fault: str) -> None:
    import torch
    from safetensors.torch import save_file

    file = tmp_path / "checkpoints" / "best.safetensors"
    file.parent.mkdir()
    save_file({"w": torch.arange(4)}, file)
    assert lacks_weights(tmp_path, None) is None
    file.write_bytes(file.read_bytes()[:-1])
    assert "another size" in (lacks_weights(tmp_path, None) or "")
    file.write_bytes(content)
    assert fault in (lacks_weights(tmp_path, None) or "")
