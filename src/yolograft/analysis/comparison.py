"""The comparison of runs: the object that every form and picture of a report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yolograft.analysis.cautions import Caution, cautions
from yolograft.analysis.collect import Run, Waiting, collect, not_begun
from yolograft.analysis.effects import Effects, Observation, estimate
from yolograft.analysis.latency import Latency, Measured, measured
from yolograft.analysis.row import Row, nothing_detected
from yolograft.analysis.statistics import Summary, corrected, paired, relative, summarize
from yolograft.analysis.variants import GROUPS, Variant, Variants, variants
from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.common.metrics import COSTS, METRIC, METRICS
from yolograft.common.suggestions import did_you_mean
from yolograft.config.defaults import DEFAULT_BASE, base_choices


@dataclass(frozen=True)
class Comparison:
    """The comparison of some runs.

    Attributes:
        runs: All runs, ordered by path.
        rows: A row per variant, the best mean first, those without a finished run last.
        groups: What varies: headings of the columns in `Row.variant.choices`.
        keys: The settings behind each of these columns, by dotted key.
        marks: What marks in the column `settings` stand for, `{"#1": "lr0=0.01, …"}`; empty where they are spelt out.
        metric: The metric that is compared.
        effects: Main effects of the choices, and interactions.
        cautions: Reasons to doubt its numbers.
        waiting: Sweeps of which runs have not begun.
        bench: What `yolograft bench` has measured of the runs, by format.
    """

    runs: tuple[Run, ...]
    rows: tuple[Row, ...]
    groups: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    marks: Mapping[str, str]
    metric: str
    effects: Effects
    cautions: tuple[Caution, ...]
    waiting: tuple[Waiting, ...] = ()
    bench: tuple[Measured, ...] = ()

    @property
    def nothing_detected(self) -> bool:
        """Whether runs have finished and none of them has detected anything, so that none is the best."""
        return nothing_detected(self.rows, self.metric)

    @property
    def over(self) -> str:
        """What means and deviations are taken over: `seeds`, `folds`, or `seeds and folds`."""
        return " and ".join(f"{word}s" for word in self._blocks)

    @property
    def paired_by(self) -> str:
        """What two runs that are compared share: `seed`, `fold`, or `seed and fold`."""
        return " and ".join(self._blocks)

    @property
    def _blocks(self) -> tuple[str, ...]:
        blocks = {run.block for run in self.runs if run.finished}
        several = {"seed": len({seed for seed, _ in blocks}) > 1, "fold": len({fold for _, fold in blocks}) > 1}
        return tuple(word for word, varies in several.items() if varies) or ("seed",)

    def counted(self, n: int) -> str:
        """Return a number of runs of one variant in words: `3 seeds`, `1 fold`, `6 runs` over seeds and folds."""
        word = self._blocks[0] if len(self._blocks) == 1 else "run"
        return f"{n} {word}" if n == 1 else f"{n} {word}s"


def compare_folders(
    folders: Path | str | Sequence[Path | str],
    metric: str = METRIC,
    baseline: Mapping[str, str] | None = None,
) -> Comparison:
    """Read the runs below some folders and compare them.

    Args:
        folders: A sweep's folder, or several; runs' folders too.
        metric: As for `compare`.
        baseline: As for `compare`.

    Raises:
        UserError: A folder does not exist or holds no run, or as for `compare`.
    """
    paths = [user_path(path) for path in ([folders] if isinstance(folders, Path | str) else folders)]
    runs = collect(paths)
    return compare(runs, metric, baseline, not_begun(paths, runs))


def compare(
    runs: Sequence[Run],
    metric: str = METRIC,
    baseline: Mapping[str, str] | None = None,
    waiting: Sequence[Waiting] = (),
) -> Comparison:
    """Compare runs.

    A variant is compared with the baseline that agrees with it in all that the baseline does not name: the same scale,
    data set and so on. Where only one baseline is near, and differs in single settings too (`epochs`, `imgsz`), it is
    compared with that one and the settings are named in `Row.confounds`.

    Args:
        runs: The runs, of one sweep or of several.
        metric: One of `METRICS`.
        baseline: Values by config group or setting, such as `{"neck": "conv"}`; None for each variant's base as it
            is, or for its backbone and neck alone where no run has its context, head and loss too. Bases as they are
            are compared with the default base.
        waiting: Sweeps of which runs have not begun, see `collect.not_begun`.

    Raises:
        UserError: There is no such metric, or the baseline names what no run has.
    """
    if metric not in METRICS:
        raise UserError(
            f"metric={metric}: no such metric{did_you_mean(metric, METRICS)} There are {', '.join(METRICS)}"
        )
    made = variants(runs)
    wanted = None if baseline is None else _known(baseline, made)
    bench = measured(runs)
    alone = [Row(variant, _statistics(variant), latency=_latency(variant, bench)) for variant in made.all]
    rows = [_referred(row, alone, made, metric, wanted) for row in alone]
    differences = corrected([row.difference for row in rows])
    rows = [replace(row, difference=one) for row, one in zip(rows, differences, strict=True)]
    rows.sort(key=lambda row: _place(row, metric))
    observations = [
        Observation(row.variant.choices, block, value)
        for row in rows
        if metric in row.statistics and row.variant.settings
        for block, value in row.statistics[metric].values.items()
    ]
    return Comparison(
        runs=tuple(runs),
        rows=tuple(rows),
        groups=made.groups,
        keys=made.keys,
        marks=made.marks,
        metric=metric,
        effects=estimate([] if nothing_detected(rows, metric) else observations, made.groups),
        cautions=cautions(rows, made, metric, waiting),
        waiting=tuple(waiting),
        bench=tuple(bench),
    )


def _latency(variant: Variant, bench: Sequence[Measured]) -> dict[str, Latency]:
    return {each.key: found for each in bench if (found := each.of(variant.runs))}


def _statistics(variant: Variant) -> dict[str, Summary]:
    found = {}
    for metric in METRICS:
        values = {run.block: run.metrics[metric] for run in variant.finished if metric in run.metrics}
        if summary := summarize(values):
            found[metric] = summary
    return found


def _place(row: Row, metric: str) -> tuple[bool, float, str]:
    summary = row.statistics.get(metric)
    return (summary is None, -summary.mean if summary else 0.0, row.variant.label)


def _known(baseline: Mapping[str, str], made: Variants) -> dict[str, str]:
    """Return the baseline by dotted keys, after checking that some run has each of its values."""
    keys = {key for variant in made.all for key in variant.settings}
    short = {heading: behind[0] for heading, behind in made.keys.items() if behind and behind[0] in keys}
    wanted: dict[str, str] = {}
    for name, value in baseline.items():
        key = short.get(name, name)
        if key not in keys:
            shown = [*made.groups, *(group for group in GROUPS if group in keys and group not in made.groups)]
            raise UserError(
                f"baseline={name}={value}: no run has {name}{did_you_mean(name, sorted({*short, *keys}))} "
                f"There are {', '.join(shown)}"
            )
        # `effv1-b0`, as the table says, stands for two settings; `effv1` for the group's, if only one of it was run.
        exact = next((v for v in made.all if name in made.groups and v.choices.get(name) == value), None)
        labels = {v.choices.get(name, value) for v in made.all if v.settings.get(key) == value}
        if exact:
            wanted |= {one: exact.settings[one] for one in made.keys[name] if one in exact.settings}
        elif len(labels) > 1 and not any(other.startswith(f"{key}.") for other in baseline):
            raise UserError(f"baseline={name}={value}: there are several; say which: {', '.join(sorted(labels))}")
        elif labels:
            wanted[key] = value
        else:
            values = {v.choices.get(name) or v.settings.get(key, "") for v in made.all} - {""}
            raise UserError(
                f"baseline={name}={value}: no run has it{did_you_mean(value, values)} "
                f"There are {', '.join(sorted(values))}"
            )
    return wanted


def _referred(row: Row, rows: Sequence[Row], made: Variants, metric: str, baseline: Mapping[str, str] | None) -> Row:
    """Return the row with its baseline and difference."""
    base = row.variant.settings.get("base")
    wanted, nearest = _first(row, rows, made, metric, _as_it_is(base) if baseline is None else [baseline])
    if nearest is row and baseline is None and base not in (None, DEFAULT_BASE):
        wanted, nearest = _first(row, rows, made, metric, _as_it_is(DEFAULT_BASE))
        nearest = nearest or row
    if nearest is row:
        return replace(row, baseline=True)
    return _compared(row, nearest, wanted, made, metric) if nearest else row


def _as_it_is(base: str | None) -> list[Mapping[str, str]]:
    """Return what to look for in turn to find a base as it is; None: the default base, in records without a base."""
    choices = {k: v for k, v in base_choices(base or DEFAULT_BASE).items() if base or k != "base"}
    few = {group: choice for group, choice in choices.items() if group in ("base", "backbone", "neck")}
    # Each part's own activation is SiLU in all bases; without either, all variants have another.
    whole = [{**choices, "activation": own} for own in ("None", "silu")]
    return [*whole, choices, few] if choices else []


def _first(
    row: Row, rows: Sequence[Row], made: Variants, metric: str, attempts: Sequence[Mapping[str, str]]
) -> tuple[Mapping[str, str], Row | None]:
    """Return the first attempt that finds a baseline, and that baseline."""
    for wanted in attempts:
        candidates = [r for r in rows if metric in r.statistics and wanted.items() <= r.variant.settings.items()]
        if nearest := _nearest(row, candidates, wanted, made):
            return wanted, nearest
    return {}, None


def _nearest(row: Row, candidates: Sequence[Row], wanted: Mapping[str, str], made: Variants) -> Row | None:
    """Return the baseline to compare a variant with; the variant itself where it is one."""
    ranked: list[tuple[tuple[int, ...], Row]] = []
    for other in candidates:
        options = _own_options(other.variant, wanted)
        # A base as it is is unmodified; but an option that a whole sweep shares does not distinguish its variants.
        if (
            "backbone" in wanted
            and wanted.items() - {("activation", wanted.get("activation"))}
            <= base_choices(other.variant.settings.get("base", DEFAULT_BASE)).items()
            and not _shares(row.variant, other.variant, options)
        ):
            continue
        differing = _differing(row.variant, other.variant, wanted, made)
        if any(_ties(key, row.variant) or _ties(key, other.variant) for key in differing):
            continue
        shared = len({run.block for run in row.variant.finished} & {run.block for run in other.variant.finished})
        apart = _folder(row.variant) != _folder(other.variant)
        ranked.append(((len(differing), len(options), int(other is not row), int(apart), -shared), other))
    ranked.sort(key=lambda one: one[0])
    if not ranked or ranked[0][1] is row:
        return ranked[0][1] if ranked else None
    # Several are equally near but differ: choosing one of them would be arbitrary.
    as_near = [other for rank, other in ranked if rank[:2] == ranked[0][0][:2]]
    return as_near[0] if all(one.variant.settings == as_near[0].variant.settings for one in as_near) else None


def _own_options(variant: Variant, wanted: Mapping[str, str]) -> list[str]:
    """Return the options that were set within the groups that a baseline names (`backbone.width`)."""
    overridden = {override.lstrip("+~").partition("=")[0] for run in variant.runs for override in run.overrides}
    return [k for k in overridden & set(variant.settings) if "." in k and k.split(".")[0] in wanted and k not in wanted]


def _shares(variant: Variant, other: Variant, options: Sequence[str]) -> bool:
    return all(variant.settings.get(key) == other.settings[key] for key in options)


def _differing(variant: Variant, other: Variant, wanted: Mapping[str, str], made: Variants) -> list[str]:
    """Return the varied settings, outside the groups that the baseline names, in which two variants differ."""
    return [
        key
        for key in made.varied
        if key not in wanted
        and key.split(".")[0] not in wanted
        and variant.settings.get(key) != other.settings.get(key)
    ]


def _ties(key: str, variant: Variant) -> bool:
    """Return whether results are comparable only if they agree in a setting: a config group, or the data."""
    return key.split(".", maxsplit=1)[0] == "dataset" or any(key in run.choices for run in variant.runs)


def _compared(row: Row, reference: Row, wanted: Mapping[str, str], made: Variants, metric: str) -> Row:
    own, other = row.variant, reference.variant
    ours, theirs = row.statistics.get(metric), reference.statistics[metric]
    costs = {name: relative(own.cost(name), other.cost(name)) for name in COSTS}
    return replace(
        row,
        reference=other.label,
        difference=paired(ours.values, theirs.values) if ours else None,
        relative={name: value for name, value in costs.items() if value is not None},
        confounds=tuple(
            f"{key} ({own.settings.get(key, 'unset')}, not {other.settings.get(key, 'unset')})"
            for key in _differing(own, other, wanted, made)
        ),
    )


def _folder(variant: Variant) -> str:
    return str(variant.runs[0].path.parent)
