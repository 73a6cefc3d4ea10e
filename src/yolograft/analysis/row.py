"""A row of the comparison: one variant with its statistics and its difference to the baseline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from yolograft.analysis.latency import Latency
from yolograft.analysis.statistics import Difference, Summary
from yolograft.analysis.variants import Variant


@dataclass(frozen=True)
class Row:
    """One variant in the comparison.

    Attributes:
        variant: The variant, with its runs.
        statistics: Each metric over the finished runs; without those that no run has.
        baseline: Whether it is a baseline.
        reference: Label of the variant that it is compared with; None for a baseline, and where there is none.
        difference: The comparison's metric minus the reference's; None also where they have no seed in common.
        relative: Cost by cost (`COSTS`), how much more than the reference's, as a share.
        confounds: Settings beside the varied groups in which it differs from the reference, `epochs (50, not 100)`.
        latency: What `yolograft bench` has measured of it, by `Measured.key`; empty where it has not.
    """

    variant: Variant
    statistics: Mapping[str, Summary]
    baseline: bool = False
    reference: str | None = None
    difference: Difference | None = None
    relative: Mapping[str, float] = field(default_factory=dict)
    confounds: tuple[str, ...] = ()
    latency: Mapping[str, Latency] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of finished runs."""
        return len(self.variant.finished)


def nothing_detected(rows: Iterable[Row], metric: str) -> bool:
    """Return whether runs have finished and the metric is 0 in every one of them."""
    values = [value for row in rows if metric in row.statistics for value in row.statistics[metric].values.values()]
    return bool(values) and not any(values)
