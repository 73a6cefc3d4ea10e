"""`yolograft info`: what a variant is made of."""

import json
from typing import Any, Literal

from pydantic import PositiveInt

from yolograft.cli.command_line import CommandLine
from yolograft.common.text import gflops_text, markup
from yolograft.config.schema import Imgsz, Parts


class InfoConfig(Parts, Imgsz):
    """The config of `yolograft info`."""

    nc: PositiveInt
    format: Literal["table", "json"]


def main(line: CommandLine) -> int:
    """Build the variant and describe it."""
    from yolograft.model.describe import describe

    answer = describe(line.config)
    if line.config["format"] == "json":
        print(json.dumps(answer))
    else:
        _print(answer)
    return 0


def _print(answer: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    title = " ".join(f"{k}={v}" for k, v in answer["choices"].items())
    table = Table()
    table.add_column("part")
    table.add_column("parameters", justify="right")
    table.add_column("share", justify="right")
    table.add_column("takes maps of channels")
    for part, params in answer["parts"].items():
        taken = ", ".join(map(str, answer["given"].get(part, {}).values()))
        table.add_row(markup(part), f"{params:,}", f"{params / answer['params']:.0%}", taken)
    table.add_section()
    table.add_row("all", f"{answer['params']:,}", "", "")
    console = Console()
    console.print(markup(title), soft_wrap=True)
    console.print(table)
    levels = ", ".join(f"{n} {f['channels']} channels at 1/{f['stride']}" for n, f in answer["levels"].items())
    costs = f"{gflops_text(answer['gflops'])} GFLOPs at {answer['imgsz']} px, {answer['nc']} classes"
    console.print(markup(f"{costs}; backbone gives {levels}"))
    for part, why in answer["forced"].items():
        console.print(markup(f"{part}: {why}"))
    folded = answer["folded"]
    console.print(
        markup(f"folded for inference: {folded['params']:,} parameters, {gflops_text(folded['gflops'])} GFLOPs")
    )
