"""last.ckpt: all that shapes the future of a training, written so that a kill loses nothing."""

import os
from pathlib import Path
from typing import Any

import torch


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
        partial = self.last.with_name("last.ckpt.partial")
        try:
            with partial.open("wb") as stream:
                torch.save(state, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            partial.unlink(missing_ok=True)
            raise OSError(f"{self.last}: {next(iter(str(error).splitlines()), error)}") from error
        if self.last.exists():
            self.last.replace(self.previous)
        partial.replace(self.last)

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest state that can be read (None: start anew), and what was found damaged."""
        damaged: list[str] = []
        for file in (self.last, self.previous):
            if not file.exists():
                continue
            try:
                state = torch.load(file, map_location="cpu", weights_only=True)
                if isinstance(state, dict) and {"epoch", "training"} <= state.keys():
                    return state, damaged
                reason = "it holds no training"
            except Exception as error:  # a torn file fails in as many ways as there are bytes
                reason = next(iter(str(error).splitlines()), type(error).__name__)
            damaged.append(f"{file}: damaged ({reason})")
        return None, damaged

    def clean(self) -> None:
        """Remove what only a training that goes on needs."""
        self.previous.unlink(missing_ok=True)
