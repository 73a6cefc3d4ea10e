"""Cautions of a comparison: reasons to doubt its numbers, one line each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from yolograft.analysis.collect import Block, Run, Waiting
from yolograft.analysis.row import Row, nothing_detected
from yolograft.analysis.variants import Variants
from yolograft.common.version import __version__

_ENDED = {"failed": "failed", "stopped": "was stopped", "running": "has not ended", "damaged": "cannot be read"}


@dataclass(frozen=True)
class Caution:
    """One line under the table.

    Attributes:
        kind: `run`, `version`, `confounded`, `epochs`, `data`, `conditions`, `seeds`, `folds`, `baseline` or `nothing`.
        text: The line.
        names: Names of the runs, or labels of the variants, that it concerns.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()


def cautions(rows: Sequence[Row], made: Variants, metric: str, waiting: Sequence[Waiting] = ()) -> tuple[Caution, ...]:
    """Return the cautions of a comparison, the gravest first."""
    runs = [run for row in rows for run in row.variant.runs]
    return (
        *_nothing(rows, metric),
        *_baseline(rows, metric),
        *_confounded(rows),
        *_data(runs, made),
        *_epochs(rows),
        *_conditions(runs, made),
        *_seeds(rows),
        *_versions(runs),
        *_unended(runs),
        *(Caution("run", f"{one} not begun") for one in waiting),
    )


def _nothing(rows: Sequence[Row], metric: str) -> Iterable[Caution]:
    if nothing_detected(rows, metric):
        text = (
            f"nothing was detected yet: {metric} is 0 in every finished run, which ranks nothing; "
            "train for longer, or with a larger imgsz"
        )
        yield Caution("nothing", text)


def _baseline(rows: Sequence[Row], metric: str) -> Iterable[Caution]:
    compared = [row for row in rows if metric in row.statistics]
    baselines = [row for row in compared if row.baseline]
    if len(compared) < 2:
        return
    if not baselines:
        yield Caution("baseline", 'no baseline has finished: no differences; name another with baseline="KEY=VALUE"')
    elif len(baselines) == len(compared):
        yield Caution("baseline", 'every variant is a baseline: name the one to compare with, baseline="KEY=VALUE"')
    elif alone := [row.variant.label for row in compared if not row.baseline and not row.reference]:
        text = f"no baseline with the same other settings, hence no difference: {_listed(alone)}"
        yield Caution("baseline", text, tuple(alone))


def _confounded(rows: Sequence[Row]) -> Iterable[Caution]:
    for row in rows:
        if row.confounds and row.reference:
            others = _listed(row.confounds, 5)
            text = f"confounded: {row.variant.label} differs from {row.reference} also in {others}"
            yield Caution("confounded", text, (row.variant.label,))


def _data(runs: Sequence[Run], made: Variants) -> Iterable[Caution]:
    """Find runs whose settings name the same data set but whose images or labels differ."""
    sets: dict[tuple[object, ...], dict[str, list[str]]] = {}
    for variant in made.all:
        data = tuple(sorted(item for item in variant.settings.items() if item[0].split(".")[0] == "dataset"))
        for run in variant.finished:
            if run.fingerprint:
                sets.setdefault((data, run.fold), {}).setdefault(run.fingerprint, []).append(run.name)
    for prints in sets.values():
        if len(prints) > 1:
            few = _fewer(prints)
            yield Caution("data", f"other images or labels than the rest: {_listed(few)}", tuple(few))


def _epochs(rows: Sequence[Row]) -> Iterable[Caution]:
    """Find finished runs with the same `epochs` that ended after different numbers of epochs."""
    done: dict[int | None, dict[str, list[int]]] = {}
    for row in rows:
        for run in row.variant.finished:
            if run.epochs_done is not None:
                done.setdefault(run.epochs, {}).setdefault(row.variant.label, []).append(run.epochs_done)
    for asked, variants in done.items():
        usual = Counter(number for numbers in variants.values() for number in numbers).most_common(1)[0][0]
        other = {label: numbers for label, numbers in variants.items() if set(numbers) != {usual}}
        if other:
            stopped = "; ".join(f"{label} after {', '.join(map(str, sorted(n)))}" for label, n in other.items())
            rest = "" if len(other) == len(variants) else f"; the rest after {usual}"
            of = f" of {asked}" if asked else ""
            yield Caution("epochs", f"stopped at different epochs{of}: {stopped}{rest}", tuple(other))


def _conditions(runs: Sequence[Run], made: Variants) -> Iterable[Caution]:
    varied = {key.rsplit(".", 1)[-1] for key in made.varied}
    for name in ("device", "precision", "batch"):
        values: dict[str, list[str]] = {}
        for run in runs:
            if run.finished and name in run.conditions and name not in varied:  # a varied one has its column
                values.setdefault(run.conditions[name], []).append(run.name)
        if len(values) > 1:
            yield Caution("conditions", f"different {name}: {_by_value(values)}", tuple(_fewer(values)))


def _seeds(rows: Sequence[Row]) -> Iterable[Caution]:
    single = [row.variant.label for row in rows if row.n == 1]
    several = [row for row in rows if row.n > 1]
    folds = {run.fold for row in rows for run in row.variant.finished}
    word = "fold" if len(folds) > 1 else "seed"
    if single and not several:
        more = "with seeds=3" if folds <= {None} else "the other folds"
        word = "seed" if folds <= {None} else "fold"
        text = f"one {word} of each variant: no difference can be tested; train {more}"
        yield Caution("seeds", text, tuple(single))
    elif single:
        text = f"one {word}, hence no difference can be tested: {_listed(single)}"
        yield Caution("seeds", text, tuple(single))
    for row in rows:
        if row.reference and row.difference is None and row.n:
            text = f"no {word} in common with {row.reference}, hence no difference: {row.variant.label}"
            yield Caution("seeds", text, (row.variant.label,))
        elif row.difference and row.difference.left_out:
            left = ", ".join(map(block_name, row.difference.left_out))
            text = f"{row.variant.label}: left out of the difference, since only one side has finished them: {left}"
            yield Caution("seeds", text, (row.variant.label,))
        elif row.difference and row.difference.n > 1 and row.difference.p is None:
            text = f"{row.variant.label}: all differences are the same, their spread is unknown"
            yield Caution("seeds", text, (row.variant.label,))
    if len(folds) > 1:
        yield Caution("folds", "folds share training images: intervals over folds are narrower than they should be")


def _versions(runs: Sequence[Run]) -> Iterable[Caution]:
    foreign: dict[str, list[str]] = {}
    for run in runs:
        if run.status != "damaged" and (own := run.versions.get("yolograft", "")) != __version__:
            foreign.setdefault(own, []).append(run.name)
    for own, names in foreign.items():
        by = f"by yolograft {own}" if own else "by an unknown version of yolograft"
        yield Caution("version", f"made {by}, this is {__version__}: {_listed(names)}", tuple(names))
    for package in dict.fromkeys(name for run in runs if run.finished for name in run.versions):
        values: dict[str, list[str]] = {}
        for run in runs:
            if run.finished and package in run.versions and package != "yolograft":
                values.setdefault(run.versions[package], []).append(run.name)
        if len(values) > 1:
            yield Caution("version", f"different {package}: {_by_value(values)}", tuple(_fewer(values)))


def _unended(runs: Sequence[Run]) -> Iterable[Caution]:
    for run in runs:
        if not run.finished:
            how = _ENDED.get(run.status, f"has the unknown status {run.status!r}")
            after = f" after {run.epochs_done} of {run.epochs} epochs" if run.epochs_done and run.epochs else ""
            why = f": {run.error}" if run.error and run.status != "stopped" else ""
            yield Caution("run", f"{run.name} {how}{after}{why}", (run.name,))


def block_name(block: Block) -> str:
    """Return `seed 0`, or `seed 0 of fold 2`."""
    seed, fold = block
    return f"seed {'unknown' if seed is None else seed}" + ("" if fold is None else f" of fold {fold}")


def _fewer(values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of all but the most common value."""
    usual = max(values, key=lambda value: len(values[value]))
    return [name for value, names in values.items() if value != usual for name in names]


def _by_value(values: Mapping[str, Sequence[str]]) -> str:
    usual = max(values, key=lambda value: len(values[value]))
    others = [f"{value} ({_listed(names)})" for value, names in values.items() if value != usual]
    return ", ".join([f"{usual} (the rest)", *others])


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
