"""YOLOGraft: compose, train and compare YOLO11 variants on an unmodified ultralytics.

From Python:

- `yolograft.train("backbone=effv1 scale=n dataset=coco128")` trains, as `yolograft train` does.
- `yolograft.load("runs/NAME")` loads a trained detector as an `ultralytics.YOLO`.
- `yolograft.compare("multirun/NAME")` compares the runs of a sweep.
- `yolograft.info("backbone=effv1 scale=n")` tells parameters, GFLOPs and pyramid of a variant.

Each is imported when it is first used: importing the package loads nothing else, and sets how OpenMP's threads wait.
"""

from typing import TYPE_CHECKING

from yolograft.common.version import __version__
from yolograft.compute import openmp

openmp.configure()

if TYPE_CHECKING:
    from yolograft.api import Compared, compare, info, load, train
    from yolograft.common.errors import UserError
    from yolograft.runs.record import RunRecord

__all__ = ["Compared", "RunRecord", "UserError", "__version__", "compare", "info", "load", "train"]


if not TYPE_CHECKING:  # else every name would be one for a type checker

    def __getattr__(name: str) -> object:
        if name.startswith("_") or name not in __all__:
            raise AttributeError(f"module 'yolograft' has no attribute '{name}'")
        from yolograft import api

        found = globals()[name] = getattr(api, name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
