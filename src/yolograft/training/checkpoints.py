"""A run's checkpoints: written atomically, so that a kill loses nothing; read with their checksums verified."""

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
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.last = folder / "last.ckpt"
        self.previous = folder / "previous.ckpt"
        self.best = folder / "best.safetensors"

    def save(self, state: dict[str, Any]) -> None:
        """Write the state of a finished epoch; the one before is kept until the next."""
        try:
            with atomic_open(self.last, previous=self.previous) as stream:
                torch.save(state, stream)
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
