"""Whether a run's best.safetensors is there and whole; without torch, since whole sweeps are asked about."""

import hashlib
from functools import lru_cache
from pathlib import Path

from yolograft.common.files import open_regular
from yolograft.common.parsing import parse_json

_MAX_HEADER = 16 * 2**20


def best_weights(folder: Path) -> Path:
    """Return where a run keeps its best weights."""
    return folder / "checkpoints" / "best.safetensors"


def digest(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; one that has not changed since is not read again.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    told = file.stat()
    return _digest(file, told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=1024)
def _digest(file: Path, modified: int, size: int) -> str:
    sha = hashlib.sha256()
    with open_regular(file) as stream:
        while block := stream.read(2**20):
            sha.update(block)
    return sha.hexdigest()


def lacks_weights(folder: Path, sha256: str | None) -> str | None:
    """Return why a run that says `finished` is not: what is wrong with its best weights; None where nothing is.

    Args:
        folder: The run's folder.
        sha256: The digest that its record holds, for which all of the file is read. None where there is none, or where
            many runs are asked about: then only the file's header is read, and the sizes that it tells compared.
    """
    file = best_weights(folder)
    try:
        if sha256 is not None:
            return None if digest(file) == sha256 else f"{file} is damaged: not as it was written"
        return f"{file} is damaged: {fault}" if (fault := fault_of_header(file)) else None
    except FileNotFoundError:
        return f"{file} is gone"
    except OSError as error:
        return f"{file} cannot be read: {error.strerror or error}"


def fault_of_header(file: Path) -> str | None:
    """Return what is wrong with the description in a `.safetensors` file, or with the file's size; None if nothing.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    size = file.stat().st_size
    with open_regular(file) as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(_MAX_HEADER, size - 8):
            return "it has no description of its tensors"
        try:
            header = parse_json(stream.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
            return None if 8 + length + max(ends) == size else "its tensors are of another size"
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            return "its description cannot be read"
