"""The comparison as rows, and the rows as terminal table, Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from yolograft.errors import UserError
from yolograft.report.collect import Run
from yolograft.report.variants import baseline_runs, labels

METRIC = "mAP50-95"
METRICS = ("mAP50-95", "mAP50", "precision", "recall")


@dataclass(frozen=True)
class Row:
    """One run in the comparison.

    Attributes:
        variant: What the run's variant is called among these runs.
        run: The run.
        delta: Metric minus the baseline's; None where either is missing, or the run is the baseline.
        baseline: Whether the run is the baseline.
    """

    variant: str
    run: Run
    delta: float | None
    baseline: bool

    @property
    def status(self) -> str:
        """Status in words, with the progress of a run that did not end."""
        run = self.run
        if run.finished or run.epochs_done is None:
            return run.status
        return f"{run.status} {run.epochs_done}/{run.epochs}" if run.epochs else f"{run.status} {run.epochs_done}"


def rows(runs: Sequence[Run], baseline: Mapping[str, str] | None = None, metric: str = METRIC) -> list[Row]:
    """Compares runs: one row each, best variant first, the seeds of a variant together, unfinished runs last.

    Args:
        runs: The runs to compare.
        baseline: Values by config group, such as `{"neck": "conv"}`, of what to compare with; None for stock YOLO11.
            See `baseline_runs` for what else must agree.
        metric: What to sort by and take the difference of: `mAP50-95`, `mAP50`, `precision` or `recall`.

    Returns:
        The rows. Only finished runs have a difference: half a training is not compared with a whole one.

    Raises:
        UserError: There is no such metric.
    """
    if metric not in METRICS:
        raise UserError(f"metric={metric}: no such metric; there are {', '.join(METRICS)}")
    made = []
    for run, label in zip(runs, labels(runs), strict=True):
        matches = baseline_runs(run, runs, metric, baseline)
        itself = any(match is run for match in matches)
        delta = None
        if run.finished and metric in run.metrics and matches and not itself:
            delta = run.metrics[metric] - fmean(match.metrics[metric] for match in matches)
        made.append(Row(variant=label, run=run, delta=delta, baseline=itself))

    means = {
        row.variant: fmean(values)
        for row in made
        if (values := [r.run.metrics[metric] for r in made if r.variant == row.variant and _ranked(r, metric)])
    }

    def place(row: Row) -> tuple[bool, float, str, float, str]:
        if not _ranked(row, metric):
            return (True, 0.0, row.variant, 0.0, str(row.run.path))
        return (False, -means[row.variant], row.variant, -row.run.metrics[metric], str(row.run.path))

    return sorted(made, key=place)


def _ranked(row: Row, metric: str) -> bool:
    return row.run.finished and metric in row.run.metrics


@dataclass(frozen=True)
class _Column:
    """A column: its heading, what stands in it, and how soon a narrow terminal gives it up (0: never)."""

    heading: str
    cell: Callable[[Row], str]
    number: bool = True
    spare: int = 0


def _columns(rows: Sequence[Row], metric: str) -> list[_Column]:
    def share(name: str) -> Callable[[Row], str]:
        return lambda row: _fixed(row.run.metrics.get(name), 3)

    shown = list(dict.fromkeys(["mAP50", "mAP50-95", metric]))
    seeds = len({row.run.seed for row in rows if row.run.seed is not None}) > 1
    return [
        _Column("variant", lambda row: row.variant, number=False),
        *([_Column("seed", lambda row: "" if row.run.seed is None else str(row.run.seed))] if seeds else []),
        _Column("params", lambda row: _millions(row.run.params), spare=1),
        _Column("GFLOPs", lambda row: _fixed(row.run.gflops, 1), spare=3),
        *(_Column(name, share(name), spare=0 if name == metric else 2) for name in shown),
        _Column(f"Δ {metric}", lambda row: "-" if row.baseline else _signed(row.delta)),
        _Column("images/s", lambda row: _speed(row.run.images_per_second), spare=4),
        _Column("time", lambda row: format_duration(row.run.seconds), spare=5),
        _Column("status", lambda row: row.status, number=False),
    ]


def print_table(rows: Sequence[Row], metric: str = METRIC, console: Console | None = None) -> None:
    """Prints the comparison.

    A number is never cut or wrapped: a terminal too narrow for all columns is shown fewer, and told so. What is no
    terminal (a pipe, a log) gets all of them on lines as long as they need.

    Args:
        rows: What `rows` returned.
        metric: As given to `rows`.
        console: Where to; standard output by default.
    """
    console = console or Console()
    columns = _columns(rows, metric)
    table = _rich_table(rows, columns)
    width = console.width
    if not console.is_terminal:
        width = max(120, width, _width(table, console))
    hidden: list[str] = []
    for column in sorted((c for c in columns if c.spare), key=lambda c: -c.spare):
        if _width(table, console) <= width:
            break
        hidden.append(column.heading)
        columns.remove(column)
        table = _rich_table(rows, columns)
    # Rendered first, since `print` knows no lines longer than the console's.
    options = console.options.update(width=max(width, _width(table, console, folded=True)))
    console.print(Segments(list(console.render(_safe_headings(table, console), options))), crop=False)
    for row in rows:
        if row.run.error:
            line = Text.assemble((f"{row.run.status}: ", "red"), f"{row.variant}: {row.run.error}")
            console.print(line, soft_wrap=not console.is_terminal)
    if hidden:
        console.print(f"too narrow for: {', '.join(hidden)}", style="dim")


def _rich_table(rows: Sequence[Row], columns: Sequence[_Column]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        if column.number:
            table.add_column(column.heading, justify="right", no_wrap=True)
        else:
            table.add_column(column.heading, overflow="fold", no_wrap=column.heading == "status")
    styles = {"finished": "", "running": "cyan", "stopped": "yellow"}
    for row in rows:
        style = "bold" if row.baseline else styles.get(row.run.status, "red")
        table.add_row(*(Text(column.cell(row)) for column in columns), style=style)
    return table


def _width(table: Table, console: Console, folded: bool = False) -> int:
    """Columns of the screen that a table takes: unwrapped, or with its first column folded as far as it goes."""
    # Measured on an endless line: on the console's own, rich answers with the console's width.
    measured = Measurement.get(console, console.options.update(width=10_000), table)
    return measured.minimum if folded else measured.maximum


def _safe_headings(table: Table, console: Console) -> Table:
    """Spells out the Δ where the output cannot show it (a redirected console of Windows)."""
    try:
        "Δ".encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        for column in table.columns:
            column.header = str(column.header).replace("Δ", "diff")
    return table


def to_markdown(rows: Sequence[Row], metric: str = METRIC) -> str:
    """The comparison as a Markdown table; the error of a run that has one stands with its status."""
    columns = _columns(rows, metric)
    lines = [
        [column.heading for column in columns],
        ["---:" if column.number else "---" for column in columns],
        *([column.cell(row) for column in columns] for row in rows),
    ]
    for line, row in zip(lines[2:], rows, strict=True):
        if row.run.error:
            line[-1] += f": {row.run.error}"
        if row.baseline:
            line[0] += " (baseline)"
    return "".join(f"| {' | '.join(_markdown_cell(cell) for cell in line)} |\n" for line in lines)


def to_csv(rows: Sequence[Row], metric: str = METRIC) -> str:
    """The comparison as CSV with a heading line; full numbers, empty where unknown."""
    records = to_records(rows, metric)
    text = io.StringIO(newline="")
    heading = [key for key in records[0] if key not in _NESTED] if records else []
    writer = csv.DictWriter(text, heading, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def to_json(rows: Sequence[Row], metric: str = METRIC) -> str:
    """The comparison as one JSON document: `{"metric": …, "rows": [{…}, …]}`; full numbers, null where unknown."""
    document = {"metric": metric, "rows": to_records(rows, metric)}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_NESTED = ("choices", "parts")
"""Entries of a record that are no single value: JSON has them, CSV does not."""


def to_records(rows: Sequence[Row], metric: str = METRIC) -> list[dict[str, object]]:
    """The rows as plain dictionaries, all with the same keys."""
    names = list(dict.fromkeys(["mAP50", "mAP50-95", "precision", "recall", metric]))
    return [
        {
            "variant": row.variant,
            "seed": row.run.seed,
            "params": row.run.params,
            "gflops": row.run.gflops,
            **{name: row.run.metrics.get(name) for name in names},
            "delta": row.delta,
            "baseline": row.baseline,
            "images_per_second": row.run.images_per_second,
            "seconds": row.run.seconds,
            "status": row.run.status,
            "epochs_done": row.run.epochs_done,
            "epochs": row.run.epochs,
            "best_epoch": row.run.best_epoch,
            "error": row.run.error,
            "path": row.run.path.as_posix(),
            "choices": dict(row.run.choices),
            "parts": dict(row.run.parts),
        }
        for row in rows
    ]


def _fixed(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _signed(value: float | None) -> str:
    # Adding 0.0 to the rounded value turns -0.000 into +0.000.
    return "" if value is None else f"{round(value, 3) + 0.0:+.3f}"


def _millions(value: int | None) -> str:
    return "" if value is None else f"{value / 1e6:.3f}M"


def _speed(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def format_duration(seconds: float | None) -> str:
    """Seconds as `48s`, `12m 03s` or `1h 02m`."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def _markdown_cell(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
