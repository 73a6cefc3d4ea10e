"""Pages of the parts of a model, made when the site is built: every value of every group, its source, cost and layers.

Sources come from the docstrings, costs and layers from `benchmarks/results/parts.json`, which `benchmarks/parts.py`
writes: building sixty detectors and timing them is no work for a build of the site.
"""

import ast
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from yolograft.common.parts import ATTENTION, MODEL_GROUPS, PARTS
from yolograft.config.comments import file_header
from yolograft.config.defaults import base_choices
from yolograft.config.signature import source_file

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "benchmarks/results/parts.json"

TIMED = (*PARTS, ATTENTION)
"""A loss costs nothing once a model is trained."""

WIDTH, GAP, LINE, LETTER = 760, 8, 17, 6.7
"""Of a drawing: its width, the space between boxes, the height of a line, the width of a letter, in pixels."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    files.append(File.generated(config, "reference/parts/index.md", content=index_page(record)))
    for group in MODEL_GROUPS:
        files.append(File.generated(config, f"reference/parts/{group}.md", content=group_page(group, record["parts"])))
    return files


def index_page(record: Mapping[str, Any]) -> str:
    """Return the page that says how the numbers were measured and links the groups."""
    about = record["about"]
    same = [
        record["parts"][f"{group}={own}"]["ratio"] for group, own in base_choices("yolo11").items() if group in TIMED
    ]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return "\n".join(
        [
            "# Parts",
            "",
            "Every value of every group that a model is made of, with its source, its layers and what it costs: YOLO11",
            f"at n with this part in the place of its own, {about['nc']} classes, {about['imgsz']} pixels.",
            "",
            *(
                f"- [`{group}`]({group}.md): {', '.join(f'`{name}`' for name in values(group))}"
                for group in MODEL_GROUPS
            ),
            "",
            "Parameters and GFLOPs are those after batch norms are folded. Latency is the median time of one image on",
            f"one thread of {about['hardware']} in PyTorch ({versions}), over {about['rounds']} rounds in which all",
            "variants took turns; beside it the median ratio to YOLO11 in the same round, which depends less on the",
            f"machine. Other processes used {about['load_during']} processors meanwhile: YOLO11 itself, timed under",
            f"{len(same)} names, came out at × {min(same):.2f} to × {max(same):.2f}; less than that says",
            "nothing. For your own hardware and format: `yolograft bench`. The numbers are those of",
            "`benchmarks/results/parts.json`.",
            "",
        ]
    )


def group_page(group: str, costs: Mapping[str, Any]) -> str:
    """Return the page of a group: a table of its values, then each with its source and a drawing."""
    found = values(group)
    lines = [f"# `{group}`", ""]
    if group != "loss":
        lines += [
            "| value | parameters of the part | parameters | GFLOPs | latency, ms | of YOLO11's |",
            "|---|--:|--:|--:|--:|--:|",
        ]
    for name in found:
        cost = costs.get(f"{group}={name}")
        if cost:
            counts = f"{cost['own']:,} | {cost['params']:,} | {cost['gflops']:.2f}"
            cells = f"{counts} | {cost['ms']:.1f} | × {cost['ratio']:.2f}"
        else:
            cells = "not measured | | | |" if group != "loss" else ""
        if cells:
            lines.append(f"| [`{name}`](#{name}) | {cells} |")
    lines.append("")
    for name, file in found.items():
        text = file.read_text(encoding="utf-8")
        lines += [f"## `{name}` {{ #{name} }}", "", f"{file_header(text).rstrip('.')}.", ""]
        if words := source(str((yaml.safe_load(text) or {}).get("_target_") or "")):
            lines += [words, ""]
        cost = costs.get(f"{group}={name}")
        if cost and cost["layers"]:
            lines += [drawing(f"{cost['kind']}, {cost['own']:,} parameters", cost["layers"]), ""]
    return "\n".join(lines) + "\n"


def values(group: str) -> dict[str, Path]:
    """Return the YAML files of a group by the name of the value."""
    return {file.stem: file for file in sorted((ROOT / "conf" / group).glob("*.yaml"))}


def source(target: str) -> str:
    """Return what the docstrings say of a part: of its class up to the arguments, and of its file."""
    module, _, name = target.rpartition(".")
    file = source_file(module) if module.startswith("yolograft.") else None
    if file is None:
        return ""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    of_it = [node for node in defined if node.name == name or node.name.endswith("_loss")]
    words = [re.split(r"\n\n(?:Args|Attributes|Returns|Raises):", ast.get_docstring(node) or "")[0] for node in of_it]
    about = ast.get_docstring(tree) or ""
    if "\n" in about:  # more than a title
        words.insert(0, about)
    return "\n\n".join(re.sub(r"([|*])", r"\\\1", text).replace("<", "&lt;") for text in words if text)


def drawing(title: str, layers: list[Mapping[str, Any]]) -> str:
    """Return an SVG of the layers that a part is made of: a box for each, with those inside it."""
    x, y, row_height, boxes = 0.0, LINE + GAP, 0.0, []
    for layer in layers:
        lines = [label(layer), f"{layer['params']:,}", *(label(inner) for inner in layer["layers"])]
        width = max(len(line) for line in lines) * LETTER + 2 * GAP
        height = len(lines) * LINE + GAP
        if x and x + width > WIDTH:
            x, y, row_height = 0.0, y + row_height + GAP, 0.0
        boxes.append(box(x, y, width, height, lines))
        x, row_height = x + width + GAP, max(row_height, height)
    total = y + row_height + 2
    head = f'<text class="t" x="0" y="{LINE - 4}">{html.escape(title)}</text>'
    style = f'viewBox="0 0 {WIDTH} {total:.0f}" width="{WIDTH}" height="{total:.0f}" class="part" role="img"'
    return f'<svg {style} xmlns="http://www.w3.org/2000/svg">{head}{"".join(boxes)}</svg>'


def box(x: float, y: float, width: float, height: float, lines: list[str]) -> str:
    """Return a box: the layer's own line, its parameters, and a line for each layer inside."""
    first, params, *inner = map(html.escape, lines)
    text = f'<text class="t" x="{x + GAP:.0f}" y="{y + LINE - 2:.0f}">{first}</text>'
    text += f'<text class="p" x="{x + GAP:.0f}" y="{y + 2 * LINE - 2:.0f}">{params}</text>'
    for place, line in enumerate(inner, start=3):
        text += f'<text x="{x + GAP:.0f}" y="{y + place * LINE - 2:.0f}">{line}</text>'
    return f'<rect x="{x + 1:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5"/>{text}'


def label(layer: Mapping[str, Any]) -> str:
    """Return a layer as `name: Class`, with how many like it follow one another."""
    times = f" × {layer['times']}" if layer["times"] > 1 else ""
    return f"{layer['name']}: {layer['kind']}{times}"
