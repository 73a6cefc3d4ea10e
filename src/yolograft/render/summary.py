"""A comparison summarised in a few sentences."""

from collections import Counter
from collections.abc import Sequence

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.render.columns import signed

_MOST_NAMED = 6


def sentences(comparison: Comparison) -> list[str]:
    """Return what was run, which variant has the highest mean, and how many differences are significant."""
    said = [_counts(comparison)]
    finished = [row for row in comparison.rows if comparison.metric in row.statistics]
    if not finished:
        return [*said, "No run has finished yet: there is nothing to compare."]
    if comparison.nothing_detected:
        return [*said, f"Nothing was detected yet: {comparison.metric} is 0 in every finished run."]
    best = max(finished, key=lambda row: row.statistics[comparison.metric].mean)
    goes_on = comparison.waiting or any(run.status == "running" for run in comparison.runs)
    highest = f"The highest mean {comparison.metric}{' so far' if goes_on else ''}"
    said.append(f"{highest} is {_mean(best, comparison)}: {best.variant.label}.")
    return [*said, *_differences(comparison)]


def _counts(comparison: Comparison) -> str:
    runs, variants = len(comparison.runs), len(comparison.rows)
    counts = Counter(run.status for run in comparison.runs)
    ended = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    if counts["finished"] == runs:
        ended = "all finished" if runs > 1 else "finished"
    if waiting := sum(one.count for one in comparison.waiting):
        ended += f", and {waiting} not begun"
    return f"{variants} {'variant' if variants == 1 else 'variants'}, {runs} {'run' if runs == 1 else 'runs'}: {ended}."


def _mean(row: Row, comparison: Comparison) -> str:
    summary = row.statistics[comparison.metric]
    spread = "" if summary.sd is None else f" ± {summary.sd:.3f}"
    return f"{summary.mean:.3f}{spread} ({comparison.counted(summary.n)})"


def _differences(comparison: Comparison) -> list[str]:
    compared = [row for row in comparison.rows if row.difference]
    tested = [row for row in compared if row.difference and row.difference.significant is not None]
    if not compared:
        return []
    if not tested:
        unclear = "No difference to the baseline can be tested"
        if any(row.difference and row.difference.n > 1 for row in compared):
            return [f"{unclear}: those of one variant are all the same, so their spread is unknown."]
        if any(row.n > 1 for row in compared):
            return [f"{unclear} yet: a variant and its baseline have only one {comparison.paired_by} in common."]
        if comparison.over == "folds":
            return [f"{unclear} yet: that needs two folds or more of a variant and of its baseline."]
        return [f"{unclear} yet: that needs two seeds or more of a variant and of its baseline (seeds=3)."]
    significant = [row for row in tested if row.difference and row.difference.significant]
    if not significant:
        many = len(tested) > 1
        which = f"None of the {len(tested)} differences to the baseline is" if many else "The difference is not"
        return [f"{which} significant. That does not mean equal: each variant may be better, worse or the same."]
    better = [row for row in significant if row.difference and row.difference.value > 0]
    worse = [row for row in significant if row not in better]
    lists = [f"{word}: {_listed(rows)}" for word, rows in (("better", better), ("worse", worse)) if rows]
    said = f"{len(significant)} of {len(tested)} differences to the baseline are significant; {'; '.join(lists)}."
    if len(significant) < len(tested):
        said += " The others are undecided: they may be better, worse or the same."
    return [said]


def _listed(rows: Sequence[Row]) -> str:
    shown = [f"{row.variant.label} ({signed(row.difference.value)})" for row in rows[:_MOST_NAMED] if row.difference]
    return ", ".join(shown) + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
