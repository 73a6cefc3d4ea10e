"""The comparison as files: in the sweep's folder, renewed after every run, or wherever they are wanted."""

import io
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from yolograft.files import replace_file
from yolograft.report.collect import collect
from yolograft.report.comparison import METRIC, compare
from yolograft.report.figures import map_vs_params
from yolograft.report.forms.csv import runs_to_csv, to_csv
from yolograft.report.forms.json import to_json
from yolograft.report.forms.latex import to_latex
from yolograft.report.forms.markdown import to_markdown
from yolograft.report.forms.terminal import print_table
from yolograft.report.table import Table, table

log = logging.getLogger(__name__)

_TEXTS: dict[str, Callable[[Table], str]] = {
    "comparison.md": to_markdown,
    "comparison.csv": to_csv,
    "runs.csv": runs_to_csv,
    "comparison.json": to_json,
    "comparison.tex": to_latex,
}


def render(folder: Path, baseline: Mapping[str, str] | None = None, metric: str = METRIC) -> list[Path]:
    """Writes the comparison of a sweep's runs into its folder; may be called again after every run.

    Args:
        folder: The sweep's folder.
        baseline: As for `compare`.
        metric: As for `compare`.

    Returns:
        The files written, see `write`.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    return write(table(compare(collect([folder]), metric, baseline)), folder)


def show(folder: Path) -> None:
    """Prints the comparison of a sweep's runs.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    print_table(table(compare(collect([folder]))))


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


def write(shown: Table, folder: Path) -> list[Path]:
    """Writes a comparison in all its forms.

    Each file is replaced in one step. One that cannot be written (held open by a spreadsheet on Windows, full disk) is
    left as it was and named in the log: a report is not worth a training.

    Args:
        shown: What is shown of the comparison.
        folder: Where to; it must exist.

    Returns:
        The files written: `comparison.md`, `comparison.csv`, `runs.csv`, `comparison.json`, `comparison.tex` and, once
        a run has finished, `map_vs_params.png`.
    """

    def text(name: str, form: Callable[[Table], str]) -> Callable[[], Path | None]:
        return lambda: replace_file(folder / name, form(shown).encode("utf-8"))

    writers = {name: text(name, form) for name, form in _TEXTS.items()}
    writers["map_vs_params.png"] = lambda: map_vs_params(shown.comparison, folder / "map_vs_params.png")
    written = []
    for name, write_file in writers.items():
        try:
            path = write_file()
        except OSError as error:
            log.warning("%s not written: %s", folder / name, error.strerror or error)
        else:
            if path is not None:
                written.append(path)
    return written
