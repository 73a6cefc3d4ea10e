"""A run again and longer, as a person types it."""

import shlex
from pathlib import Path

from helpers.program import Program
from helpers.tiny import TINY, record


def test_again_longer_and_from_its_weights(yolograft: Program, tmp_path: Path) -> None:
    typed = ["train", *TINY, "epochs=1", "freeze=[neck]", "name='my run'"]
    first = yolograft(*typed)
    assert first.returncode == 0, first.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert shlex.split(record(folder)["command"]) == ["yolograft", *typed]

    again = yolograft("train", f"from={folder}")
    assert again.returncode == 0, again.stderr
    assert "is finished already" in again.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 1

    longer = yolograft("train", f"from={folder}", "epochs=2", f"weights='{folder}'")
    assert longer.returncode == 0, longer.stderr
    assert "tensors matched" in longer.stderr
    assert len(list((tmp_path / "runs").iterdir())) == 2

    anew = yolograft("train", f"from={folder}", "epochs=2")
    assert anew.returncode == 0, anew.stderr
    assert "was trained with the same settings for 1 epoch; another number has another schedule" in anew.stderr
    assert shlex.quote(f"weights={folder}") in anew.stderr
