"""A torn checkpoint costs an epoch, not the run."""

import errno
import os
import random
import threading
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from yolograft.training.checkpoints import Checkpoints


def state(epoch: int) -> dict:
    return {
        "epoch": epoch,
        "batch": 0,
        "epochs": 9,
        "stopped_early": False,
        "batch_size": 4,
        "attempt": 0,
        "training": {"w": torch.full((3,), float(epoch))},
        "journal": {"rows": [{"loss": 0.5}], "stopper": (0.1, 2)},
    }


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return isinstance(two, dict) and one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(equal, one, two))
    return type(one) is type(two) and bool(one == two)


def trained(epoch: int) -> dict:
    """A state with all kinds of values that a training keeps."""
    torch.manual_seed(epoch)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 16, 3))
    optimizer = torch.optim.AdamW(model.to(memory_format=torch.channels_last).parameters(), lr=0.01)
    model(torch.rand(2, 3, 9, 9)).sum().backward()
    optimizer.step()
    pending = {name: parameter.grad for name, parameter in model.named_parameters()}
    training = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "pending_gradients": pending}
    return {**state(epoch), "training": training}


def assert_holds(checkpoints: Checkpoints, expected: dict) -> None:
    """What is on disk is this state, its weights laid out as they were."""
    found, _ = checkpoints.load()
    assert equal(found, expected)
    assert found is not None
    name = "0.weight"
    assert found["training"]["model"][name].stride() == expected["training"]["model"][name].stride()


def test_all_that_was_saved_comes_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(trained(1))
    assert_holds(checkpoints, trained(1))


def test_what_is_written_meanwhile_is_the_state_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save, may_write = torch.save, threading.Event()

    def slow(state: object, stream: BinaryIO) -> None:
        assert may_write.wait(30)
        save(state, stream)

    monkeypatch.setattr(torch, "save", slow)
    checkpoints, later, told = Checkpoints(tmp_path), trained(1), []
    checkpoints.begin_save(later, then=lambda: told.append(checkpoints.last.exists()))
    for weight in later["training"]["model"].values():
        weight.zero_()
    later["epoch"] = 2
    assert not checkpoints.last.exists()
    assert not told
    may_write.set()
    checkpoints.wait()
    assert told == [True]
    assert_holds(checkpoints, trained(1))


@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, "No space left on device"), MemoryError("no memory left")])
def test_what_could_not_be_written_is_said_at_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Exception
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))

    def fails(state: object, stream: BinaryIO) -> None:
        raise reason

    for call in (lambda: checkpoints.begin_save(state(3)), lambda: checkpoints.save(state(3)), checkpoints.wait):
        with monkeypatch.context() as patch:
            patch.setattr(torch, "save", fails)
            checkpoints.begin_save(state(2))
            assert checkpoints._writing is not None
            checkpoints._writing.join()
        with pytest.raises(type(reason), match=r"(?i)no .* left"):
            call()
        assert checkpoints.epoch == 1
        checkpoints.wait()  # said once
    assert equal(checkpoints.load()[0], state(1))


def test_a_flipped_bit_is_seen_or_does_no_harm(tmp_path: Path) -> None:
    """40 seeded flips over the whole file, and one in every tensor's numbers: torch's own reader takes most of them."""
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(trained(1))
    checkpoints.save(trained(2))
    whole, chance = checkpoints.last.read_bytes(), random.Random(0)
    places = [chance.randrange(8 * len(whole)) for _ in range(40)]
    with zipfile.ZipFile(checkpoints.last) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        offsets = {
            info.filename: whole.index(info.filename.encode(), info.header_offset) for info in archive.infolist()
        }
    numbers = [name for name in sizes if "/data/" in name]
    assert len(numbers) > 10
    for name in numbers:
        start = offsets[name] + len(name) + int.from_bytes(whole[offsets[name] - 2 : offsets[name]], "little")
        places.append(8 * (start + chance.randrange(sizes[name])) + chance.randrange(8))
    seen = 0
    for place in places:
        torn = bytearray(whole)
        torn[place // 8] ^= 1 << place % 8
        checkpoints.last.write_bytes(torn)
        found, damaged = checkpoints.load()
        assert found is not None
        assert found["epoch"] == (1 if damaged else 2)
        assert equal(found, trained(found["epoch"])), f"bit {place}"
        seen += bool(damaged)
    assert seen >= len(numbers)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_special_file_is_one_line(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(1))
    checkpoints.save(state(2))
    checkpoints.last.unlink()
    os.mkfifo(checkpoints.last)
    found, damaged = checkpoints.load()
    assert found is not None
    assert found["epoch"] == 1
    assert damaged == [f"{checkpoints.last}: damaged (is not a regular file)"]


def test_no_constructor_is_called_and_no_size_is_believed(tmp_path: Path) -> None:
    """torch's reader with `weights_only` calls the constructors it allows: this one would take 4 GB."""
    checkpoints = Checkpoints(tmp_path)

    class Large:
        def __reduce__(self) -> tuple[Any, ...]:
            return bytearray, (4 * 2**30,)

    torch.save({**state(1), "training": {"w": Large()}}, checkpoints.last)
    found, damaged = checkpoints.load()
    assert found is None
    assert "holds more than tensors and plain values (__builtin__.bytearray)" in damaged[0]
    torch.save({**state(1), "training": {"w": torch.zeros(1).expand(2**40)}}, checkpoints.last)
    found, damaged = checkpoints.load()
    assert found is None
    assert "more than the file can hold" in damaged[0]
    knot: list[Any] = []
    knot.append(knot)
    torch.save({**state(1), "training": {"w": knot}}, checkpoints.last)
    assert checkpoints.load()[0] is None


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
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.write_text, (tmp_path / "executed", "x"))

    checkpoints = Checkpoints(tmp_path)
    torch.save({**state(1), "training": {"w": Bomb()}}, checkpoints.last)
    assert checkpoints.load()[0] is None
    assert not (tmp_path / "executed").exists()
