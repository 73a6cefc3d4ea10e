"""Builds what is written in C when the package is installed; where no compiler is, PyTorch does that work."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("src/yolograft/compute/native")
FLAGS = ("-std=gnu11", "-O3", "-fopenmp", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math")
# Fused multiply-add where the source says so and nowhere else: its results are PyTorch's to the last bit.
EXACT = ("-ffp-contract=off",)
PROCESSORS = {"avx2": ("-march=x86-64-v3",), "avx512bf16": ("-march=x86-64-v4", "-mavx512bf16")}


class NativeHook(BuildHookInterface):
    """Compiles each source for each kind of processor; never fails a build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the source tree, from where a wheel takes the libraries and an editable install loads them."""
        del version
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or sys.platform != "linux" or platform.machine() != "x86_64":
            return
        folder = Path(self.root) / NATIVE
        built = []
        for source in sorted(folder.glob("*.c")):
            for processor, flags in PROCESSORS.items():
                library = source.with_name(f"{source.stem}-{processor}.so")
                made = library.with_suffix(f".{os.getpid()}.tmp")  # two builds at a time are in nobody's way
                command = [compiler, *FLAGS, *EXACT, *flags, str(source), "-o", str(made), "-lm"]
                result = subprocess.run(command, capture_output=True, text=True, check=False)
                if result.returncode:
                    self.app.display_warning(f"{library.name} is not built, so PyTorch's own kernels are used:")
                    self.app.display_warning(result.stderr)
                    made.unlink(missing_ok=True)
                    library.unlink(missing_ok=True)  # of an older source
                    continue
                made.replace(library)  # a running training keeps the file that it has loaded
                built.append(library)
        if built:
            build_data["artifacts"] += [f"/{library.relative_to(self.root).as_posix()}" for library in built]
            build_data["pure_python"] = False
            build_data["tag"] = "py3-none-linux_x86_64"
