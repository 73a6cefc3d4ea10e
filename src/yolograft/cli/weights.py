"""The weights that a command line names: `run=` of every command that uses trained ones."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.runs.weights_file import best_weights


def find_weights(run: str) -> Path:
    """Return the weights that `run=` means: a run's folder or the file itself.

    Raises:
        UserError: If there are none.
    """
    path = user_path(run)
    file = best_weights(path) if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"run={run}: there is no {file}; give a run's folder or a best.safetensors")
    return file


def named_weights(runs: Iterable[str]) -> dict[str, Path]:
    """Return the weights of several runs by what tells them apart: the name of the run's folder, or all of the path.

    Raises:
        UserError: One of them has none.
    """
    files = [find_weights(run) for run in dict.fromkeys(runs)]
    names = [file.parent.parent.name if file.parent.name == "checkpoints" else file.stem for file in files]
    counts = Counter(names)  # runs of two sweeps may be called alike
    return {name if counts[name] == 1 else str(file): file for name, file in zip(names, files, strict=True)}
