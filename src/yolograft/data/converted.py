"""What reading somebody's labels once has found, kept in the cache folder until a file of theirs changes."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np

from yolograft.common.cache import cache_dir
from yolograft.data.kept import load_arrays, save_arrays

#: Raise whenever what is kept changes its form, so that older files are not read.
VERSION = 4

Arrays = Mapping[str, np.ndarray]


class Converted:
    """Named arrays of a conversion, read from disk when one is first asked for. Threads may share one.

    Args:
        kind: What they are, a word for file names.
        files: What they are made from.
        make: Makes them; called when they are not there, or when a file's size or modification time has changed.
    """

    def __init__(self, kind: str, files: Sequence[str], make: Callable[[], Arrays]) -> None:
        from yolograft.upstream.data import content_hash

        what = hashlib.sha256(json.dumps([VERSION, *files]).encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self._name, self._content = f"{kind}-{what}", content_hash(files)
        self._file = cache_dir() / "converted" / f"{self._name}-{self._content[:16]}.npz"
        self._make = make
        self._arrays: Arrays = {}
        self._lock = Lock()

    def __getitem__(self, name: str) -> np.ndarray:
        with self._lock:
            if not self._arrays:
                self._arrays = load_arrays(self._file) or self._made()
            return self._arrays[name]

    def _made(self) -> Arrays:
        """Convert, keep the arrays and remove those of an earlier state; what cannot be kept is converted again."""
        made = self._make()
        if save_arrays(self._file, made):
            for other in self._file.parent.glob(f"{self._name}-*.npz"):
                if other != self._file:
                    with contextlib.suppress(OSError):  # in use, on Windows
                        other.unlink(missing_ok=True)
        return made


def words_to_array(words: Sequence[str]) -> np.ndarray:
    """Return words as bytes, uint8 [n]: numpy's own array of texts gives each the room of the longest of all."""
    return np.frombuffer(json.dumps(list(words)).encode(), np.uint8)


def array_to_words(array: np.ndarray) -> list[str]:
    """Return what `words_to_array` was given."""
    return [str(word) for word in json.loads(array.tobytes())]
