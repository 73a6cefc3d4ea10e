"""Memory that is freed within a training is used again, and returned at its end."""

import json
import subprocess
import sys

import pytest

from yolograft.compute import allocation

VALUES = 20_000_000
PROGRAM = f"""
import json, resource
import psutil, torch
from yolograft.compute import allocation

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        [torch.ones({VALUES}) for _ in range(2)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return psutil.Process().memory_info().rss

before = new_pages()
with allocation.freed_memory_kept():
    for _ in range(4):
        new_pages()
    within, held = new_pages(), resident()
returned = held - resident()
print(json.dumps(dict(before=before, within=within, returned=returned, after=new_pages())))
"""


@pytest.mark.skipif(allocation._glibc() is None, reason="another C library")
def test_freed_memory_is_used_again_and_returned_at_the_end() -> None:
    # In a process of its own: what a heap can return depends on all that was taken from it before.
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    pages = json.loads(result.stdout)
    assert pages["before"] > 100
    assert pages["within"] < pages["before"] / 20
    assert pages["returned"] > VALUES * 4, "bytes"
    assert pages["after"] > pages["before"] / 4


def test_where_there_is_no_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "_glibc", lambda: None)
    with allocation.freed_memory_kept():
        pass
