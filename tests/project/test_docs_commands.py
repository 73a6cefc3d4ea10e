"""Every `yolograft …` line of README and docs is a command line that yolograft accepts."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from yolograft.cli.command_line import check_command_line
from yolograft.cli.folders import with_keys
from yolograft.common.errors import UserError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words of every yolograft command in the code blocks of a page."""
    blocks = _BLOCK.findall(page.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    found = [
        shlex.split(line, comments=True) for line in lines if line.startswith(("yolograft ", ".venv/bin/yolograft "))
    ]
    return [words[1:] for words in found]


def thinned(words: list[str]) -> Iterator[tuple[str, ...]]:
    """Sweeps of one run each that have every value of a sweep: composing all of its combinations takes minutes."""
    values = {word: word.partition("=")[2].split(",") for word in words if re.fullmatch(r"[a-z._/]+=[\w,.-]+", word)}
    if "-m" not in words or "hydra/sweeper=optuna" in words:
        values = {}
    for number in range(max(map(len, values.values()), default=1)):
        yield tuple(
            f"{word.partition('=')[0]}={values[word][number % len(values[word])]}" if word in values else word
            for word in ("seeds=1" if word.startswith("seeds=") else word for word in words)
        )


LINES = sorted({line for page in PAGES for words in commands(page) for line in thinned(words)})


def test_there_are_commands_of_every_kind() -> None:
    assert len(LINES) > 50
    assert {words[0] for words in LINES} >= {
        "train",
        "val",
        "info",
        "report",
        "data",
        "sweeps",
        "dashboard",
        "bench",
        "export",
        "visualize",
    }


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the docs' own parts, as after `cp -r docs/templates my_work`, and data sets of the docs' names."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(ROOT / "docs" / "templates", folder, dirs_exist_ok=True)
    (folder / "my_images").mkdir()
    (folder / "bccd").mkdir()
    (folder / "bccd" / "data.yaml").write_text("train: train\nval: val\nnames: [cell]\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(line, marks=pytest.mark.slow if {"experiments=grid", "experiments=bccd"} & set(line) else ())
        for line in LINES
    ],
    ids=" ".join,
)
def test_a_command_of_the_docs_is_accepted(words: tuple[str, ...], work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(work)
    if words[0].startswith("--") or any(word.startswith("from=") for word in words):
        pytest.skip("needs a run")
    try:
        check_command_line(words[0], with_keys(words[0], list(words[1:])))
    except UserError as error:  # what this machine lacks is not the line's fault
        if not re.search("needs ray: pip|no Slurm here|does not work on Windows|no CUDA device", str(error)):
            raise
