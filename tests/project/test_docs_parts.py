"""The pages of parts: every value of every group with its source, and its cost and layers where they were measured."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from yolograft.common.parts import MODEL_GROUPS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parts_hook", ROOT / "docs/hooks/parts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("group", MODEL_GROUPS)
def test_a_page_has_every_value_with_its_source(hook: ModuleType, group: str) -> None:
    record = json.loads((ROOT / "benchmarks/results/parts.json").read_text(encoding="utf-8"))
    page = hook.group_page(group, record["parts"])
    for name in (file.stem for file in (ROOT / "conf" / group).glob("*.yaml")):
        _, _, section = page.partition(f"## `{name}` {{ #{name} }}\n")
        section = section.partition("\n## ")[0]
        assert len(section.split()) >= 2, name
        cost = record["parts"].get(f"{group}={name}")
        if cost and cost["layers"]:
            assert f"{cost['own']:,} parameters" in section
            (drawing,) = re.findall(r"<svg .*</svg>", section)
            boxes = ET.fromstring(drawing).findall("{http://www.w3.org/2000/svg}rect")
            assert len(boxes) == len(cost["layers"])
            assert all(float(box.attrib["width"]) <= hook.WIDTH for box in boxes), name


def test_the_record_is_of_the_models_of_today(hook: ModuleType) -> None:
    """YOLO11's own parameters after folding, and a ratio of 1 to itself."""
    record = json.loads((ROOT / "benchmarks/results/parts.json").read_text(encoding="utf-8"))
    assert record["parts"]["yolo11"]["params"] == 2_616_248
    assert record["parts"]["yolo11"]["ratio"] == 1


def test_a_part_that_was_not_measured_is_on_the_page_all_the_same(hook: ModuleType) -> None:
    page = hook.group_page("neck", {})
    assert "| [`conv`](#conv) | not measured | | | | |" in page
