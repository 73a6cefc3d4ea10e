"""Files that tools read: each parses, and what it refers to exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import yolograft

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def yaml_files() -> list[Path]:
    """Every YAML file of the checkout that is ours."""
    folders = ("conf", "experiments", "docs", ".github")
    found = [file for folder in folders for file in (ROOT / folder).rglob("*.y*ml")]
    return sorted([*found, ROOT / ".pre-commit-config.yaml", ROOT / "mkdocs.yml", ROOT / "CITATION.cff"])


@pytest.mark.parametrize("file", yaml_files(), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_yaml_file_is_a_mapping_without_tabs_or_trailing_spaces(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert isinstance(yaml.safe_load(text), dict | None)
    assert "\t" not in text
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert text.endswith("\n")


def steps(workflow: Path) -> list[dict[str, Any]]:
    """All steps of a workflow."""
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return [step for job in content["jobs"].values() for step in job["steps"]]


def test_the_workflows_cover_the_platforms() -> None:
    assert {file.stem for file in WORKFLOWS} == {"test", "wheel", "docs"}
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["linux"]["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13"]
    assert jobs["other"]["strategy"]["matrix"]["os"] == ["windows-latest", "macos-latest"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)
def test_each_step_is_a_make_target_or_a_published_action(workflow: Path) -> None:
    content = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert set(content[True]) >= {"push", "pull_request"}  # YAML reads the word on as true
    assert content["permissions"] == {"contents": "read"}
    runs = [step["run"] for step in steps(workflow) if "run" in step]
    assert runs
    for line in runs:
        words = line.split()
        assert words[0] == "make"
        assert words[1] in TARGETS
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/checkout@v4"))


def test_the_hooks_run_tools_of_the_environment() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = {hook["id"]: hook["entry"] for repo in repos for hook in repo["hooks"]}
    assert {repo["repo"] for repo in repos} == {"local"}
    assert set(hooks) == {"ruff-check", "ruff-format", "mypy", "yaml"}
    files = [word for entry in hooks.values() for word in entry.split() if "/" in word]
    assert files
    assert all((ROOT / file).exists() for file in files)


def test_the_citation_has_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == yolograft.__version__
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)


def test_every_target_is_documented_by_make_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY")).split()[1:]
    assert [target for target in phony if not re.search(rf"^{target}:.*## ", text, re.MULTILINE)] == []
