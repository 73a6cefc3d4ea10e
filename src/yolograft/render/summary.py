"""What a comparison says, in a few sentences for who opens it first."""

from collections import Counter
from collections.abc import Sequence

from yolograft.analysis.columns import signed
from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row

_MOST_NAMED = 6


def sentences(comparison: Comparison) -> list[str]:
    """What was run, which variant has the highest mean, and how many differences can be told from zero."""
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
    tested = [row for row in compared if row.difference and row.difference.told is not None]
    if not compared:
        return []
    if not tested:
        unclear = "No difference to the baseline can be told from chance"
        if any(row.difference and row.difference.n > 1 for row in compared):
            return [f"{unclear}: those of one variant are all the same, so nothing is known of their spread."]
        if any(row.n > 1 for row in compared):
            return [f"{unclear} yet: a variant and its baseline have only one {comparison.paired_by} in common."]
        if comparison.over == "folds":
            return [f"{unclear} yet: that needs two folds or more of a variant and of its baseline."]
        return [f"{unclear} yet: that needs two seeds or more of a variant and of its baseline (seeds=3)."]
    told = [row for row in tested if row.difference and row.difference.told]
    if not told:
        many = len(tested) > 1
        which = f"None of the {len(tested)} differences to the baseline can" if many else "The difference cannot"
        return [f"{which} be told from zero. That makes no variants equal: each may be better, worse or the same."]
    better = [row for row in told if row.difference and row.difference.value > 0]
    worse = [row for row in told if row not in better]
    lists = [f"{word}: {_listed(rows)}" for word, rows in (("better", better), ("worse", worse)) if rows]
    said = f"{len(told)} of {len(tested)} differences to the baseline can be told from zero; {'; '.join(lists)}."
    if len(told) < len(tested):
        said += " Of the others nothing is known: they may be better, worse or the same."
    return [said]


def _listed(rows: Sequence[Row]) -> str:
    shown = [f"{row.variant.label} ({signed(row.difference.value)})" for row in rows[:_MOST_NAMED] if row.difference]
    return ", ".join(shown) + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")
