"""Named tensors from files of weights, by whomever they were made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from yolograft.common.files import open_regular
from yolograft.model.torch_file import TensorRef, module_tensors, read_tensors
from yolograft.model.unpickler import StandIn

MAX_HEADER = 16 * 2**20
"""Bytes of the largest description in a `.safetensors` file; ours have 0.1 MB."""


_MAX_CLASSES = 65_536


class NoTensorsError(ValueError):
    """A file holds objects of which none is a model whose tensors can be told."""


class State(dict[str, Tensor]):
    """Tensors by name, with what their file says of the model that they are of.

    Attributes:
        names: Class names by index; empty where the file does not say.
        levels: Levels of the pyramid, the finest first; empty likewise.
        kinds: Class of each module by role (see `transfer`); empty likewise.
        backbone: Which timm model the backbone is.
    """

    names: Mapping[int, str]
    levels: tuple[str, ...]
    kinds: Mapping[str, str]
    backbone: str | None

    def __init__(self, tensors: Mapping[str, Tensor], names: Mapping[int, str] | None = None) -> None:
        super().__init__(tensors)
        self.names, self.levels, self.kinds, self.backbone = names or {}, (), {}, None


def read_state(path: str | Path, *, modules: bool = False) -> State:
    """Read named tensors from a `.safetensors` file, or from a `.pt`/`.pth` file that `torch.save` wrote.

    A `.pt` that keeps its tensors one level down, under `state_dict` or `model`, is read too. Nothing that a file names
    is called.

    Args:
        path: The file.
        modules: Take the tensors of a pickled model, too, as ultralytics saves it: under `ema` (preferred, as there) or
            `model`, in fp32.

    Returns:
        Tensors by name, on the CPU, with the class names that a pickled model has.

    Raises:
        FileNotFoundError: There is no such file.
        NoTensorsError: It holds more than tensors, or no model.
        ValueError: The file cannot be read, or holds anything else than named tensors.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no weights file '{path}'")
    is_model = False
    names: dict[int, str] = {}

    def choose(tree: Any) -> Mapping[str, TensorRef]:
        nonlocal is_model
        if isinstance(tree, dict):
            nested = next((tree[key] for key in ("state_dict", "model") if isinstance(tree.get(key), dict)), None)
            pickled = next((tree[key] for key in ("ema", "model") if isinstance(tree.get(key), StandIn)), None)
            tree = nested if nested is not None else pickled if pickled is not None else tree
        if isinstance(tree, StandIn):
            is_model = True
            names.update(_class_names(tree))
            tree = dict(module_tensors(tree)) if modules else {}
            if not tree:
                raise NoTensorsError(f"'{path}' holds more than tensors; save model.state_dict() instead")
        if not isinstance(tree, dict) or not tree or not all(isinstance(value, TensorRef) for value in tree.values()):
            raise ValueError("holds no state dict (tensors by name)")
        return {str(name): value for name, value in tree.items()}

    try:
        if path.suffix == ".safetensors":
            check_header(path)
            return State(load_file(path))
        state = read_tensors(path, choose)
    except NoTensorsError:
        raise
    except OSError as error:
        raise ValueError(f"'{path}' {error.strerror or error}") from error
    except SafetensorError as error:
        raise ValueError(f"'{path}' is not a weights file, or is damaged: {error}") from error
    except ValueError as error:
        hint = "" if str(error).startswith("holds") else "is not a weights file, or is damaged: it "
        raise ValueError(f"'{path}' {hint}{error}") from error
    if is_model:
        state = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    return State(state, names)


def _class_names(model: StandIn) -> dict[int, str]:
    """Return the class names of a pickled model of ultralytics'; none where they are not names of classes from 0 on."""
    held = model.state.get("names") if isinstance(model.state, dict) else None
    held = dict(enumerate(held)) if isinstance(held, list) else held
    if not isinstance(held, dict) or len(held) > _MAX_CLASSES:
        return {}
    is_sound = all(type(index) is int and isinstance(name, str) and len(name) < 1000 for index, name in held.items())
    return dict(held) if is_sound and set(held) == set(range(len(held))) else {}


def read_described(path: Path, key: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read texts and tensors that a `.pt` holds under a key beside its model; nothing that the file names is called.

    Args:
        path: The file.
        key: Under which it holds a dictionary of texts and one, `state`, of tensors.

    Returns:
        The texts and the tensors by name, on the CPU; none where there is no such dictionary.

    Raises:
        OSError: It cannot be opened, or is no regular file.
        ValueError: It is no file of torch's, or is damaged.
    """
    texts: dict[str, str] = {}

    def choose(tree: Any) -> Mapping[str, TensorRef]:
        held = tree.get(key) if isinstance(tree, dict) else None
        held = held if isinstance(held, dict) else {}
        texts.update({str(name): text for name, text in held.items() if isinstance(text, str)})
        state = held.get("state")
        state = state if isinstance(state, dict) else {}
        return {str(name): value for name, value in state.items() if isinstance(value, TensorRef)}

    tensors = read_tensors(path, choose)
    return texts, tensors


def check_header(path: Path) -> None:
    """Refuse a `.safetensors` file whose description is too large to be one, before it is read.

    Raises:
        OSError: It cannot be opened, or is no regular file.
        ValueError: The description is too large.
    """
    with open_regular(path) as stream:
        size = int.from_bytes(stream.read(8), "little")
    if size > MAX_HEADER:
        raise ValueError(f"claims a description of {size:,} bytes")
