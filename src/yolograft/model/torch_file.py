"""Tensors out of files that `torch.save` wrote, by whomever.

No code that a file names is run, and no more memory is taken than a small multiple of the file's own size.
Both of torch's formats are read: a zip archive of a pickle and one member for each storage (since 1.6), and pickles
followed by the storages, as older weights have it.
"""

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from yolograft.common.files import open_regular
from yolograft.model.unpickler import Name, StandIn, unpickle

MAX_PICKLE = 32 * 2**20
"""Bytes of the largest description of tensors; YOLO11's largest has 0.4 MB."""
MAX_MEMBERS = 100_000
"""Tensors or modules in the largest file."""
MAX_BYTES = 16 * 2**30
"""Bytes that the tensors of one file may take."""


# What zipfile, torch and Python raise for numbers that cannot be.
_DAMAGES = (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Storage:
    """Where a file keeps the numbers of one or several tensors.

    Attributes:
        key: Its name in the file.
        dtype: Type of its numbers.
    """

    key: str
    dtype: torch.dtype


@dataclass(frozen=True)
class TensorRef:
    """A tensor in a file, not yet read.

    Attributes:
        storage: What it is a view of.
        dtype: Type of its numbers.
        offset: Where it begins in the storage, in numbers.
        size: Its shape.
        stride: Steps in the storage along each axis.
    """

    storage: Storage
    dtype: torch.dtype
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what is no shape.

        Raises:
            ValueError: Numbers are missing, of another type or negative.
        """
        numbers = (self.offset, *self.size, *self.stride)
        if not len(self.size) == len(self.stride) <= 32 or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
            raise ValueError("has a tensor of an impossible shape")

    @property
    def numel(self) -> int:
        """How many numbers it has."""
        return math.prod(self.size)

    @property
    def end(self) -> int:
        """Bytes that its storage must have."""
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        return (last + 1 if self.numel else 0) * self.dtype.itemsize


def read_tensors(path: Path, choose: Callable[[Any], Mapping[str, TensorRef]]) -> dict[str, Tensor]:
    """Read tensors from a file of `torch.save`.

    Args:
        path: The file.
        choose: Given what the file holds, with a `TensorRef` for each tensor and a `StandIn` for each other object,
            returns those that are wanted, by name.

    Returns:
        The tensors, on the CPU.

    Raises:
        OSError: It cannot be opened, or is no regular file.
        ValueError: It is no such file, is damaged, or claims more than it holds; or what `choose` raises.
    """
    with open_regular(path) as stream:
        try:
            is_zip = zipfile.is_zipfile(stream)
            stream.seek(0)
            size = path.stat().st_size
            tree, read = _open_zip(stream, size) if is_zip else _open_old(stream)
            wanted = choose(tree)
            # Views share storages, and a stride of 0 repeats numbers: what is to be made counts, not what is there.
            total = sum(max(ref.dtype.itemsize, 4) * ref.numel for ref in wanted.values())
            if len(wanted) > MAX_MEMBERS or total > min(8 * size, MAX_BYTES):
                raise ValueError(f"claims tensors of {total:,} bytes, more than the file can hold")
            storages: dict[str, bytearray] = {}
            return {name: _made(ref, storages, read) for name, ref in wanted.items()}
        except _DAMAGES as error:
            raise ValueError(f"is damaged ({' '.join(str(error).split()) or type(error).__name__})") from error


def read_values(path: Path) -> Any:
    """Read dictionaries, lists and tuples of tensors and plain values from a file of `torch.save`.

    Args:
        path: The file.

    Returns:
        What was saved, its tensors on the CPU.

    Raises:
        OSError: It cannot be opened, or is no regular file.
        ValueError: It is no such file, is damaged, claims more than it holds, or holds other objects.
    """
    refs: dict[str, TensorRef] = {}
    made: dict[int, Any] = {}
    tree: Any = None

    def choose(found: Any) -> Mapping[str, TensorRef]:
        nonlocal tree
        tree = found
        _collect(found, refs, set(), 0)
        return refs

    tensors = read_tensors(path, choose)

    def filled(value: Any) -> Any:
        if isinstance(value, TensorRef):
            return tensors[str(id(value))]
        if isinstance(value, dict | list | tuple):
            if id(value) not in made:
                made[id(value)] = (
                    {key: filled(item) for key, item in value.items()}
                    if isinstance(value, dict)
                    else type(value)(filled(item) for item in value)
                )
            return made[id(value)]
        return value

    return filled(tree)


def _collect(value: Any, refs: dict[str, TensorRef], met: set[int], depth: int) -> None:
    """Gather the tensors below a value, each container once.

    Raises:
        ValueError: There are objects of other kinds, or containers that hold themselves.
    """
    if isinstance(value, TensorRef):
        refs[str(id(value))] = value
    elif isinstance(value, dict | list | tuple):
        if depth > 50:
            raise ValueError("is nested too deep")
        if id(value) in met:
            return
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _collect(item, refs, met, depth + 1)
        met.add(id(value))  # not before: what holds itself ends at the depth
    elif not (value is None or isinstance(value, str | int | float | bytes)):
        raise ValueError(
            f"holds more than tensors and plain values ({getattr(value, 'name', type(value).__name__):.80})"
        )


def module_tensors(module: StandIn) -> Iterator[tuple[str, TensorRef]]:
    """Yield the tensors of a pickled `nn.Module` under the names and in the order of its `state_dict()`.

    Raises:
        ValueError: Its modules hold each other, or are too many.
    """
    visits = 0
    waiting: list[tuple[str, Any]] = [("", module)]
    while waiting:
        visits += 1
        prefix, current = waiting.pop()
        if visits > MAX_MEMBERS or len(prefix) > 1000:
            raise ValueError("has modules that hold each other, or too many")
        state = current.state if isinstance(current, StandIn) and isinstance(current.state, dict) else {}
        transient = state.get("_non_persistent_buffers_set") or ()
        for kind in ("_parameters", "_buffers"):
            for name, value in _items(state, kind):
                if isinstance(value, TensorRef) and not (kind == "_buffers" and name in transient):
                    yield prefix + name, value
        waiting += [(f"{prefix}{name}.", child) for name, child in reversed(_items(state, "_modules"))]


def _items(state: Mapping[Any, Any], kind: str) -> list[tuple[str, Any]]:
    held = state.get(kind)
    return [(str(name), value) for name, value in held.items()] if isinstance(held, dict) else []


_DTYPES = {
    f"torch.{name}Storage": dtype
    for name, dtype in {
        "Float": torch.float32,
        "Double": torch.float64,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
        "Untyped": torch.uint8,
    }.items()
} | {"torch.storage.UntypedStorage": torch.uint8}


def _rebuilt(name: str, args: tuple[Any, ...]) -> Any:
    """Return what stands for the result of a call that the pickle asks for."""
    match name, args:
        case "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor", (Storage(), *_):
            storage, offset, size, stride = args[:4]
            return TensorRef(storage, storage.dtype, offset, tuple(size), tuple(stride))
        case "torch._utils._rebuild_tensor_v3", (Storage(), offset, size, stride, _, _, Name(text), *_):
            dtype = getattr(torch, text.removeprefix("torch."), None)
            if isinstance(dtype, torch.dtype):
                return TensorRef(args[0], dtype, offset, tuple(size), tuple(stride))
        case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", (TensorRef(), *_):
            return args[0]
        case "torch._tensor._rebuild_from_type_v2", (Name(text), _, tuple(inner), *_) if "from_type" not in text:
            return _rebuilt(text, inner)
        case "collections.OrderedDict" | "collections.defaultdict", _:
            return {}
        case "builtins.set" | "__builtin__.set" | "builtins.frozenset" | "__builtin__.frozenset", (list(items),):
            return items
        case "torch.Size", (tuple(items) | list(items),):
            return tuple(items)
    return StandIn(name, args)


def _storage(saved: Any, met: dict[str, Storage]) -> Any:
    """Return what stands for a persistent id: torch gives one to each storage."""
    match saved:
        case ("storage", Name(kind), str(key), _, _) | ("storage", Name(kind), str(key), _, _, None):
            if kind not in _DTYPES:
                raise ValueError(f"has tensors of an unknown type ({kind:.100})")
            return met.setdefault(key, Storage(key, _DTYPES[kind]))
        case ("module", kind, *_):  # old files give a module's source beside it
            return kind
    raise ValueError("has tensors of an unknown kind")


_Read = Callable[[Storage], bytes]


def _open_zip(stream: BinaryIO, size: int) -> tuple[Any, _Read]:
    """Return what an archive holds, and what reads its storages."""
    archive = zipfile.ZipFile(stream)
    members = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1 or len(members) > MAX_MEMBERS:
        raise ValueError("is a zip archive, but none that torch wrote")
    folder = pickles[0].removesuffix("data.pkl")

    def content(name: str, limit: int) -> bytes:
        info = members[name]
        if info.compress_type != zipfile.ZIP_STORED or not info.file_size == info.compress_size <= limit:
            raise ValueError(f"has a member {name:.100} that is compressed or too large")
        return archive.read(info)  # checks its checksum

    if f"{folder}byteorder" in members and content(f"{folder}byteorder", 16) != b"little":
        raise ValueError("was written on a big-endian machine")
    met: dict[str, Storage] = {}
    tree = unpickle(BytesIO(content(pickles[0], MAX_PICKLE)), _rebuilt, lambda saved: _storage(saved, met))
    return tree, lambda storage: content(f"{folder}data/{storage.key}", size)


def _open_old(stream: BinaryIO) -> tuple[Any, _Read]:
    """Return what a file of the old format holds, and what reads its storages."""
    met: dict[str, Storage] = {}
    if unpickle(stream) != 0x1950A86A20F9469CFC6C or unpickle(stream) != 1001:
        raise ValueError("was not written by torch")
    system = unpickle(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("was written on a big-endian machine")
    tree = unpickle(stream, _rebuilt, lambda saved: _storage(saved, met))
    places: dict[str, tuple[int, int]] = {}
    for key in unpickle(stream):
        if key not in met:
            raise ValueError("has a storage that no tensor has")
        count = int.from_bytes(stream.read(8), "little") * met[key].dtype.itemsize
        places[key] = (stream.tell(), count)
        stream.seek(count, 1)

    def content(storage: Storage) -> bytes:
        start, count = places[storage.key]
        stream.seek(start)
        return stream.read(count)

    return tree, content


def _made(ref: TensorRef, storages: dict[str, bytearray], read: _Read) -> Tensor:
    """Return a tensor with its numbers."""
    if not ref.numel:
        return torch.empty(ref.size, dtype=ref.dtype)
    if ref.storage.key not in storages:
        storages[ref.storage.key] = bytearray(read(ref.storage))
    content = storages[ref.storage.key]
    if ref.end > len(content):
        raise ValueError(f"has a tensor that needs {ref.end:,} bytes where {len(content):,} are")
    whole = torch.frombuffer(content, dtype=ref.dtype, count=len(content) // ref.dtype.itemsize)
    return whole.as_strided(ref.size, ref.stride, ref.offset)
