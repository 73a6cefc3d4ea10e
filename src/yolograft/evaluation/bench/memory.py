"""How much memory a detector takes: measured in a process that runs nothing else.

Within one process a detector would find the memory that others have left behind. On a GPU torch's own count serves.
"""

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import psutil
import torch

from yolograft.evaluation.runtimes import load_runtime
from yolograft.model.detector import Detector

_PATIENCE = 300.0
"""Seconds after which no answer is waited for."""


def cpu_memory(source: Path, kind: str, batch: int, imgsz: int, threads: int) -> int | None:
    """Return the most bytes that a process takes to load and run a detector on the CPU, beyond its imports.

    Args:
        source: What the runtime loads; of a detector that runs in PyTorch, the file in which `torch.save` has put it.
        kind: A key of `RUNTIMES`.
        batch: Images at a time.
        imgsz: Their side, pixels.
        threads: CPU threads.

    Returns:
        Bytes; None where the process ends without an answer (it was killed), or the system does not tell the peak.
    """
    if sys.platform == "win32":
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, source, kind, batch, imgsz, threads), daemon=True)
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(_PATIENCE) else None
    except EOFError:  # it was killed, or the runtime failed, which the timing will tell
        return None
    finally:
        process.kill()
        process.join()
        receiver.close()


def _run(sender: Any, source: Path, kind: str, batch: int, imgsz: int, threads: int) -> None:
    import resource

    torch.set_num_threads(threads)
    runtime_class = load_runtime(kind)  # imports the runtime's package
    with torch.inference_mode():
        torch.nn.Conv2d(3, 8, 3)(torch.rand(1, 3, 32, 32))  # what torch itself takes once
    before = psutil.Process().memory_info().rss
    loaded: Path | Detector = source
    if source.suffix == ".pt":  # our own process has just written it
        loaded = torch.load(source, weights_only=False, mmap=True)
    runtime = runtime_class(loaded, device=torch.device("cpu"), threads=threads, exact=True)
    images = torch.rand(batch, 3, imgsz, imgsz)
    for _ in range(2):
        runtime(images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    sender.send(max(peak - before, 0))
