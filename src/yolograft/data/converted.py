"""What reading somebody's labels once has found, kept in the cache folder until a file of theirs changes."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np

from yolograft.cache import cache_dir
from yolograft.files import replace_file
from yolograft.stock.data import content_hash

#: Raise whenever what is kept changes its form, so that older files are not read.
VERSION = 2

Arrays = Mapping[str, np.ndarray]


class Converted:
    """Named arrays of a conversion, each read from disk when it is first asked for. Threads may share one.

    Args:
        kind: what they are, a word for file names.
        files: what they are made from.
        make: makes them; called when they are not there, or when a file's size or modification time has changed.
    """

    def __init__(self, kind: str, files: Sequence[str], make: Callable[[], Arrays]) -> None:
        what = hashlib.sha256(json.dumps([VERSION, *files]).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._name, self._content = f"{kind}-{what}", content_hash(files)
        self._file = cache_dir() / "converted" / f"{self._name}-{self._content[:16]}.npz"
        self._make = make
        self._arrays: dict[str, np.ndarray] = {}
        self._lock = Lock()

    def __getitem__(self, name: str) -> np.ndarray:
        with self._lock:
            if name not in self._arrays:
                self._arrays |= self._read(name)
            return self._arrays[name]

    def _read(self, name: str) -> Arrays:
        try:
            with np.load(self._file, allow_pickle=False) as stored:  # no pickle: nothing in it is ever executed
                return {name: stored[name]}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            made = self._make()
            self._save(made)
            return made

    def _save(self, arrays: Arrays) -> None:
        """Write the arrays and remove those of an earlier state; where that fails, the next run converts again."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._file, buffer.getvalue())
            for other in self._file.parent.glob(f"{self._name}-*.npz"):
                if other != self._file:
                    other.unlink(missing_ok=True)
        except OSError:  # a full disk, a cache folder that cannot be written, a file in use on Windows
            return
