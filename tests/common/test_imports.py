"""What the program has imported, the garbage collector leaves alone; in somebody else's process nothing is frozen."""

import subprocess
import sys

import pytest

CODE = """
import gc, sys
from yolograft.common.imports import own_process, uncollected
if {own}:
    own_process()
before = len(sys.modules)
with uncollected():
    import asyncio, numpy
    assert not gc.isenabled()
assert gc.isenabled() and len(sys.modules) - before > 100
print(gc.get_freeze_count() > 10_000)
"""


@pytest.mark.parametrize("own", [True, False])
def test_what_is_imported_is_frozen_in_the_programs_own_process_alone(own: bool) -> None:
    done = subprocess.run([sys.executable, "-c", CODE.format(own=own)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{own}\n"


def test_a_block_without_many_imports_freezes_nothing() -> None:
    """Of a run that comes after another in one process: what the first has left must go."""
    code = (
        "import gc\nfrom yolograft.common.imports import own_process, uncollected\nown_process()\n"
        "with uncollected():\n    kept = [[] for _ in range(1000)]\nprint(gc.get_freeze_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
