"""Memory that is freed within a training is used again, and returned at its end."""

import psutil
import pytest
import torch

from yolograft.compute import allocation

VALUES = 20_000_000
ROUNDS = 3


def new_pages() -> int:
    """Take and free two large tensors a few times; return how many pages the system had to clear for it."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(ROUNDS):
        [torch.ones(VALUES) for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(allocation._glibc() is None, reason="another C library")
def test_freed_memory_is_used_again_and_returned_at_the_end() -> None:
    import resource

    pages = ROUNDS * 2 * VALUES * 4 // resource.getpagesize()
    assert new_pages() > pages / 2
    with allocation.freed_memory_kept():
        for _ in range(4):
            new_pages()
        assert new_pages() < pages / 100
        held = psutil.Process().memory_info().rss
    assert psutil.Process().memory_info().rss < held - VALUES * 4
    assert new_pages() > pages / 2


def test_where_there_is_no_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "_glibc", lambda: None)
    with allocation.freed_memory_kept():
        pass
