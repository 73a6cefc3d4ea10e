"""Builds what is written in C when the package is installed; where no compiler is, PyTorch does that work."""

import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path("src/yolograft/compute/native")
FLAGS = ("-std=gnu11", "-O3", "-fopenmp", "-fPIC", "-fno-math-errno", "-fno-trapping-math")
AVX2 = ("-mavx2", "-mfma")
AVX512 = tuple(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16"))
PROCESSORS = {"avx2": AVX2, "avx512bf16": AVX2 + AVX512}


class NativeHook(BuildHookInterface):
    """Compiles each source for each kind of processor; never fails a build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into the source tree, from where a wheel takes the libraries and an editable install loads them."""
        del version
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None or sys.platform != "linux" or platform.machine() != "x86_64":
            return
        built = []
        for source in sorted((Path(self.root) / NATIVE).glob("*.c")):
            for processor, flags in PROCESSORS.items():
                library = source.with_name(f"{source.stem}-{processor}.so")
                if error := _build(compiler, flags, source, library):
                    self.app.display_warning(f"{library.name} is not built, so PyTorch's own kernels are used:")
                    self.app.display_warning(error)
                else:
                    built.append(library)
        if built:
            build_data["artifacts"] += [f"/{library.relative_to(self.root).as_posix()}" for library in built]
            build_data["pure_python"] = False
            build_data["tag"] = "py3-none-linux_x86_64"


def _build(compiler: str, flags: tuple[str, ...], source: Path, library: Path) -> str:
    """Build a library, in a folder of its own and then in its place; return what went wrong.

    It is linked without OpenMP: the functions that are found are to be those of the OpenMP that PyTorch has loaded.
    """
    library.unlink(missing_ok=True)  # of an older source; a training that has loaded it keeps it
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".") as folder:
        compiled, linked = Path(folder) / "compiled.o", Path(folder) / library.name
        for command in (
            [compiler, *FLAGS, *flags, "-c", str(source), "-o", str(compiled)],
            [compiler, "-shared", str(compiled), "-lm", "-o", str(linked)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stderr or f"exit code {done.returncode}"
        linked.replace(library)
    return ""
