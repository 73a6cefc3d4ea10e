"""The comparison of a sweep: printed, and written as files into its folder, which are renewed after every run."""

import io
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from yolograft.analysis.comparison import compare_folders
from yolograft.common.files import atomic_write
from yolograft.common.metrics import METRIC
from yolograft.render.forms import FORMS
from yolograft.render.forms.terminal import print_table
from yolograft.render.table import Table, table

log = logging.getLogger(__name__)

_PAGE_INTERVAL = 300.0
"""Seconds between two pages of a running sweep."""


def render(
    folder: Path, baseline: Mapping[str, str] | None = None, metric: str = METRIC, *, page: bool = True
) -> list[Path]:
    """Write the comparison of a sweep's runs into its folder; may be called again after every run.

    Args:
        folder: The sweep's folder.
        baseline: As for `compare`.
        metric: As for `compare`.
        page: Write the page with its pictures too, which takes seconds (see `page_is_due`).

    Returns:
        The files written, see `write`.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    return write(table(compare_folders(folder, metric, baseline)), folder, page=page)


def page_is_due(folder: Path) -> bool:
    """Return whether the page of a running sweep is to be written again.

    Pictures take seconds, and a sweep may finish a run every few seconds; hence at most one page every five minutes,
    counted from the start of the sweep if there is no page yet.
    """
    for file in (folder / "report.html", folder / "multirun.yaml"):
        try:
            return not 0 <= time.time() - file.stat().st_mtime < _PAGE_INTERVAL
        except OSError:
            continue
    return True


def show(folder: Path) -> None:
    """Print the comparison of a sweep's runs.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    print_table(table(compare_folders(folder)))


def print_form(shown: Table, form: str) -> None:
    """Print a comparison on standard output.

    Args:
        shown: What is shown of the comparison.
        form: `table`, or the name of a form in `FORMS`.
    """
    if form == "table":
        print_table(shown)
        return
    # Redirected, Windows would write its own encoding, which has no Δ.
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stdout.write(FORMS[form].text(shown))


def write(shown: Table, folder: Path, *, page: bool = True) -> list[Path]:
    """Write a comparison in every form that has a file.

    Each file is replaced in one step. A file that cannot be written (held open by a spreadsheet on Windows, full disk)
    stays as it was and is named in the log: a failed report must not end a training.

    Args:
        shown: What is shown of the comparison.
        folder: Where to; it must exist.
        page: Write the page with its pictures too.

    Returns:
        The files written: those of `FORMS`, then those of the page (see `page.write_page`).
    """
    written = []
    for form in FORMS.values():
        if form.file is None:
            continue
        file = folder / form.file
        try:
            written.append(atomic_write(file, form.text(shown).encode("utf-8", "backslashreplace")))
        except OSError as error:
            log.warning("%s not written: %s", file, error.strerror or error)
    if page:
        from yolograft.render.page import write_page  # imports matplotlib, which takes a second

        written += write_page(shown, folder)
    return written
