"""What is written in C is built when the package is installed, where that can be done, and never fails it."""

import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = Path("src/yolograft/compute/native")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or not shutil.which("cc"), reason="no compiler"
)


@pytest.fixture
def build(tmp_path: Path) -> Any:
    """Build a source, given as text, in a checkout of its own; return what was said and the build's data."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / NATIVE).mkdir(parents=True)

    def _build(source: str) -> tuple[list[str], dict[str, Any]]:
        (tmp_path / NATIVE / "one.c").write_text(source)
        warned, data = list[str](), dict[str, Any](artifacts=[], pure_python=True)
        app = SimpleNamespace(display_warning=warned.append)
        hook = module.NativeHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel", app)
        hook.initialize("standard", data)
        return warned, data

    return _build


def libraries(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / NATIVE).iterdir())


def test_a_library_for_each_kind_of_processor_goes_into_a_wheel_for_this_system(build: Any, tmp_path: Path) -> None:
    assert build("int one(void) { return 1; }") == (
        [],
        {
            "artifacts": [f"/{NATIVE}/one-avx2.so", f"/{NATIVE}/one-avx512bf16.so"],
            "pure_python": False,
            "tag": "py3-none-linux_x86_64",
        },
    )
    assert libraries(tmp_path) == ["one-avx2.so", "one-avx512bf16.so", "one.c"]


def test_what_does_not_compile_is_told_and_leaves_no_older_library(build: Any, tmp_path: Path) -> None:
    build("int one(void) { return 1; }")
    warned, data = build("int one(void) { return two; }")
    assert data == {"artifacts": [], "pure_python": True}
    assert warned[0] == "one-avx2.so is not built, so PyTorch's own kernels are used:"
    assert "one.c" in warned[1]
    assert libraries(tmp_path) == ["one.c"]


@pytest.mark.parametrize("lacks", ["compiler", "linux", "x86_64"])
def test_without_what_it_needs_the_wheel_is_for_every_system(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    if lacks == "compiler":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif lacks == "linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert build("int one(void) { return 1; }") == ([], {"artifacts": [], "pure_python": True})
    assert libraries(tmp_path) == ["one.c"]
