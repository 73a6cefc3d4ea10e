"""A torn checkpoint costs an epoch, not the run."""

from pathlib import Path

import torch

from yolograft.training.checkpoints import Checkpoints


def state(epoch: int) -> dict:
    return {"epoch": epoch, "training": {"w": torch.full((3,), float(epoch))}}


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    checkpoints.save(state(2))
    found, damaged = checkpoints.load()
    assert found is not None
    assert found["epoch"] == 2
    assert damaged == []
    checkpoints.last.write_bytes(checkpoints.last.read_bytes()[:100])
    found, damaged = checkpoints.load()
    assert found is not None
    assert found["epoch"] == 1
    assert "last.ckpt: damaged" in damaged[0]
    checkpoints.previous.write_bytes(b"")
    found, damaged = checkpoints.load()
    assert found is None
    assert len(damaged) == 2


def test_a_strangers_pickle_is_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return (Path.write_text, (tmp_path / "executed", "x"))

    checkpoints = Checkpoints(tmp_path)
    torch.save({"epoch": 1, "training": Bomb()}, checkpoints.last)
    assert checkpoints.load()[0] is None
    assert not (tmp_path / "executed").exists()
