"""How the C library hands memory out: what is freed is kept for the next step."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

# Numbers of glibc's `mallopt` (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_KEEP = {_MMAP_MAX: 0, _MMAP_THRESHOLD: 1 << 30, _TRIM_THRESHOLD: 2**31 - 1}
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
"""What glibc itself arrives at in a process that uses large blocks."""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the process keep the memory that it frees inside, at the end return it; without effect where glibc is not.

    By default each tensor of more than 32 MB comes from the system, as does a heap that has shrunk, and the system
    clears every page of it again and again: a tenth or more of the time of a validation on the CPU.
    """
    library = _glibc()
    if library is None:
        yield
        return
    try:
        for number, value in _KEEP.items():
            library.mallopt(number, value)
        yield
    finally:
        for number, value in _USUAL.items():
            library.mallopt(number, value)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
