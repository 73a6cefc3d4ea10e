"""A run's checkpoints: written atomically, so that a kill loses nothing; read with their checksums verified."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from yolograft.common.files import atomic_open
from yolograft.model.torch_file import read_values

#: What `last.ckpt` holds, and of which type; see `Journal`.
_STATE = {
    "epoch": int,
    "batch": int,
    "epochs": int,
    "stopped_early": bool,
    "batch_size": int,
    "attempt": int,
    "training": dict,
    "journal": dict,
}


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: The run's `checkpoints/`.

    Attributes:
        epoch: Epochs that are finished in the newest state known to be on disk.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.last = folder / "last.ckpt"
        self.previous = folder / "previous.ckpt"
        self.best = folder / "best.safetensors"
        self.epoch = 0
        self._writing: threading.Thread | None = None
        self._failed: Exception | None = None

    def save(self, state: dict[str, Any]) -> None:
        """Write the state of a finished epoch; the one before is kept until the next.

        Raises:
            OSError: The disk is full, say; or that was so for the state that `begin_save` was given last.
        """
        self.wait()
        self._write(state)

    def begin_save(self, state: dict[str, Any], then: Callable[[], object] = lambda: None) -> None:
        """Copy a state, and write it while the training goes on.

        Args:
            state: Of a finished epoch.
            then: Called when it is on disk, in a thread of its own.

        Raises:
            OSError: The state before this one could not be written.
        """
        copied = _copied(state)
        self.wait()
        self._writing = threading.Thread(target=self._try_to_write, args=(copied, then), name="checkpoint")
        self._writing.start()

    def wait(self) -> None:
        """Return when what is being written is on disk.

        Raises:
            OSError: It could not be written.
        """
        if self._writing is not None:
            self._writing.join()
            self._writing = None
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _try_to_write(self, state: dict[str, Any], then: Callable[[], object]) -> None:
        try:
            self._write(state)
            then()
        except Exception as error:  # whatever it is, `wait` raises it where the training can be ended  # noqa: BLE001
            self._failed = error

    def _write(self, state: dict[str, Any]) -> None:
        try:
            with atomic_open(self.last, previous=self.previous) as stream:
                torch.save(state, stream)
            self.epoch = state["epoch"]
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            raise OSError(f"{self.last}: {next(iter(str(error).splitlines()), error)}") from error

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest state that can be read (None: start anew), and what was found damaged.

        Every byte that a state comes from is held against the archive's own checksums. Nothing that a file names is
        called: a run's folder may be a stranger's.
        """
        damaged: list[str] = []
        for file in (self.last, self.previous):
            if not file.exists():
                continue
            try:
                state = read_values(file)
                if isinstance(state, dict) and all(type(state.get(key)) is kind for key, kind in _STATE.items()):
                    self.epoch = state["epoch"]
                    return state, damaged
                reason = "it holds no training"
            except OSError as error:
                reason = str(error.strerror or error)
            except ValueError as error:
                reason = str(error)
            damaged.append(f"{file}: damaged ({reason})")
        return None, damaged

    def clean(self) -> None:
        """Remove what only a training that goes on needs."""
        self.previous.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything: the training begins anew."""
        for file in (self.last, self.previous, self.best):
            file.unlink(missing_ok=True)


def _copied(value: Any) -> Any:
    """Return nested values with every tensor copied to the processor's memory, where the training changes it no more.

    Each comes with a storage of its own, as it is laid out: what is written is what `torch.save` makes of the original.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return type(value)((key, _copied(item)) for key, item in value.items())
    return type(value)(map(_copied, value)) if isinstance(value, list | tuple) else value
