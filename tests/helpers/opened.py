"""Opens files of weights one after the other, with a limit of memory, and says how each ended: JSON lines.

Run as a process of its own in an empty folder: `opened.py weights|load|run FILE...`.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from yolograft.cli.weights import find_weights
from yolograft.common.errors import UserError
from yolograft.common.text import plain
from yolograft.evaluation.validate import validate
from yolograft.evaluation.yolo import open_yolo
from yolograft.model.weights import load_weights

LOADED = (
    "yolograft.data.dataset",
    "yolograft.evaluation.validate",
    "yolograft.cli.command_line",
)

#: Bytes that opening may take beyond what the program has when it is loaded.
ROOM = 1 * 2**30


def opened(kind: str, file: Path) -> str:
    """Open a file as the commands do, and return what came of it."""
    try:
        if kind == "load":
            return f"loaded: {open_yolo(file).names}"
        if kind == "weights":
            state = load_weights(file)
            return f"read: {len(state)}" if len(state) > 1 else f"read: model {next(iter(state))}"
        config: dict[str, Any] = {
            "dataset": {"check": "warn"},
            "trust": [],
            "imgsz": None,
            "split": "val",
            "batch": 2,
            "plots": False,
        }
        metrics = validate(find_weights(str(file)), {**config, "plots": False, "device": "cpu", "workers": 0})
        return f"measured: {metrics['imgsz']}"
    except UserError as refusal:
        return f"refused: {plain(str(refusal))}"
    except BaseException as error:  # noqa: BLE001
        return f"uncaught: {type(error).__name__}: {error}"


def main() -> None:
    """Open the files."""
    os.environ["YOLO_OFFLINE"] = "true"
    for module in LOADED:  # by the command, when it begins; here before memory is measured
        importlib.import_module(module)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for file in map(Path, sys.argv[2:]):
        before = set(Path().iterdir())
        start = time.monotonic()
        end = opened(sys.argv[1], file)
        seconds = time.monotonic() - start
        new = sorted(map(str, set(Path().iterdir()) - before))
        print(json.dumps({"file": str(file), "end": end, "seconds": seconds, "new": new}), flush=True)


if __name__ == "__main__":
    main()
