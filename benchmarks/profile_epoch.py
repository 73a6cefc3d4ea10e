"""What a training's time goes into: torch's profiler over the steps of its second epoch.

    python benchmarks/profile_epoch.py --out profile.txt scale=n imgsz=640 batch=64 device=0 dataset=yolo …

Trains two epochs of `yolograft train` with the overrides given and writes tables of the operations that cost most, on
the device and on the processor, and how often a step waited for the device.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

WAITS = (
    *("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpyAsync"),
    *("cudaLaunchKernel", "cudaLaunchKernelExC", "cudaGraphLaunch", "aten::item", "aten::nonzero"),
)
"""Operations whose number says whether steps wait for the device or for the launching of many small kernels."""


class EpochProfile(pl.Callback):
    """Profiles the first steps of the second epoch.

    Args:
        out: A text file.
        steps: How many steps at most.
    """

    def __init__(self, out: str, steps: int = 10) -> None:
        self.out, self.steps = Path(out), steps
        self.profiler: Any = None
        self._began = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin in the second epoch: the first one still chooses kernels and starts loading processes."""
        if trainer.current_epoch == 1:
            activities = [torch.profiler.ProfilerActivity.CPU]
            if pl_module.device.type == "cuda":
                activities.append(torch.profiler.ProfilerActivity.CUDA)
                torch.cuda.synchronize()
            self.profiler = torch.profiler.profile(activities=activities)
            self.profiler.start()
            self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End after enough steps, or with the epoch."""
        steps = batch_idx + 1
        if self.profiler is None or (steps < self.steps and steps < trainer.num_training_batches):
            return
        on_cuda = pl_module.device.type == "cuda"
        if on_cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - self._began
        self.profiler.stop()
        averages, self.profiler = self.profiler.key_averages(), None
        self.out.write_text(summary(averages, seconds, steps, on_cuda), encoding="utf-8")


def summary(averages: Any, seconds: float, steps: int, on_cuda: bool) -> str:
    """Return the profile as text.

    Args:
        averages: What the profiler's `key_averages` returned.
        seconds: The time from the first step's wait for images to the end of the last step.
        steps: How many steps it covers.
        on_cuda: Whether device times are there.
    """
    lines = [f"{steps} steps in {seconds:.3f} s, {seconds / steps * 1000:.1f} ms a step (profiler's own cost included)"]
    if on_cuda:
        busy = _kernel_seconds(averages)
        lines.append(f"kernels {busy:.3f} s: the device was busy {busy / seconds:.0%} of the time")
    for key in WAITS:
        lines += [
            f"{key:24} {event.count / steps:9.1f} a step, {event.cpu_time_total / steps / 1000:8.2f} ms"
            for event in averages
            if event.key == key
        ]
    orders = ["self_device_time_total", "self_cpu_time_total"] if on_cuda else ["self_cpu_time_total"]
    for order in orders:
        lines += ["", f"by {order}", averages.table(sort_by=order, row_limit=30, max_name_column_width=60)]
    return "\n".join(lines) + "\n"


def _kernel_seconds(averages: Iterable[Any]) -> float:
    """Return the summed time of what ran on the device itself."""
    on_device = (event for event in averages if "CUDA" in str(event.device_type))
    return sum(event.self_device_time_total for event in on_device) / 1e6


def main() -> int:
    """Train with the callback."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    settings = f"_target_: profile_epoch.EpochProfile, out: '{options.out.resolve()}', steps: {options.steps}"
    # `-c`, not `-m`, so that this folder is where Python looks for modules
    here = str(Path(__file__).parent)
    program = f"import sys; sys.path.insert(0, {here!r}); from yolograft.cli.main import main; sys.exit(main())"
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        command = [sys.executable, "-c", program, "train", "epochs=2", "trainer.plots=false"]
        return subprocess.run(
            [*command, f"+callbacks.profile={{{settings}}}", *options.overrides], cwd=folder, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
