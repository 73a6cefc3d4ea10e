"""The comparison as CSV: full numbers, empty where unknown. One table of variants, one of runs.

The table of variants holds every value, or the columns that were chosen by name.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from yolograft.analysis.plain_values import run_rows, variant_rows
from yolograft.common.text import csv_cell
from yolograft.render.table import Table


def to_csv(shown: Table) -> str:
    """Return one line per variant, in the order shown."""
    if shown.chosen:
        return _text([{column.key: column.value(row) for column in shown.columns} for row in shown.rows])
    return _text(variant_rows(shown.comparison, shown.rows))


def runs_to_csv(shown: Table) -> str:
    """Return one line per run: what the statistics are computed from."""
    return _text(run_rows(shown.comparison, shown.rows))


def _text(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    heading = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, heading))
    writer.writerows([csv_cell(record.get(key)) for key in heading] for record in records)
    return text.getvalue()
