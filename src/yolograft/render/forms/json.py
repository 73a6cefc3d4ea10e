"""The comparison as one JSON document: full numbers, null where unknown."""

import json
from dataclasses import asdict
from typing import Any

from yolograft.analysis.collect import Run
from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.analysis.table import Table


def to_json(shown: Table) -> str:
    """The variants shown with their runs, the effects and the cautions; see docs/report.md for the keys."""
    comparison = shown.comparison
    document = {
        "metric": comparison.metric,
        "groups": {group: list(comparison.keys[group]) for group in comparison.groups},
        "rows": [variant_record(comparison, row) for row in shown.rows],
        "effects": asdict(comparison.effects),
        "cautions": [asdict(caution) for caution in comparison.cautions],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def variant_record(comparison: Comparison, row: Row) -> dict[str, Any]:
    """A variant as plain values; all variants have the same keys."""
    variant, one = row.variant, row.difference
    names = {variant.label, *(run.name for run in variant.runs)}
    marked = variant.choices.get("settings", "")
    return {
        "variant": variant.label,
        "choices": dict(variant.choices)
        | ({"settings": comparison.marks[marked]} if marked in comparison.marks else {}),
        "n": row.n,
        "metrics": {name: {"mean": each.mean, "sd": each.sd, "n": each.n} for name, each in row.statistics.items()},
        "baseline": row.baseline,
        "reference": row.reference,
        "difference": one
        and {
            "value": one.value,
            "pairs": [{"seed": seed, "fold": fold, "value": value} for (seed, fold), value in one.pairs.items()],
            "n": one.n,
            "low": one.low,
            "high": one.high,
            "p": one.p,
            "p_holm": one.p_holm,
            "told": one.told,
            "left_out": [{"seed": seed, "fold": fold} for seed, fold in one.left_out],
        },
        "confounds": list(row.confounds),
        "relative": dict(row.relative),
        "params": variant.costs["params"],
        "parts": dict(variant.parts),
        **{key: value for key, value in variant.costs.items() if key != "params"},
        "status": variant.status,
        "cautions": [c.text for c in comparison.cautions if not c.names or names.intersection(c.names)],
        "runs": [run_record(run) for run in variant.runs],
    }


def run_record(run: Run) -> dict[str, Any]:
    """A run as plain values, without its config (it has its own file)."""
    left_out = ("config", "choices", "path")
    record = {name: value for name, value in vars(run).items() if name not in left_out}
    plain = {name: dict(value) if isinstance(value, dict) else value for name, value in record.items()}
    return {**plain, "overrides": list(run.overrides), "path": run.path.as_posix()}
