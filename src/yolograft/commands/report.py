"""`yolograft report`: compare the runs of one or more sweeps."""

import sys
from pathlib import Path

from yolograft.commands.app import config_of


def main(arguments: list[str]) -> int:
    """Read the folders, print the comparison, and renew its files where one sweep was given."""
    config = config_of("report", arguments)
    if config is None:
        return 0
    from yolograft.report.collect import collect
    from yolograft.report.render import render
    from yolograft.report.table import print_table, rows, to_csv, to_json, to_markdown

    given = config["runs"] if isinstance(config["runs"], list) else [config["runs"]]
    folders = [Path(folder).expanduser() for folder in given]
    table = rows(collect(folders), metric=config["metric"])
    match config["format"]:
        case "table":
            print_table(table, config["metric"])
        case "json":
            print(to_json(table, config["metric"]).rstrip())
        case "markdown":
            print(to_markdown(table, config["metric"]).rstrip())
        case "csv":
            print(to_csv(table, config["metric"]), end="")
    if len(folders) == 1 and not (folders[0] / "run.json").exists():
        for file in render(folders[0], metric=config["metric"]):
            print(file, file=sys.stderr)
    return 0
