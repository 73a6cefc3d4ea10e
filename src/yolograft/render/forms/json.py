"""The comparison as one JSON document: full numbers, null where unknown."""

import json
from dataclasses import asdict

from yolograft.analysis.plain_values import variant_record
from yolograft.render.table import Table


def to_json(shown: Table) -> str:
    """Return the variants shown with their runs, the effects and the cautions; see docs/report.md for the keys."""
    comparison = shown.comparison
    document = {
        "metric": comparison.metric,
        "groups": {group: list(comparison.keys[group]) for group in comparison.groups},
        "rows": [variant_record(comparison, row) for row in shown.rows],
        "effects": asdict(comparison.effects),
        "cautions": [asdict(caution) for caution in comparison.cautions],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
