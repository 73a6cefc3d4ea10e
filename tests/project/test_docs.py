"""The documentation: complete where it is generated, built without a warning, and readable without a network."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from helpers.browser import CHROMIUM, open_browser, open_page
from yolograft.analysis.collect import Block
from yolograft.analysis.statistics import paired
from yolograft.cli.commands import COMMANDS
from yolograft.common.metrics import METRIC, OBJECTIVES
from yolograft.common.parts import MODEL_GROUPS
from yolograft.data.checks import KINDS
from yolograft.render.columns import all_columns
from yolograft.runs.record import RunRecord
from yolograft.tracking.loggers import LOGGERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

pytest.importorskip("mkdocs")


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """The module that makes the generated pages."""
    sys.path.insert(0, str(DOCS / "hooks"))
    try:
        import reference  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    return reference


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a broken link, a page outside the navigation or a docstring that cannot be read is a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_command_and_key_is_in_the_reference(hook: ModuleType) -> None:
    page = hook.commands_page()
    sections = {part.split("`")[0]: part for part in page.split("## `")[1:]}
    assert list(sections) == list(COMMANDS)
    for command, entry in COMMANDS.items():
        for key in entry.load_schema().model_fields:
            assert f"| `{key}` |" in sections[command] or f"[`{key}`]" in sections[command] or key == "dataset"


def test_every_option_and_key_is_in_the_reference(hook: ModuleType) -> None:
    page = hook.groups_page()
    for file in (ROOT / "conf").rglob("*.yaml"):
        group = file.parent.relative_to(ROOT / "conf").as_posix()
        if group in (".", "dataset/preset", "hydra/job_logging", "hydra/hydra_logging"):
            continue
        section = page.split(f"## `{group}` {{")[1].split("\n## ")[0]
        assert f"`{file.stem}`" in section
        text = file.read_text(encoding="utf-8")
        content = {} if text.startswith("# @package _global_") else yaml.safe_load(text) or {}
        for key, value in content.items():
            if key not in ("defaults", "_target_", "kind") and not isinstance(value, dict):
                assert f"`{key}`" in section, f"{file}: {key}"


def test_a_key_has_its_type_default_and_comment(hook: ModuleType) -> None:
    assert "| `epochs` | integer > 0, ≤ 1000000 | `100` |" in hook.commands_page()
    assert "| `seeds` | integer > 0, ≤ 10000 or null | `null` | seeds=3: every variant" in hook.commands_page()
    assert "| `runs` | text or list of text | required |" in hook.commands_page()
    assert re.search(r"\| `variant` \| `b0`, `b1`.* \| `b0` \| b0 \.\.\. b8, l2 \|", hook.groups_page())


def test_every_key_has_a_comment(hook: ModuleType) -> None:
    rows = [line for line in (hook.commands_page() + hook.groups_page()).splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_key_of_a_record_is_explained(hook: ModuleType) -> None:
    page = hook.record_page()
    assert [key for key in RunRecord().to_json() if not re.search(rf"^\| `{key}` \| [`\w]", page, re.MULTILINE)] == []


def test_what_a_part_is_comes_from_its_docstring(hook: ModuleType) -> None:
    assert "Layers 0 to 8 of ultralytics' `yolo11.yaml`" in hook.groups_page()


def test_the_site_has_every_page(site: Path) -> None:
    pages = {file.relative_to(DOCS).with_suffix(".html").as_posix() for file in DOCS.rglob("*.md")}
    generated = {
        "reference/commands.html",
        "reference/groups.html",
        "reference/record.html",
        "project/contributing.html",
        "project/changelog.html",
    }
    built = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    parts = {f"reference/parts/{name}.html" for name in ("index", *MODEL_GROUPS)}
    assert (pages | generated | parts | {"explanation/security.html"}) == built - {"404.html"}


def test_the_site_asks_for_nothing_from_anywhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?([^\"\s>]+)", text)
        loaded += re.findall(r"<link[^>]*rel=\"?(?:stylesheet|preload|preconnect|icon)[^>]*\shref=\"?([^\"\s>]+)", text)
        assert [address for address in loaded if re.match("(https?:)?//", address)] == [], file
    for file in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", file.read_text(encoding="utf-8")), file


def test_templates_and_records_are_shown(site: Path) -> None:
    assert [file for file in site.rglob("*.html") if re.search(r"8 ?&lt; ?--", file.read_text(encoding="utf-8"))] == []
    assert ">Tiny</span>" in (site / "tutorials" / "own-backbone.html").read_text(encoding="utf-8")


def test_search_has_an_index_that_opens_from_disk(site: Path) -> None:
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = ")
    assert "reference/groups.html#backbone-effv1" in index


def test_python_names_are_in_the_reference(site: Path, hook: ModuleType) -> None:
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="yolograft.model.features.Scale"' in page
    assert "Depth and width of a model" in page
    for name in hook.public_names():
        assert re.search(rf'id="yolograft(\.\w+)*\.{name}"', page), name


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_search_finds_and_pages_fit_when_opened_from_disk_without_a_network(site: Path) -> None:
    with open_browser() as browser, open_page(browser) as watched:
        watched.page.context.set_offline(True)
        for name in ("index", "reference/groups", "explanation/survival"):
            for width, dark in ((1280, False), (390, True)):
                watched.look(width, dark=dark)
                watched.open(site / f"{name}.html")
                assert watched.run("document.documentElement.scrollWidth") <= width, name
        watched.look(1280)
        watched.page.locator(".md-search__input").press_sequentially("gsconv")
        watched.page.locator(".md-search-result__item").first.wait_for(timeout=30_000)
        assert watched.complaints == []
        assert [address for address in watched.requests if not address.startswith(("file:", "data:"))] == []


def test_every_kind_of_problem_is_described_with_its_severity() -> None:
    page = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| `")]
    described = {kind: row[1] for row in rows for kind in re.findall(r"`([^`]+)`", row[0])}
    assert {kind: severity for kind, (severity, _) in KINDS.items()}.items() <= described.items()


def test_hand_written_lists_name_every_entry_of_the_tables(hook: ModuleType) -> None:
    report = (DOCS / "reference" / "report.md").read_text(encoding="utf-8")
    groups = ("backbone",)
    keys = [column.key for column in all_columns(groups, METRIC) if not column.key.endswith("_change")]
    assert [key for key in keys if key not in groups and f"`{key}`" not in report] == []
    loggers = (DOCS / "how-to" / "loggers.md").read_text(encoding="utf-8")
    assert [name for name in ("csv", *LOGGERS) if not re.search(rf"^\| `{name}`", loggers, re.MULTILINE)] == []
    search = (DOCS / "how-to" / "search.md").read_text(encoding="utf-8")
    assert [key for key in OBJECTIVES if f"`{key}`" not in search] == []


def test_the_worked_example_of_the_statistics_is_what_the_code_computes() -> None:
    baseline: dict[Block, float] = {(0, None): 0.50, (1, None): 0.51, (2, None): 0.49}
    values: dict[Block, float] = {(0, None): 0.52, (1, None): 0.53, (2, None): 0.515}
    found = paired(values, baseline)
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    page = " ".join((DOCS / "explanation" / "statistics.md").read_text(encoding="utf-8").split())
    assert f"their mean is {found.value:.4f}" in page
    assert f"= [{found.low:+.4f}, {found.high:+.4f}]" in page
