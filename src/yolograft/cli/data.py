"""`yolograft data`: what is in a data set, and what is wrong with it."""

import sys
from typing import Any, Literal

from yolograft.cli.command_line import CommandLine
from yolograft.common.files import user_folder
from yolograft.common.text import plain
from yolograft.config.schema import Imgsz, Text
from yolograft.data.places import refuse_absent_path


class DataConfig(Imgsz):
    """The config of `yolograft data`."""

    dataset: dict[str, Any]
    format: Literal["table", "json"]
    out: Text


def main(line: CommandLine) -> int:
    """Read the data set, write its page and print the numbers.

    Returns:
        1 where `dataset.check` is strict and a fault is an error; else 0.
    """
    config = line.config
    out = user_folder("out", config["out"])
    refuse_absent_path(config["dataset"])
    from yolograft.data.from_config import data_spec

    spec = data_spec(config)  # before what follows, which loads torch
    from rich.console import Console

    from yolograft.data.inspect.reading import read
    from yolograft.data.inspect.statistics import describe
    from yolograft.render.inspect.page import to_json, write
    from yolograft.render.inspect.table import print_tables
    from yolograft.upstream.training import quiet

    quiet()
    reading = read(spec, say=lambda line: print(plain(line), file=sys.stderr))
    numbers = describe(reading, config["imgsz"])
    page, missing = write(reading, numbers, out)
    if missing:
        names = plain(", ".join(missing[:3]))
        print(f"samples.png shows numbers for {names}: no installed font has these letters", file=sys.stderr)
    if config["format"] == "json":
        print(to_json(numbers), end="")
        print("\n".join(map(plain, (numbers["origin"], *numbers["notes"]))), file=sys.stderr)
        print(page, file=sys.stderr)
    else:
        print_tables(numbers, Console(soft_wrap=not sys.stdout.isatty()))
        print(page)
    return int(reading.has_errors and config["dataset"]["check"] == "strict")
