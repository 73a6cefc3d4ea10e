"""How many processors Linux's control groups grant this process: the `--cpus` of a container, say."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def quota(system: Path = Path("/")) -> float | None:
    """Return the processors that are granted, the least over all groups above this process; None: no limit.

    Args:
        system: The root of the file system.
    """
    granted = [share for group in _groups(system) if (share := _share(group)) is not None]
    return min(granted, default=None)


def _groups(system: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups, and of those above."""
    with suppress(OSError, UnicodeError):
        for line in (system / "proc/self/cgroup").read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            if kinds and "cpu" not in kinds.split(","):
                continue
            top = system / "sys/fs/cgroup" / ("cpu" if kinds else "")
            inner = top / name.lstrip("/")
            # In a container the name may be the host's; the limit then stands at the top.
            yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(top))


def _share(group: Path) -> float | None:
    with suppress(OSError, ValueError):  # version 2: "max 100000" or "150000 100000"
        limit, period = (group / "cpu.max").read_text().split()
        return int(limit) / int(period)
    with suppress(OSError, ValueError, ZeroDivisionError):  # version 1: -1 for no limit
        limit, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(limit) / int(period) if int(limit) > 0 else None
    return None
