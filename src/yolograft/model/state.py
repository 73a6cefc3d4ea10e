"""Reading plain tensors from files, without unpickling anything else."""

import pickle
import zipfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a `.safetensors` file, or from a `.pt`/`.pth` file that holds nothing but tensors.

    A `.pt` that keeps its tensors one level down, under `state_dict` or `model`, is read too.

    Args:
        path: The file.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: The file names classes; `torch.load(weights_only=True)` refuses them.
        ValueError: The file cannot be read, or holds anything else than named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights file '{path}'")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # The same error stands for a class that was refused and for bytes that are no pickle at all; `torch.save`
        # writes zip files.
        if zipfile.is_zipfile(path):
            raise
        raise ValueError(f"'{path}' is not a weights file, or is damaged") from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"'{path}' is not a weights file, or is damaged") from error
    if isinstance(state, dict):
        state = next((state[key] for key in ("state_dict", "model") if isinstance(state.get(key), dict)), state)
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"'{path}' holds no state dict (tensors by name)")
    return dict(state)
