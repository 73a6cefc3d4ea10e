"""Files of weights as an enemy would write them: pickles, archives, headers, special files.

Each is made by a function, and comes with a pattern that is to be found in the refusal.
"""

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

Attack = tuple[Callable[[Path], Path], str]

#: What code that runs leaves behind, in the folder where the files are opened.
MARK = "executed"
SHELL = f"touch {MARK}"
PYTHON = f"open({MARK!r}, 'w')"

#: ultralytics' constructors evaluate the text.
MODEL_WITH_CODE = {"activation": PYTHON, "nc": 1, "backbone": [[-1, 1, "Conv", [8, 3, 2]]], "head": []}

#: Sixteen floats as the old format has them, and what refusals say.
SIXTEEN = struct.pack("<q", 16) + bytes(64)
NO_WEIGHTS = "convert it|holds no state dict"
DAMAGED = "is not a weights file, or is damaged"


class Calls:
    """Calls something when it is unpickled freely."""

    def __init__(self, module: str, name: str, *args: Any) -> None:
        self.called, self.args = (module, name), args

    def __reduce__(self) -> tuple[Any, ...]:
        module, name = self.called
        function = type(name, (), {"__module__": module, "__qualname__": name})
        return function, self.args


class AnyNames(pickle._Pickler):  # the one in Python: it can be told not to look
    """Writes the names of classes without asking whether there are such classes."""

    def save_type(self, obj: Any) -> None:
        """Write one."""
        names = f"{obj.__module__}\n{obj.__qualname__}\n".encode()
        self.write(b"c" + names)  # type: ignore[attr-defined]

    dispatch: ClassVar[dict[type, Any]] = {**pickle._Pickler.dispatch, type: save_type}


def dumps(value: Any) -> bytes:
    stream = io.BytesIO()
    AnyNames(stream, protocol=2).dump(value)
    return stream.getvalue()


def archive(
    description: bytes, members: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED
) -> bytes:
    """Return a file as `torch.save` writes it, around a pickle of any kind."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as zipped:
        zipped.writestr("archive/data.pkl", description)
        zipped.writestr("archive/version", "3\n")
        for name, content in (members or {"0": bytes(64)}).items():
            zipped.writestr(f"archive/data/{name}", content)
    return stream.getvalue()


# Opcodes for a tensor over storage 0 (16 floats): `\x00` stands for offset, size and stride.
def tensor(
    offset: bytes = b"K\x00", size: bytes = b"K\x10\x85", stride: bytes = b"K\x01\x85", count: bytes = b"K\x10"
) -> bytes:
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" + count + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + b"\x89}tR"


def state(*tensors: bytes) -> bytes:
    """Return a pickle of a state dict of tensors."""
    body = b"".join(b"X\x02\0\0\0" + f"{n:02}".encode() + value for n, value in enumerate(tensors))
    return b"\x80\x02}(" + body + b"u."


def long(value: int) -> bytes:
    content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def pt(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        file = folder / f"{name}.pt"
        file.write_bytes(content if isinstance(content, bytes) else content())
        return file

    return make


def module(inner: bytes) -> bytes:
    """Return a pickle of a model whose state is what these opcodes leave."""
    return b"\x80\x02}X\x05\0\0\0modelcultralytics.nn.tasks\nDetectionModel\n)\x81" + inner + b"bs."


def with_parameters(attribute: bytes) -> bytes:
    """Return opcodes of a module's state with one tensor, and one more attribute."""
    held = b"X\x0b\0\0\0_parameters}X\x01\0\0\0w" + tensor() + b"s"
    return b"}(" + held + b"X\x08\0\0\0_buffers}X\x08\0\0\0_modules}" + attribute + b"u"


def big_compressed() -> bytes:
    """Return an archive of 100 kB that stands for 100 MB."""
    size = 25 * 2**20
    count = long(size)
    body = state(tensor(size=count + b"\x85", count=count))
    return archive(body, {"0": bytes(4 * size)}, zipfile.ZIP_DEFLATED)


def claimed_member() -> bytes:
    """Return an archive whose directory gives a member of 64 bytes as one of 3 GB."""
    content = archive(state(tensor()))
    place = content.rindex(b"archive/data/0") - 46
    sizes = struct.pack("<II", 3 * 10**9, 3 * 10**9)
    return content[: place + 20] + sizes + content[place + 28 :]


def shared_child() -> bytes:
    """Return a model each of whose sixty levels holds the next one twice: 2⁶⁰ paths."""
    inner = b"ctorch.nn\nLinear\n)\x81" + with_parameters(b"") + b"b"
    for _ in range(60):
        inner = b"ctorch.nn\nLinear\n)\x81}X\x08\0\0\0_modules}(X\x01\0\0\0a" + inner + b"q\x01X\x01\0\0\0bh\x01usb"
    return module(b"}X\x08\0\0\0_modules}X\x01\0\0\0m" + inner + b"ss")


def legacy(
    description: bytes, keys: bytes = b"\x80\x02]X\x01\0\0\x000a.", data: bytes = struct.pack("<q", 16) + bytes(64)
) -> bytes:
    head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    return head + description + keys + data


def scripted() -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), stream)
    return stream.getvalue()


HASH_BOMB = b"\x80\x02}K\x01q\x00" + b"h\x00\x86q\x00" * 60 + b"K\x01s."


def pickles() -> dict[str, Attack]:
    """Return attacks on `weights=FILE.pt`, by name."""
    calls: dict[str, Any] = {
        "os_system": Calls("os", "system", SHELL),
        "posix_system": Calls("posix", "system", SHELL),
        "eval": Calls("builtins", "eval", PYTHON),
        "exec": Calls("builtins", "exec", PYTHON),
        "subprocess": Calls("subprocess", "Popen", ["touch", MARK]),
        "detection_model_text": Calls("ultralytics.nn.tasks", "DetectionModel", MODEL_WITH_CODE),
        "parse_model": Calls("ultralytics.nn.tasks", "parse_model", {"activation": PYTHON}, 3),
        "yolo": Calls("ultralytics", "YOLO", "other.pt"),
        "attempt_load": Calls("ultralytics.nn.tasks", "load_checkpoint", "other.pt"),
        "torch_load": Calls("torch", "load", "other.pt"),
        "hub": Calls("torch.hub", "load", "someone/something", "model"),
        "timm": Calls("timm", "create_model", "resnet18", True),
        "write_text": Calls("pathlib", "Path.write_text", Path(MARK), "x"),
        "numpy_object": Calls(
            "numpy.core.multiarray", "scalar", Calls("numpy", "dtype", "O8"), dumps(Calls("os", "system", SHELL))
        ),
        "getattr_chain": Calls("builtins", "getattr", Calls("importlib", "import_module", "os"), "system"),
        "from_type": Calls("torch._tensor", "_rebuild_from_type_v2", Calls("os", "system", SHELL), dict, (SHELL,), {}),
        "own_unpickler": Calls("torch.storage", "_load_from_bytes", dumps(Calls("os", "system", SHELL))),
        "bytearray": Calls("builtins", "bytearray", 10**12),
        "list_repeat": Calls("operator", "mul", [0], 10**12),
        "conv": Calls("torch.nn.modules.conv", "Conv2d", 10**6, 10**6, 99),
        "sparse": Calls("torch._utils", "_rebuild_sparse_tensor", 0, (1, 2, (10**9, 10**9))),
    }
    attacks: dict[str, Attack] = {
        name: (pt(name, archive(dumps({"model": call, "ema": None}))), NO_WEIGHTS) for name, call in calls.items()
    }
    hooks = b"X\x07\0\0\0forwardcos\nsystem\nX\x0e\0\0\0_forward_hooks" + dumps(Calls("os", "system", SHELL))[2:-1]
    raw: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
        "state_with_calls": (archive(module(with_parameters(hooks))), "read: model w"),
        "instance_opcode": (archive(b"(S'" + SHELL.encode() + b"'\nios\nsystem\n."), DAMAGED),
        "object_opcode": (archive(b"(cos\nsystem\nS'" + SHELL.encode() + b"'\no."), DAMAGED),
        "extension_opcode": (archive(b"\x80\x02\x82\x01."), DAMAGED),
        "storage_of_a_function": (
            archive(b"\x80\x02(X\x07\0\0\0storagecos\nsystem\nX\x01\0\0\x000X\x03\0\0\0cpuK\x10tQ."),
            "unknown type",
        ),
        "old_format": (legacy(dumps({"model": Calls("os", "system", SHELL)}), keys=b"\x80\x02]."), NO_WEIGHTS),
        "plain_pickle": (dumps(Calls("os", "system", SHELL)), DAMAGED),
        "torchscript": (scripted, NO_WEIGHTS),
        "memo_index": (archive(b"\x80\x02}r\xff\xff\xff\xff."), NO_WEIGHTS),
        "hash_of_nested_tuples": (archive(HASH_BOMB), NO_WEIGHTS),
        "deep_lists": (archive(b"\x80\x02" + b"]" * 500_000 + b"a" * 499_999 + b"."), NO_WEIGHTS),
        "deep_tuples": (archive(b"\x80\x02)" + b"\x85" * 1_000_000 + b"."), NO_WEIGHTS),
        "endless_steps": (archive(b"\x80\x02" + b"N0" * 1_500_000 + b"N."), "more than"),
        "text_length": (archive(b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."), DAMAGED),
        "bytearray_length": (archive(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x."), DAMAGED),
        "frame_length": (archive(b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N."), NO_WEIGHTS),
        "long_number": (archive(b"\x80\x02I" + b"9" * 100_000 + b"\n."), DAMAGED),
        "no_end": (archive(b"\x80\x02}"), DAMAGED),
        "stack_underflow": (archive(b"\x80\x02s."), DAMAGED),
        "repeated_number": (
            archive(state(tensor(size=long(10**12) + b"\x85", stride=b"K\x00\x85"))),
            "more than the file can hold",
        ),
        "many_views": (archive(state(*[tensor()] * 99)), "read: 99"),
        "beyond_the_storage": (archive(state(tensor(offset=b"K\x01"))), "needs 68 bytes where 64 are"),
        "negative_stride": (archive(state(tensor(stride=long(-1) + b"\x85"))), "impossible shape"),
        "negative_offset": (archive(state(tensor(offset=long(-4)))), "impossible shape"),
        "a_million_axes": (
            archive(state(tensor(size=b"(" + b"K\x01" * 10**6 + b"t", stride=b"(" + b"K\x01" * 10**6 + b"t"))),
            "impossible shape|more than",
        ),
        "claimed_count": (archive(state(tensor(size=long(10**9) + b"\x85", count=long(10**9)))), "more than the file"),
        "missing_storage": (archive(state(tensor()), {"7": b""}), DAMAGED),
        "zip_bomb": (big_compressed, "compressed or too large"),
        "claimed_member": (claimed_member, "compressed or too large"),
        "other_zip": (archive(b"").replace(b"data.pkl", b"data.xyz"), "none that torch wrote"),
        "model_in_itself": (
            archive(module(b"}X\x08\0\0\0_modules}q\x05X\x01\0\0\0ach\x01\nx\n)\x81}X\x08\0\0\0_modulesh\x05sbss")),
            "hold each other",
        ),
        "shared_modules": (lambda: archive(shared_child()), "hold each other"),
        "old_claimed_count": (legacy(state(tensor()), data=struct.pack("<Q", 2**63) + bytes(64)), DAMAGED),
        "old_missing_data": (legacy(state(tensor()), data=struct.pack("<q", 16)), DAMAGED),
        "old_strange_keys": (legacy(state(tensor()), keys=b"\x80\x02]X\x01\0\0\x001a."), DAMAGED),
    }
    return attacks | {name: (pt(name, content), expected) for name, (content, expected) in raw.items()}


def specials() -> dict[str, Attack]:
    """Return things that are no regular files, and `.safetensors` that are damaged on purpose."""

    def fifo(folder: Path) -> Path:
        os.mkfifo(folder / "fifo.pt")
        return folder / "fifo.pt"

    def link(target: str, name: str) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            (folder / name).symlink_to(target)
            return folder / name

        return make

    def tensors(header: bytes | dict[str, Any], data: bytes = bytes(64), length: int | None = None) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return (length or len(text)).to_bytes(8, "little") + text + data

    def entry(*shape: int, start: int = 0, end: int = 64) -> dict[str, Any]:
        return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}

    headers = {
        "header_length": tensors(b"{}", length=2**63),
        "header_of_a_gigabyte": tensors(b"{}", length=2**30),
        "overlapping": tensors({"a": entry(16), "b": entry(16)}),
        "beyond_the_end": tensors({"a": entry(10**9, end=4 * 10**9)}),
        "backwards": tensors({"a": entry(16, start=64, end=0)}),
        "overflowing_shape": tensors({"a": entry(2**40, 2**40)}),
        "nested_header": tensors(b'{"a":' * 100_000),
        "no_json": tensors(b"\xff" * 64),
        "too_short": b"\x01",
        "unknown_type": tensors({"a": {**entry(16), "dtype": "F1024"}}),
    }

    def write(name: str, content: bytes) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            (folder / f"{name}.safetensors").write_bytes(content)
            return folder / f"{name}.safetensors"

        return make

    return {
        "fifo": (fifo, "not a regular file"),
        "endless_device": (link("/dev/zero", "zero.pt"), "not a regular file"),
        "endless_device_as_safetensors": (link("/dev/zero", "zero.safetensors"), "not a regular file"),
        "folder": (link("/", "folder.pt"), "regular file|directory|no weights file"),
        "link_to_itself": (link("loop.pt", "loop.pt"), "no weights file|[Ll]evels|loop"),
        **{name: (write(name, content), DAMAGED) for name, content in headers.items()},
    }
