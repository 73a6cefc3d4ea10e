"""`yolograft sweeps`: which sweeps there are and how they are going."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Literal

from yolograft.cli.command_line import CommandLine
from yolograft.common.files import user_path
from yolograft.common.text import markup
from yolograft.common.times import duration
from yolograft.config.schema import Strict, Text
from yolograft.sweep.overview import Overview, overview

_STATES = ("finished", "pruned", "running", "failed", "stopped", "to do", "dropped")


class SweepsConfig(Strict):
    """The config of `yolograft sweeps`."""

    root: Text
    format: Literal["table", "json"]


def main(line: CommandLine) -> int:
    """List the sweeps and print them."""
    config = line.config
    found = overview(user_path(config["root"]))
    if config["format"] == "json":
        print(json.dumps([_record(one) for one in found]))
    elif found:
        _print(found)
    else:
        print(f"no sweep below {config['root']}")
    return 0


def _record(one: Overview) -> dict[str, object]:
    return {
        "path": one.path.as_posix(),
        "runs": one.runs,
        **{state: one.counts[state] for state in _STATES},
        "seconds_left": None if one.seconds_left is None else round(one.seconds_left, 1),
        "changed": one.changed.isoformat(timespec="seconds") if one.changed else None,
        "command": one.command,
    }


def _print(found: Sequence[Overview]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("sweep", overflow="fold")
    shown = [
        state for state in _STATES if state in ("finished", "failed", "to do") or any(o.counts[state] for o in found)
    ]
    for heading in ("runs", *shown, "time left ≈", "last change"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found:
        left = "?" if one.seconds_left is None else duration(one.seconds_left) if one.seconds_left else ""
        counts = [str(one.counts[state] or "") for state in shown]
        table.add_row(markup(one.path.as_posix()), str(one.runs), *counts, left, _ago(one.changed))
    console.print(table)


def _ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{duration((datetime.now(timezone.utc) - moment).total_seconds())} ago"
