"""The comparison as files in the sweep's folder."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from yolograft.files import replace_file
from yolograft.report.collect import collect
from yolograft.report.figures import map_vs_params
from yolograft.report.table import METRIC, rows, to_csv, to_json, to_markdown

log = logging.getLogger(__name__)


def render(folder: Path, baseline: Mapping[str, str] | None = None, metric: str = METRIC) -> list[Path]:
    """Writes the comparison of a sweep's runs into its folder; may be called again after every run.

    Each file is replaced in one step. One that cannot be written (held open by a spreadsheet on Windows, full disk) is
    left as it was and named in the log: a report is not worth a training.

    Args:
        folder: The sweep's folder.
        baseline: As for `table.rows`.
        metric: As for `table.rows`.

    Returns:
        The files written: `comparison.md`, `comparison.csv`, `comparison.json` and, once a run has finished,
        `map_vs_params.png`.

    Raises:
        UserError: The folder does not exist or holds no run.
    """
    runs = collect([folder])
    table = rows(runs, baseline, metric)

    def text(name: str, content: str) -> Path:
        return replace_file(folder / name, content.encode("utf-8"))

    writers: dict[str, Callable[[], Path | None]] = {
        "comparison.md": lambda: text("comparison.md", to_markdown(table, metric)),
        "comparison.csv": lambda: text("comparison.csv", to_csv(table, metric)),
        "comparison.json": lambda: text("comparison.json", to_json(table, metric)),
        "map_vs_params.png": lambda: map_vs_params(runs, folder / "map_vs_params.png", baseline, metric),
    }
    written = []
    for name, write in writers.items():
        try:
            path = write()
        except OSError as error:
            log.warning("%s not written: %s", folder / name, error)
            continue
        if path is not None:
            written.append(path)
    return written
