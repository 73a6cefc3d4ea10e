"""A data set's numbers on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from yolograft.common.text import plain

_STYLES = {"error": "red", "warning": "yellow", "converted": "cyan", "info": "dim"}

#: Classes that are shown; the page shows all.
_CLASSES = 30


def print_tables(numbers: Mapping[str, Any], console: Console) -> None:
    """Print splits, classes, remarks and a summary of the faults.

    Args:
        numbers: What `describe` made of the data set.
        console: Where to.
    """
    splits = numbers["splits"]
    console.print(Text(plain(f"{numbers['dataset']}: {numbers['root']}"), "bold"), soft_wrap=True)
    for line in (numbers["origin"], *numbers["notes"]):
        console.print(Text(plain(line)), soft_wrap=True)
    for name, error in numbers["unreadable_splits"].items():
        console.print(Text(plain(f"{name} cannot be read: {error}"), "red"), soft_wrap=True)
    if splits:
        console.print(_splits(splits, numbers["imgsz"]))
        console.print(_classes(splits))
    for remark in numbers["remarks"]:
        console.print(Text(plain(remark)), soft_wrap=True)
    if numbers["faults"]:
        console.print()
        _print_faults(numbers, console)
    elif not numbers["unreadable_splits"]:
        console.print("No faults.")


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    return table


def _splits(splits: Mapping[str, Any], imgsz: int) -> Table:
    table = _table("split", "images", "no objects", "left out", "boxes", "per image", "small", "medium", "large")
    table.title = f"\nbox areas below 32², below 96² and above, in pixels at imgsz={imgsz}"
    for name, split in splits.items():
        per_image = f"{split['boxes_per_image']['mean']:.1f}" if split["boxes_per_image"] else ""
        sizes = [split["sizes"][size] / max(split["boxes"], 1) for size in ("small", "medium", "large")]
        counts = [f"{split[key]:,}" for key in ("images", "backgrounds", "skipped", "boxes")]
        table.add_row(name, *counts, per_image, *(f"{share:.0%}" for share in sizes))
    return table


def _classes(splits: Mapping[str, Any]) -> Table:
    table = _table("class", *(f"{name} boxes" for name in splits), title="")
    rows = list(zip(*(split["classes"] for split in splits.values()), strict=True))
    frequent = sorted(rows, key=lambda row: -sum(kind["boxes"] for kind in row))[:_CLASSES]
    for row in frequent if len(rows) > _CLASSES else rows:
        shares = zip(row, splits.values(), strict=True)
        cells = [f"{kind['boxes']:,} {kind['boxes'] / max(split['boxes'], 1):>4.0%}" for kind, split in shares]
        table.add_row(Text(plain(row[0]["name"])), *cells)
    if len(rows) > _CLASSES:
        table.caption = f"the {_CLASSES} most frequent of {len(rows)} classes; the page shows all"
        table.caption_justify = "left"
    return table


def _print_faults(numbers: Mapping[str, Any], console: Console) -> None:
    """Print how often each kind of fault occurs, and the first of each as editors can follow it."""
    first: dict[str, Mapping[str, Any]] = {}
    for fault in numbers["faults"]:
        first.setdefault(fault["kind"], fault)
    table = _table("fault", "count", "severity", "what")
    table.columns[2].justify = table.columns[3].justify = "left"
    for kind, fault in first.items():
        severity = Text(fault["severity"], _STYLES[fault["severity"]])
        table.add_row(kind, f"{numbers['kinds'][kind]:,}", severity, fault["meaning"])
    console.print(table)
    for fault in first.values():
        place = fault["file"] + (f":{fault['line']}" if fault["line"] else "")
        line = plain(f"{place}: {fault['message']}")
        console.print(Text(line, "" if fault["severity"] == "error" else "dim"), soft_wrap=True)
