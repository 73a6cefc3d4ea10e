"""`yolograft train`: one run, or with -m a sweep of them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolograft.cli.command_line import CommandLine
from yolograft.common.text import markup, plain
from yolograft.sweep.command import run_command
from yolograft.training.stopping import StoppedError


def main(line: CommandLine) -> int:
    """Run a checked command line and return the exit code."""
    assert line.request is not None
    try:
        result = run_command(line.request, SweepReport())
    except StoppedError as stopped:
        if not stopped.said:
            sys.stderr.write(f"yolograft: {stopped}; the same command goes on\n")
        return stopped.exit_code
    if result.plan is not None:
        result.plan.print()
    return result.exit_code


class SweepReport:
    """A sweep's table and page: renewed after every run, shown at the end, also when runs failed."""

    def after_run(self, folder: Path) -> None:
        """Renew the table on disk, and now and then the page."""
        from yolograft.render.report import page_is_due, render

        render(folder, page=page_is_due(folder))

    def after_search(self, result: Mapping[str, Any]) -> None:
        """Show the best trial, or those that no other beats in every objective."""
        _print_best(result)

    def at_the_end(self, folder: Path) -> list[Path]:
        """Show the table, and name the files of the report."""
        from yolograft.render.report import render, show

        show(folder)
        files = render(folder)
        for file in files:
            sys.stderr.write(f"{plain(str(file))}\n")
        return files


def _print_best(result: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    best = sorted(result["best"], key=lambda found: -found["values"][next(iter(result["objectives"]))])
    if not best:
        sys.stderr.write("No trial has finished yet.\n")
        return
    total = sum(result["trials"].values())
    title = "Best trial" if len(result["objectives"]) == 1 else f"Pareto set: {len(best)} of {total} trials"
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for column in ("trial", *result["objectives"], *best[0]["params"]):
        table.add_column(markup(column), justify="right", no_wrap=True)
    table.add_column("run", overflow="fold")
    for found in best:
        values = map(_shown, found["values"].values())
        params = [markup(str(value)) for value in found["params"].values()]
        table.add_row(str(found["trial"] + 1), *values, *params, markup(found["run"] or "-"))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and value >= 1 else f"{value:.4g}"
