"""What tells the runs of a comparison apart, and which of them is the baseline of which."""

from collections.abc import Mapping, Sequence

from yolograft.config.identity import SWEEP_KEYS
from yolograft.report.collect import Run

STOCK = {"backbone": "yolo11", "context": "sppf_c2psa", "neck": "conv", "head": "detect", "loss": "ciou"}
"""Stock YOLO11, group by group: what a comparison is made against unless told otherwise."""

_GROUPS = ("backbone", "context", "neck", "head", "scale", "loss", "dataset")
"""The order in which a label names the groups; others follow by name."""

_NAMING = ("variant", "model")
"""Options that are told with their group: `effv1-b0`."""

_ASIDE = {"logger", "callbacks", "experiments", "seed", "name", "project", "device", "workers", *SWEEP_KEYS}
"""Keys that say where or how a run is done or shown, not which variant it is."""


def settings(run: Run) -> dict[str, str]:
    """The choices of a run, and the single values it overrode, that make it the variant it is."""
    kept = {group: value for group, value in run.choices.items() if _counts(group)}
    for override in run.overrides:
        key, equals, value = override.lstrip("+~").partition("=")
        if equals and key not in run.choices and _counts(key):
            kept[key] = value
    return kept


def labels(runs: Sequence[Run]) -> list[str]:
    """Names each run's variant by the settings that differ between the runs.

    Args:
        runs: The runs of one comparison.

    Returns:
        One label per run, such as `effv1-b0 + gsconv`; runs of one variant with several seeds share theirs.
        A run that says nothing of its choices is called by its own name.
    """
    known = [settings(run) for run in runs]
    varied = [key for key in _order({key for one in known for key in one}) if _varies(key, known)]
    # `backbone.variant` alone says little: name the backbone with it.
    groups = {key.split(".")[0] for key in varied} & set(_GROUPS)
    shown = _order({*varied, *groups}) or ["backbone", "neck"]
    names = [_label(one, shown) or run.name for one, run in zip(known, runs, strict=True)]
    # The same variant and seed twice (two sweeps' folders, say): only the folder tells them apart.
    marks = list(zip(names, (run.seed for run in runs), strict=True))
    return [
        f"{name} ({run.path.parent.name}/{run.path.name})" if marks.count(mark) > 1 else name
        for name, mark, run in zip(names, marks, runs, strict=True)
    ]


def baseline_runs(run: Run, runs: Sequence[Run], metric: str, baseline: Mapping[str, str] | None = None) -> list[Run]:
    """Finds the runs that one run is compared with.

    They have the baseline's values (stock YOLO11's by default) and otherwise the run's own: the same scale, data set
    and so on. A sweep that holds context, head or loss at another value than stock's is compared with `yolo11` +
    `conv` under that same value.

    Args:
        run: The run to compare.
        runs: All runs.
        metric: The metric they must have.
        baseline: Values by config group, such as `{"neck": "conv"}`; None for stock YOLO11.

    Returns:
        The finished baseline run with the same seed; all of the baseline's seeds where that one was not run; an empty
        list where there is no finished baseline. A baseline run is its own baseline.
    """
    finished = [other for other in runs if other.finished and metric in other.metrics]
    if baseline is not None:
        attempts = [dict(baseline)]
    else:
        attempts = [STOCK, {group: STOCK[group] for group in ("backbone", "neck")}]
    for wanted in attempts:
        matches = _matches(run, finished, wanted)
        if matches:
            return [other for other in matches if other.seed == run.seed] or matches
    return []


def _matches(run: Run, runs: Sequence[Run], wanted: Mapping[str, str]) -> list[Run]:
    """The runs with the wanted values that share all else with the run."""
    groups = {key.split(".")[0] for key in wanted}
    own = settings(run)

    def rest(one: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in one.items() if key.split(".")[0] not in groups}

    found: list[tuple[int, Run]] = []
    for other in runs:
        theirs = settings(other)
        if any(theirs.get(key) != value for key, value in wanted.items()) or rest(theirs) != rest(own):
            continue
        # An option within a wanted group (`backbone.width`) makes another variant, unless both runs have it.
        options = {key for key in theirs if "." in key and key.split(".")[0] in groups and key not in wanted}
        if all(own.get(key) == theirs[key] for key in options):
            found.append((len(options), other))
    fewest = min((count for count, _ in found), default=0)
    return [other for count, other in found if count == fewest]


def _counts(key: str) -> bool:
    return key.split(".")[0] not in _ASIDE | {"hydra"} and key not in ("trainer.plots", "trainer.threads")


def _order(keys: set[str]) -> list[str]:
    """Groups in the order of the model, each followed by its own options; then the rest by name."""
    rank = {group: place for place, group in enumerate(_GROUPS)}
    return sorted(keys, key=lambda key: (rank.get(key.split(".")[0], len(rank)), key))


def _varies(key: str, known: Sequence[Mapping[str, str]]) -> bool:
    told = [one for one in known if one]
    if "." not in key and key in _GROUPS:  # a record that leaves out a group does not make the group vary
        return len({one[key] for one in told if key in one}) > 1
    return len({one.get(key) for one in told}) > 1


def _label(own: Mapping[str, str], shown: Sequence[str]) -> str:
    """Groups as their value, with their `variant` or `model` attached; all else as `key=value`."""
    pieces = []
    for key in shown:
        group, _, option = key.partition(".")
        if key not in own or (option in _NAMING and group in own):
            continue
        if key in _GROUPS:
            options = (f"{key}.{option}" for option in _NAMING)
            pieces.append(
                "-".join([own[key], *(own[option] for option in options if option in own and option in shown)])
            )
        else:
            pieces.append(f"{key}={own[key]}")
    return " + ".join(pieces)
