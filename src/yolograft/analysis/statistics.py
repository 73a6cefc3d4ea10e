"""Means, and paired differences to the baseline with intervals and corrected p-values.

Two variants are compared on the runs that share seed and fold. Such runs see the same images in the same order, so part
of their scatter is common and cancels in the difference. An example with three seeds:

    seed        0      1      2     mean    sd
    baseline  0.500  0.510  0.490   0.500  0.010
    variant   0.520  0.531  0.509   0.520  0.011
    difference +0.020 +0.021 +0.019 +0.020 0.001

Taken by themselves the two means overlap within ± 0.011. The three differences scatter ten times less: their mean has a
standard error of 0.001 / √3 = 0.0006, and with the t quantile of two degrees of freedom, 4.303, the 95 % interval is
0.020 ± 0.0025, or [+0.018, +0.022]; t = 0.020 / 0.0006 = 34.6, p = 0.0008.

A table of ten variants makes nine such tests, of which one in twenty would be significant at 5 % by chance. Holm's
method keeps the chance of any wrong `yes` in the table at 5 %: of m p-values, the smallest is multiplied by m, the next
by m - 1 and so on, none below the one before. From (0.010, 0.040, 0.030) follow (0.030, 0.060, 0.060): only the first
stays below 0.05.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from yolograft.analysis.collect import Block

LEVEL = 0.95
"""Confidence of every interval; 1 - LEVEL is the family-wise error rate of the correction."""

_ROUNDING = 1e-12
"""Spread of differences that is only rounding; metrics lie in 0…1."""


@dataclass(frozen=True)
class Summary:
    """A metric over a variant's finished runs.

    Attributes:
        n: Number of runs.
        mean: Their mean.
        sd: Standard deviation of the sample; None with one run.
        values: The single values, by seed and fold.
    """

    n: int
    mean: float
    sd: float | None
    values: Mapping[Block, float]


@dataclass(frozen=True)
class Difference:
    """A variant minus its baseline, paired by seed and fold.

    Attributes:
        value: Mean of the differences.
        n: Number of pairs.
        low: Lower end of the 95 % interval of the mean; None where it is unknown (see `paired`).
        high: Its upper end.
        p: P-value of the paired t-test against no difference.
        p_holm: The same, corrected for all comparisons of the table (Holm).
        left_out: Seeds and folds that only one of the two has.
        pairs: The single differences, by seed and fold.
    """

    value: float
    n: int
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    left_out: tuple[Block, ...]
    pairs: Mapping[Block, float]

    @property
    def significant(self) -> bool | None:
        """Whether the difference is significant after correction; None where there is no p-value."""
        return None if self.p_holm is None else self.p_holm < 1 - LEVEL


def summarize(values: Mapping[Block, float]) -> Summary | None:
    """Return mean and standard deviation of single values; None where there are none."""
    if not values:
        return None
    numbers = list(values.values())
    return Summary(len(numbers), fmean(numbers), stdev(numbers) if len(numbers) > 1 else None, dict(values))


def paired(values: Mapping[Block, float], baseline: Mapping[Block, float]) -> Difference | None:
    """Compare two variants on the seeds and folds that both have.

    Args:
        values: The variant's, by seed and fold.
        baseline: The baseline's.

    Returns:
        The difference, uncorrected; None where no seed and fold is common to both. It has no interval with a single
        pair, nor where all differences are the same, since their spread is then unknown.
    """
    pairs = {block: value - baseline[block] for block, value in values.items() if block in baseline}
    if not pairs:
        return None
    left_out = tuple(block for block in dict.fromkeys([*values, *baseline]) if block not in pairs)
    differences = list(pairs.values())
    low = high = p = None
    if len(pairs) > 1 and stdev(differences) > _ROUNDING:
        # A paired t-test is a one-sample t-test of the differences against 0.
        from scipy.stats import ttest_1samp

        test = ttest_1samp(differences, 0.0)
        interval = test.confidence_interval(LEVEL)
        low, high, p = float(interval.low), float(interval.high), float(test.pvalue)
    return Difference(fmean(differences), len(pairs), low, high, p, None, left_out, pairs)


def corrected(differences: Sequence[Difference | None]) -> list[Difference | None]:
    """Correct the p-values of all comparisons of a table together, by Holm's method.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6, 1979.
    """
    p_values = [one.p for one in differences if one is not None and one.p is not None]
    if not p_values:
        return list(differences)
    from statsmodels.stats.multitest import multipletests

    adjusted = iter(multipletests(p_values, method="holm")[1])
    return [one if one is None or one.p is None else replace(one, p_holm=float(next(adjusted))) for one in differences]


def relative(value: float | None, baseline: float | None) -> float | None:
    """Return the relative difference to the baseline, -0.09 for nine per cent less; None where either is unknown."""
    if value is None or not baseline:
        return None
    return value / baseline - 1
