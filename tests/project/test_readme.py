"""README.md and README.zh-CN.md: short, equal in commands, figures, numbers and links, and without broken links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
RECORDED = (ROOT / "experiments/results/bccd/comparison.md").read_text(encoding="utf-8")


def code(text: str) -> list[list[str]]:
    """The commands of every code block, without comments."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [[line for line in block.splitlines() if line and not line.startswith("#")] for block in blocks]


def links(text: str) -> list[str]:
    """The targets of links and figures, in order."""
    return re.findall(r"\]\(([^)]+)\)", text)


def table(text: str) -> list[list[str]]:
    """The cells of the table's rows, without its heading."""
    rows = [line.strip("| ").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def numbers(text: str) -> list[str]:
    """Every number in the text outside the table, in ascending order: sentences are ordered by their language."""
    prose = "\n".join(line for line in text.splitlines() if not line.startswith("|"))
    return sorted(re.findall(r"\d+(?:\.\d+)*", prose))


def test_the_two_have_the_same_commands() -> None:
    assert code(ENGLISH) == code(CHINESE)
    assert len(code(ENGLISH)) == 1
    commands = [" ".join(line.split()[:2]) for line in code(ENGLISH)[0]]
    expected = ["train", "train", "predict", "bench", "export"]
    assert commands == ["make demo", *(f"yolograft {command}" for command in expected)]


def test_the_two_have_the_same_figures_and_links() -> None:
    others = {"README.md", "README.zh-CN.md"}
    assert [link for link in links(ENGLISH) if link not in others] == [
        link for link in links(CHINESE) if link not in others
    ]
    assert re.findall(r"!\[[^\]]*\]\((\S+)\)", ENGLISH) == re.findall(r"!\[[^\]]*\]\((\S+)\)", CHINESE)
    assert "README.zh-CN.md" in links(ENGLISH)
    assert "README.md" in links(CHINESE)


def test_the_two_have_the_same_numbers() -> None:
    words = {"基线": "baseline", "是": "yes", "否": "no"}
    assert [[words.get(cell, cell) for cell in row] for row in table(CHINESE)] == table(ENGLISH)
    spelled = str.maketrans({"八": "8", "四": "4", "三": "3", "两": "2", "六": "6"})
    assert len(table(ENGLISH)) == 8
    digits = {n for n in numbers(ENGLISH) if len(n) > 1}
    assert digits == {n for n in numbers(CHINESE.translate(spelled)) if len(n) > 1}


def test_the_two_have_the_same_sections() -> None:
    assert [line.split()[0] for line in ENGLISH.splitlines() if line.startswith("#")] == [
        line.split()[0] for line in CHINESE.splitlines() if line.startswith("#")
    ]


@pytest.mark.parametrize("file", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_links_lead_to_files(file: str) -> None:
    targets = [link for link in links((ROOT / file).read_text(encoding="utf-8")) if not re.match("https?:|#", link)]
    assert [target for target in targets if not (ROOT / target.partition("#")[0]).exists()] == []


def test_the_table_is_the_recorded_one() -> None:
    recorded = [[cell.replace("\\", "").replace("*", "") for cell in row] for row in table(RECORDED)[:8]]
    mentioned = [[*row[:8], row[10], row[11]] for row in recorded]
    assert mentioned == table(ENGLISH)


def test_it_is_short() -> None:
    assert len(ENGLISH.splitlines()) <= 70


PROSE = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("file", PROSE, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_paths_that_are_named_exist(file: Path) -> None:
    spans = re.findall(r"`([^`\n]+)`", file.read_text(encoding="utf-8"))
    paths = [s for s in spans if re.fullmatch(r"(src|tests|conf|docs|benchmarks|examples|\.github)/[\w./-]*", s)]
    if file.name != "CHANGELOG.md":
        paths = [path for path in paths if not re.search(r"NAME|COMMAND|tiny", path)]
        assert [path for path in paths if not (ROOT / path).exists()] == []
