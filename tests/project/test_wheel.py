import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel built from this checkout, without network."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("yolograft-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(folder: str) -> set[str]:
    """The files of a folder of the checkout, relative to that folder."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT / folder).as_posix() for path in found}


@pytest.mark.parametrize("folder", ["conf", "experiments"])
def test_the_wheel_carries_every_file_of_the_folder(contents: set[str], folder: str) -> None:
    here = {name for name in sources(folder) if not name.startswith("results/")}
    assert any(name.endswith(".yaml") for name in here)
    assert {
        name.removeprefix(f"yolograft/{folder}/") for name in contents if name.startswith(f"yolograft/{folder}/")
    } == here


def test_the_wheel_carries_every_module(contents: set[str]) -> None:
    modules = {name for name in sources("src") if name.endswith(".py")}
    assert "yolograft/sweep/executors/joblib.py" in modules
    assert modules == {name for name in contents if name.endswith(".py")}


def test_the_wheel_carries_what_is_written_in_c(contents: set[str]) -> None:
    built = {name for name in sources("src") if name.endswith((".c", ".so"))}
    assert "yolograft/compute/native/norm_act.c" in built
    assert built == {name for name in contents if name.endswith((".c", ".so"))}


def test_the_wheel_says_that_it_is_typed(contents: set[str]) -> None:
    assert "yolograft/py.typed" in contents


def test_the_wheel_carries_what_pages_are_made_of(contents: set[str]) -> None:
    parts = {f"yolograft/{name}" for name in sources("src/yolograft") if name.endswith((".j2", ".css", ".js"))}
    assert len(parts) >= 5
    assert parts <= contents


def test_the_wheel_holds_nothing_beside_the_package_and_its_record(contents: set[str]) -> None:
    tops = {name.split("/")[0] for name in contents}
    assert "yolograft" in tops
    assert all(top == "yolograft" or top.endswith(".dist-info") for top in tops)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in contents)


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if pin.count("==") != 1 or set(pin) & set("@/+; ")] == []
