"""The numbers of a comparison as plain values: nested for JSON, flat for CSV and data frames."""

from collections.abc import Sequence
from typing import Any

from yolograft.analysis.collect import Run
from yolograft.analysis.comparison import Comparison
from yolograft.analysis.latency import Latency, Measured
from yolograft.analysis.row import Row
from yolograft.common.metrics import COSTS, METRIC, METRICS

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
_LATENCY = (("median_ms", "_ms"), ("low_ms", "_low_ms"), ("high_ms", "_high_ms"))
_NESTED = (
    *("metrics", "per_class", "parts", "transfer", "versions", "conditions", "overrides", "exports", "traceback"),
)
"""Values of a run that do not fit into one cell."""


def variant_rows(comparison: Comparison, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one flat mapping per variant, None where a value is unknown; cautions are joined in the last column.

    Args:
        comparison: The comparison.
        rows: Those of its rows that are wanted, in order.
    """
    parts = list(dict.fromkeys(part for row in comparison.rows for part in row.variant.parts))
    labels = sorted({label for row in comparison.rows for label in row.variant.exports})
    flat = []
    for row in rows:
        record = variant_record(comparison, row)
        flat.append(
            {
                "variant": record["variant"],
                **{group: record["choices"][group] for group in comparison.groups},
                "n": record["n"],
                **{f"{name}{end}": record["metrics"].get(name, {}).get(key) for name in METRICS for key, end in _ENDS},
                **{f"difference{end}": (record["difference"] or {}).get(key) for key, end in _DIFFERENCE},
                "baseline": record["baseline"],
                "reference": record["reference"],
                **{key: record[key] for key in COSTS},
                **{f"{each.key}{end}": record[each.key].get(key) for each in comparison.bench for key, end in _LATENCY},
                **{f"{part}_params": record["parts"].get(part) for part in parts},
                **{f"{name}_change": record["relative"].get(name) for name in COSTS},
                **{
                    f"{label}_{key}": record["exports"].get(label, {}).get(key)
                    for label in labels
                    for key in ("status", "size", METRIC)
                },
                "status": record["status"],
                "cautions": "; ".join(record["cautions"]),
            }
        )
    return flat


def run_rows(comparison: Comparison, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one flat mapping per run of some variants, None where a value is unknown.

    Args:
        comparison: The comparison.
        rows: Those of its rows whose runs are wanted, in order.
    """
    flat = []
    for row in rows:
        choices = variant_record(comparison, row)["choices"]
        for run in row.variant.runs:
            record = run_record(run)
            record |= {name: record["metrics"].get(name) for name in METRICS}
            kept = {key: value for key, value in record.items() if key not in _NESTED}
            flat.append({"variant": row.variant.label, **choices, **kept})
    return flat


def variant_record(comparison: Comparison, row: Row) -> dict[str, Any]:
    """Return a variant as nested plain values; all variants have the same keys."""
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
            "told": one.significant,
            "left_out": [{"seed": seed, "fold": fold} for seed, fold in one.left_out],
        },
        "confounds": list(row.confounds),
        "relative": dict(row.relative),
        "params": variant.costs["params"],
        "parts": dict(variant.parts),
        **{key: value for key, value in variant.costs.items() if key != "params"},
        "exports": variant.exports,
        **{each.key: _latency(each, row.latency.get(each.key)) for each in comparison.bench},
        "status": variant.status,
        "cautions": [c.text for c in comparison.cautions if not c.names or names.intersection(c.names)],
        "runs": [run_record(run) for run in variant.runs],
    }


def _latency(bench: Measured, found: Latency | None) -> dict[str, Any]:
    """Return a variant's latency and how it was measured; nothing where it was not."""
    if found is None:
        return {}
    kept = ("format", "device", "hardware", "host", "batch", "imgsz", "threads", "measured", "ranked")
    ends = {"low_ms": found.low, "high_ms": found.high}
    return {
        "median_ms": found.median * 1e3,
        **{key: None if value is None else value * 1e3 for key, value in ends.items()},
        "not_told_from": list(found.alike),
        **{key: getattr(bench.cell, key) for key in kept},
    }


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as nested plain values, without its config (it has its own file)."""
    left_out = ("config", "choices", "path", "costs")
    record = {name: value for name, value in vars(run).items() if name not in left_out}
    plain = {name: dict(value) if isinstance(value, dict) else value for name, value in record.items()}
    costs = {key: run.costs.get(key) for key in COSTS}
    return {**plain, **costs, "overrides": list(run.overrides), "path": run.path.as_posix()}
