"""The comparison as files: in the sweep's folder, renewed after every run, or wherever they are wanted."""

import io
import logging
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from yolograft.analysis.collect import collect, not_begun
from yolograft.analysis.comparison import compare
from yolograft.analysis.table import Table, table
from yolograft.common.files import atomic_write
from yolograft.common.metrics import METRIC
from yolograft.render.forms.csv import runs_to_csv, to_csv
from yolograft.render.forms.json import to_json
from yolograft.render.forms.latex import to_latex
from yolograft.render.forms.markdown import to_markdown
from yolograft.render.forms.terminal import print_table

log = logging.getLogger(__name__)

_TEXTS: dict[str, Callable[[Table], str]] = {
    "comparison.md": to_markdown,
    "comparison.csv": to_csv,
    "runs.csv": runs_to_csv,
    "comparison.json": to_json,
    "comparison.tex": to_latex,
}


_OFTEN = 300.0
"""Seconds between two pages of a sweep that goes on."""


def render(
    folder: Path, baseline: Mapping[str, str] | None = None, metric: str = METRIC, *, page: bool = True
) -> list[Path]:
    """Writes the comparison of a sweep's runs into its folder; may be called again after every run.

    Args:
        folder: The sweep's folder.
        baseline: As for `compare`.
        metric: As for `compare`.
        page: Renew the page with its pictures too, which takes seconds (see `page_is_due`).

    Returns:
        The files written, see `write`.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    runs = collect([folder])
    return write(table(compare(runs, metric, baseline, not_begun([folder]))), folder, page=page)


def page_is_due(folder: Path) -> bool:
    """Whether a sweep that goes on shall have its page renewed.

    Pictures take seconds, and a sweep may end a run every few: so every five minutes at most, counted from the sweep's
    start where there is no page yet.
    """
    for file in (folder / "report.html", folder / "multirun.yaml"):
        try:
            return not 0 <= time.time() - file.stat().st_mtime < _OFTEN
        except OSError:
            continue
    return True


def show(folder: Path) -> None:
    """Prints the comparison of a sweep's runs.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    print_table(table(compare(collect([folder]), waiting=not_begun([folder]))))


def print_form(shown: Table, form: str, *, chosen: bool = False) -> None:
    """Prints a comparison on standard output.

    Args:
        shown: What is shown of the comparison.
        form: `table`, `markdown`, `csv`, `json` or `latex`.
        chosen: Whether its columns were chosen by name.
    """
    if form == "table":
        print_table(shown)
        return
    texts: dict[str, Callable[[Table], str]] = {"markdown": to_markdown, "csv": to_csv, "json": to_json}
    texts["latex"] = partial(to_latex, chosen=chosen)
    # Redirected, Windows would write its own encoding, which has no Δ.
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(texts[form](shown))


def write(shown: Table, folder: Path, *, page: bool = True) -> list[Path]:
    """Writes a comparison in all its forms.

    Each file is replaced in one step. One that cannot be written (held open by a spreadsheet on Windows, full disk) is
    left as it was and named in the log: a report is not worth a training.

    Args:
        shown: What is shown of the comparison.
        folder: Where to; it must exist.
        page: Write the page with its pictures too.

    Returns:
        The files written: `comparison.md`, `comparison.csv`, `runs.csv`, `comparison.json`, `comparison.tex`, and those
        of the page, which comes last (see `page.write_page`).
    """
    written = []
    for name, form in _TEXTS.items():
        try:
            written.append(atomic_write(folder / name, form(shown).encode("utf-8", "backslashreplace")))
        except OSError as error:
            log.warning("%s not written: %s", folder / name, error.strerror or error)
    if page:
        from yolograft.render.page import write_page  # not for a table alone: matplotlib takes a second

        written += write_page(shown, folder)
    return written
