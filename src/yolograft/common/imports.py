"""What makes imports cheaper: no garbage collector during and after them, and none for the sake of an `isinstance`."""

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 100  # modules

_own = threading.Event()


def own_process() -> None:
    """Say that this process is the program's own: what it imports from now on, the garbage collector leaves alone.

    Its first passes over all that a training imports take a second together, and in a forked process each copies the
    memory that it looks at. In somebody else's process what is frozen could be theirs, and would stay in memory.
    """
    _own.set()


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the garbage collector back inside: what a training imports then takes an eighth less time."""
    enabled, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if _own.is_set() and len(sys.modules) - before > _MANY:
            gc.freeze()
        if enabled:
            gc.enable()


def if_loaded(module: str, *names: str) -> tuple[type, ...]:
    """Return classes of a module that is slow to import, none where nobody has imported it: no object is of them then.

    Args:
        module: Its full name.
        names: Of the classes.
    """
    loaded = sys.modules.get(module)
    return tuple(getattr(loaded, name) for name in names) if loaded else ()
