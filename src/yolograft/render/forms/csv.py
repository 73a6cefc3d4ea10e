"""The comparison as CSV: full numbers, empty where unknown. One table of variants, one of runs."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from yolograft.analysis.row import Row
from yolograft.analysis.table import Table
from yolograft.common.metrics import COSTS, METRICS
from yolograft.common.text import csv_cell
from yolograft.render.forms.json import run_record, variant_record


def to_csv(shown: Table) -> str:
    """One line per variant, in the order shown; what there is to be cautious about stands in its last column."""
    groups = shown.comparison.groups
    records = []
    for row in shown.rows:
        record = variant_record(shown.comparison, row)
        records.append(
            {
                "variant": record["variant"],
                **{group: record["choices"][group] for group in groups},
                "n": record["n"],
                **{f"{name}{end}": record["metrics"].get(name, {}).get(key) for name in METRICS for key, end in _ENDS},
                **{f"difference{end}": (record["difference"] or {}).get(key) for key, end in _DIFFERENCE},
                "baseline": record["baseline"],
                "reference": record["reference"],
                **{key: record[key] for key in COSTS},
                **{f"{part}_params": record["parts"].get(part) for part in _parts(shown.comparison.rows)},
                **{f"{name}_change": record["relative"].get(name) for name in COSTS},
                "status": record["status"],
                "cautions": "; ".join(record["cautions"]),
            }
        )
    return _text(records)


def runs_to_csv(shown: Table) -> str:
    """One line per run: what the statistics were made from."""
    records = []
    for row in shown.rows:
        choices = variant_record(shown.comparison, row)["choices"]
        for run in row.variant.runs:
            record = run_record(run)
            record |= {name: record["metrics"].get(name) for name in METRICS}
            nested = ("metrics", "per_class", "parts", "versions", "conditions", "overrides", "traceback")
            kept = {key: value for key, value in record.items() if key not in nested}
            records.append({"variant": row.variant.label, **choices, **kept})
    return _text(records)


_ENDS = (("mean", ""), ("sd", "_sd"))
_DIFFERENCE = (
    ("value", ""),
    ("low", "_low"),
    ("high", "_high"),
    ("n", "_pairs"),
    ("p", "_p"),
    ("p_holm", "_p_holm"),
    ("told", "_told"),
)


def _parts(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(part for row in rows for part in row.variant.parts))


def _text(records: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    heading = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_cell, heading))
    writer.writerows([csv_cell(record.get(key)) for key in heading] for record in records)
    return text.getvalue()
