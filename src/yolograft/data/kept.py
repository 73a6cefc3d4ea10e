"""Arrays kept in the cache folder: a digest, then numpy's .npz (no pickle, so nothing in it is ever executed)."""

import hashlib
import io
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from yolograft.common.files import atomic_write

log = logging.getLogger(__name__)

_DIGEST = hashlib.sha256


def load_arrays(file: Path) -> dict[str, np.ndarray] | None:
    """Return the arrays of a file by name; None where it is not there or, as the log then says, damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    size = _DIGEST().digest_size
    if _DIGEST(content[size:]).digest() != content[:size]:
        log.warning("%s is damaged; made anew", file)
        return None
    with np.load(io.BytesIO(content[size:]), allow_pickle=False) as stored:
        return dict(stored)


def save_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> bool:
    """Write arrays, complete under their name or not at all; return whether that could be done."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    content = buffer.getvalue()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, _DIGEST(content).digest() + content)
    except OSError:  # a full disk, a cache folder that cannot be written, a file in use on Windows
        return False
    return True
