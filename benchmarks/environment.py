"""What a benchmark ran on, as JSON on standard output: processor, GPU, driver, versions, commit.

python benchmarks/environment.py > environment.json
"""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("torch", "torchvision", "triton", "ultralytics", "pytorch-lightning", "hydra-core", "omegaconf", "pydantic"),
    *("numpy", "opencv-python", "opencv-python-headless", "timm", "joblib", "polars"),
)


def environment() -> dict[str, Any]:
    """Return the machine and the versions; what cannot be found out is None."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": _said("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"),
        "nvidia_smi": _said(
            "nvidia-smi",
            "--query-gpu=name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,utilization.gpu",
            "--format=csv",
        ),
        "cuda": _cuda(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _said(*command: str) -> str | None:
    """Return what a program prints, or None where there is no such program or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _cuda() -> list[dict[str, Any]]:
    import torch

    if not torch.cuda.is_available():
        return []
    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return [
        {
            "name": found.name,
            "memory_gib": round(found.total_memory / 2**30, 1),
            "multiprocessors": found.multi_processor_count,
            "capability": f"{found.major}.{found.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
        for found in properties
    ]


if __name__ == "__main__":
    json.dump(environment(), sys.stdout, indent=2)
    print()
