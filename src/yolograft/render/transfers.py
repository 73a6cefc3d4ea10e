"""What the weights that a variant began with have filled, for the forms of a report."""

from collections.abc import Mapping

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.variants import Variant

TRANSFER_KINDS = ("matched", "resized", "missing")
TRANSFER_HEADINGS = ("variant", "part", *TRANSFER_KINDS)


def transfer_of(variant: Variant) -> Mapping[str, Mapping[str, int]]:
    """Return by part how many tensors were matched, resized, missing; the same for all runs of a variant."""
    return next((run.transfer for run in variant.runs if run.transfer), {})


def transfer_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return a row of cells for each part of each variant that began with weights."""
    return [
        (row.variant.label, part, *(str(found.get(kind, "")) for kind in TRANSFER_KINDS))
        for row in comparison.rows
        for part, found in transfer_of(row.variant).items()
    ]
