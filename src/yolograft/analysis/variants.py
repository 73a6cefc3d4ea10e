"""Runs grouped into variants by the settings in which they differ."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from statistics import fmean

from yolograft.analysis.collect import Run
from yolograft.common.metrics import BUILT, COSTS, METRICS
from yolograft.common.parts import ATTENTION, PARTS
from yolograft.common.text import plain
from yolograft.config.defaults import base_choices
from yolograft.runs.identity import shapes_result

GROUPS = ("base", *PARTS, ATTENTION, "activation", "scale", "loss", "dataset")
"""The order in which groups are named; others follow by name."""

SETTINGS = "settings"
"""The column that takes up what would otherwise be too many columns."""

_NAMING = ("variant", "model", "path")
"""Options that are shown with their group: `effv1-b0`."""

_ASIDE = ("seed", "dataset.fold", "experiments")
"""Keys that a variant's runs may differ in."""

_WELL_KNOWN = ("optim", "augment")
"""Groups whose options need no group beside them: no two have one of the same name."""

_MOST_OPTIONS = 3
_MOST_LABELLED = 4
_LONGEST = 40


@dataclass(frozen=True)
class Variant:
    """Runs that differ in nothing but their seed and fold.

    Attributes:
        label: What it is called among the others, such as `effv1-b0 + gsconv`.
        choices: What stands in each column of `Variants.groups`; empty text where it has no such setting.
        settings: All that is known of its settings, by dotted key.
        runs: Its runs, ordered by seed and fold, whatever became of them.
        folder: The folder that distinguishes it, where its settings do not.
    """

    label: str
    choices: Mapping[str, str]
    settings: Mapping[str, str] = field(repr=False)
    runs: tuple[Run, ...] = field(repr=False)
    folder: str = ""

    @property
    def finished(self) -> tuple[Run, ...]:
        """The runs whose numbers may be compared."""
        return tuple(run for run in self.runs if run.finished)

    @property
    def status(self) -> str:
        """What became of its runs, such as `2 finished, 1 failed`."""
        if len(self.runs) == 1:
            return self.runs[0].progress
        counts = Counter(run.status for run in self.runs)
        if set(counts) == {"finished"}:
            return "finished"
        return ", ".join(f"{count} {status}" for status, count in sorted(counts.items(), key=_status_order))

    @property
    def parts(self) -> Mapping[str, int]:
        """Number of parameters by part."""
        return next((run.parts for run in self.runs if run.parts), {})

    @property
    def costs(self) -> dict[str, float | None]:
        """What it costs, by the keys of `COSTS`."""
        return {key: self.cost(key) for key in COSTS}

    @property
    def exports(self) -> dict[str, dict[str, float | str]]:
        """What its finished runs were exported to, by label: `status`, and the means of `size` and metrics."""
        labels = dict.fromkeys(label for run in self.finished for label in run.exports)
        return {label: self._exported(label) for label in labels}

    def _exported(self, label: str) -> dict[str, float | str]:
        found = [run.exports[label] for run in self.finished if label in run.exports]
        counts = Counter(str(one["status"]) for one in found)
        told = counts if len(counts) == 1 else (f"{count} {status}" for status, count in sorted(counts.items()))
        known = {key: [one[key] for one in found if key in one] for key in ("size", *METRICS)}
        return {"status": ", ".join(told), **{key: fmean(values) for key, values in known.items() if values}}

    def cost(self, key: str) -> float | None:
        """Return what it costs: what its runs have in common, or the mean over its finished runs.

        Over all runs where none has finished; None where none of them has it.

        Args:
            key: One of `COSTS`.
        """
        known = [value for run in self.finished or self.runs if (value := run.costs.get(key)) is not None]
        if key in BUILT:  # the same for every seed, hence known from a run that has failed, too
            return next((value for run in self.runs if (value := run.costs.get(key)) is not None), None)
        return fmean(known) if known else None


@dataclass(frozen=True)
class Variants:
    """The variants of a comparison.

    Attributes:
        groups: What varies, in the order of the columns: config groups (`backbone` includes its variant), then single
            settings under the shortest name that is theirs alone; `settings` where those would be too many.
        keys: The settings behind each column, by dotted key.
        all: The variants, in the order in which their runs come.
        marks: Where settings are too long for a column: what each mark in it stands for, `{"#1": "lr0=0.01, …"}`.
    """

    groups: tuple[str, ...]
    keys: Mapping[str, tuple[str, ...]]
    all: tuple[Variant, ...]
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def varied(self) -> tuple[str, ...]:
        """Every setting that varies, by dotted key."""
        return tuple(dict.fromkeys(key for keys in self.keys.values() for key in keys))


def variants(runs: Sequence[Run]) -> Variants:
    """Group runs into variants by the settings that differ between them.

    Runs of one variant and seed that both finished (in two sweeps, for example) are distinguished by their folders. A
    run without known settings is a variant by itself, under its own name.
    """
    known = [settings(run) for run in runs]
    described = [one for one in known if one]
    choices = {group for run in runs for group in run.choices}
    keys = {key for one in described for key in one}
    varied = _order(key for key in keys if _varies(key, described, choices))
    shown = list(dict.fromkeys(_group(key, choices) if _names_group(key, choices) else key for key in varied))
    # An option alone (`width=0.5`) says little: name its part with it.
    parts = {key.split(".")[0] for key in varied} & set(GROUPS) & choices
    shown = _order({*shown, *parts}) or [group for group in ("backbone", "neck") if group in choices]
    grouped: dict[str, list[str]] = {}
    for key in varied:
        grouped.setdefault(_group(key, choices), []).append(key)
    naming = {group: tuple(key for key in grouped.get(group, ()) if key != group) for group in shown}
    columns, marks = _columns(shown, naming, known, choices)

    split: dict[tuple[object, ...], list[int]] = {}
    for place, (run, one) in enumerate(zip(runs, known, strict=True)):
        identity = tuple(one.get(key) for key in dict.fromkeys([*varied, *shown])) if one else (run.path,)
        split.setdefault(identity, []).append(place)
    made = []
    for places in split.values():
        one = known[places[0]]
        cells = {heading: values[places[0]] for heading, values in columns.items()}
        label = _label(cells, columns) if one else ""
        for folder, members in _folders([runs[place] for place in places]):
            folder, name = plain(folder), label or members[0].name
            made.append(Variant(name + (f" ({folder})" if folder else ""), cells, one, tuple(members), folder))
    headings = dict(zip(columns, [*_column_keys(columns, shown, naming, choices)], strict=True))
    return Variants(tuple(columns), headings, tuple(_with_unique_labels(made)), marks)


def settings(run: Run) -> dict[str, str]:
    """Return the settings that define a run's variant: choices and config, or overrides where there is no config."""
    kept = {group: value for group, value in run.choices.items() if _counts(group)}
    if run.config:
        return kept | {key: value for key, value in run.config.items() if _counts(key)}
    for override in run.overrides:
        key, equals, value = override.lstrip("+~").partition("=")
        if equals and key not in run.choices and _counts(key):
            kept[key] = value
    return kept


def _counts(key: str) -> bool:
    return shapes_result(key) and key not in _ASIDE and not key.endswith("_target_")


def _order(keys: Iterable[str]) -> list[str]:
    """Return keys in the order of the model, then the rest by name."""
    rank = {group: place for place, group in enumerate(GROUPS)}
    return sorted(keys, key=lambda key: ("." in key, rank.get(key.split(".")[0], len(rank)), key))


def _varies(key: str, described: Sequence[Mapping[str, str]], choices: set[str]) -> bool:
    """Return whether a setting differs by itself, not only because its group does."""
    if key in choices:  # a record that leaves out a group does not make the group vary
        return len({_beside_its_base(key, one) for one in described if key in one}) > 1
    values: dict[str | None, set[str | None]] = {}
    for one in described:
        values.setdefault(_chosen(key, one), set()).add(one.get(key))
    return any(len(found) > 1 for found in values.values())


def _chosen(key: str, one: Mapping[str, str]) -> str | None:
    """Return what is chosen in the group of an option; None for a setting that belongs to no group."""
    group, dot, _ = key.partition(".")
    if group == "scale" and dot:  # each base has its own scales
        return f"{one.get('base')} {one.get(group)}"
    return one.get(group) if dot else None


def _beside_its_base(group: str, one: Mapping[str, str]) -> str | None:
    """Return what is chosen in a group; None for what comes with the base, which has a column of its own."""
    return None if group != "base" and base_choices(one.get("base", "")).get(group) == one[group] else one[group]


def _names_group(key: str, choices: set[str]) -> bool:
    return _group(key, choices) != key or key in choices


def _group(key: str, choices: set[str]) -> str:
    """Return the group in whose column a setting is shown; the key itself where it has its own column."""
    group, _, option = key.partition(".")
    return group if group in choices and option in _NAMING else key


def _columns(
    shown: Sequence[str], naming: Mapping[str, Sequence[str]], known: Sequence[Mapping[str, str]], choices: set[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the cells of each column by run, and the meanings of the marks."""
    columns = {group: _group_cells(group, naming[group], known) for group in shown if group in choices}
    options = _short_names([key for key in shown if key not in choices])
    if len(options) <= _MOST_OPTIONS:
        return columns | {name: [_plain(one.get(key)) for one in known] for name, key in options.items()}, {}
    texts = _unusual(options, known)
    if all(len(text) <= _LONGEST for text in texts):
        return columns | {SETTINGS: texts}, {}
    marks = {text: f"#{number}" for number, text in enumerate(dict.fromkeys(filter(None, texts)), start=1)}
    return columns | {SETTINGS: [marks.get(text, "") for text in texts]}, {mark: text for text, mark in marks.items()}


def _unusual(options: Mapping[str, str], known: Sequence[Mapping[str, str]]) -> list[str]:
    """Return, for each run, the settings that differ from most runs: `lr0=0.01, nbs=4`."""
    # What is usual for a choice of its group: that another choice comes with another value is no news.
    counts: dict[tuple[str, str | None], Counter[str | None]] = {}
    for key in options.values():
        for one in known:
            counts.setdefault((key, _chosen(key, one)), Counter())[one.get(key)] += 1

    def unusual(name: str, key: str, one: Mapping[str, str]) -> str:
        usual = counts[key, _chosen(key, one)].most_common(1)[0][0]
        if one.get(key) == usual:
            return ""
        return f"{name}={one[key]}" if key in one else f"{name} unset"

    texts = []
    for one in known:
        pieces = [piece for name, key in options.items() if (piece := unusual(name, key, one))]
        unset = [piece for piece in pieces if piece.endswith(" unset")]
        if len(unset) > _MOST_OPTIONS:  # a run of which only the choices and overrides are known
            pieces = [piece for piece in pieces if piece not in unset] + [f"{len(unset)} settings unknown"]
        texts.append(", ".join(pieces))
    return texts


def _column_keys(
    columns: Mapping[str, object], shown: Sequence[str], naming: Mapping[str, Sequence[str]], choices: set[str]
) -> Iterable[tuple[str, ...]]:
    """Return the settings behind each column."""
    names = _short_names([key for key in shown if key not in choices])
    for column in columns:
        if column == SETTINGS and column not in names:
            yield tuple(names.values())
        else:
            yield (column, *naming[column]) if column in choices else (names[column],)


def _group_cells(group: str, naming: Sequence[str], known: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the cells of a group: its value with the options that name it, `effv1-b0`, `yolo-bccd`."""
    tails = {key: _tails({one[key] for one in known if one.get(key) not in (None, "None")}) for key in naming}
    return [
        "-".join([one[group], *(tails[key][one[key]] for key in naming if one.get(key) in tails[key])])
        if group in one
        else ""
        for one in known
    ]


def _tails(paths: set[str]) -> dict[str, str]:
    """Return the shortest end of each path that no other one has: `bccd` of `/data/bccd/data.yaml`."""
    parts = {}
    for path in paths:
        pure = PurePosixPath(path.replace("\\", "/"))
        parts[path] = (pure.parent if pure.name in ("data.yaml", "dataset.yaml") else pure).parts or (path,)
    tails = {}
    for path, own in parts.items():
        others = [other for one, other in parts.items() if one != path]
        lengths = (n for n in range(1, len(own) + 1) if all(other[-n:] != own[-n:] for other in others))
        tails[path] = "/".join(own[-next(lengths, len(own)) :]).replace("//", "/")
    return tails


def _short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return keys by the heading of their column: `lr0` is well known, but `backbone.width` needs its group."""
    last = {key: key.rsplit(".", 1)[-1] for key in keys}
    return {last[k] if k.split(".")[0] in _WELL_KNOWN and last[k] not in GROUPS else k: k for k in keys}


def _plain(value: str | None) -> str:
    return "" if value in (None, "None") else str(value)


def _label(cells: Mapping[str, str], columns: Mapping[str, Sequence[str]]) -> str:
    """Return a label: groups as their value, other settings as `key=value`; of many columns only unusual values."""
    pieces = []
    for heading, value in cells.items():
        usual = Counter(columns[heading]).most_common(1)[0][0]
        if not value or (len(columns) > _MOST_LABELLED and value == usual and heading not in ("backbone", "neck")):
            continue
        plain = heading == SETTINGS or (heading in GROUPS and value != "none")
        pieces.append(value if plain else f"{heading}={value}")
    if pieces:
        return " + ".join(pieces)
    return "usual settings" if SETTINGS in cells else f"without {' and '.join(cells)}" if cells else ""


def _folders(runs: Sequence[Run]) -> Iterable[tuple[str, list[Run]]]:
    """Return one variant's runs; where several of one seed have finished, by sweep folder, or each separately."""
    runs = sorted(runs, key=lambda run: ([-1 if part is None else part for part in run.block], str(run.path)))
    if not _repeated(runs):
        return [("", list(runs))]
    sweeps: dict[str, list[Run]] = {}
    for run in runs:
        sweeps.setdefault(run.sweep, []).append(run)
    if any(_repeated(members) for members in sweeps.values()):
        return [(f"{run.sweep}/{run.path.name}", [run]) for run in runs]
    return sweeps.items()


def _with_unique_labels(made: Sequence[Variant]) -> Iterable[Variant]:
    """Return the variants; several with the same label get their folders added."""
    labels = Counter(variant.label for variant in made)
    for variant in made:
        run = variant.runs[0]
        folder = plain(f"{run.sweep}/{run.path.name}")
        alone = labels[variant.label] == 1
        yield variant if alone else replace(variant, label=f"{variant.label} ({folder})", folder=folder)


def _repeated(runs: Sequence[Run]) -> bool:
    return max(Counter(run.block for run in runs if run.finished).values(), default=0) > 1


def _status_order(item: tuple[str, int]) -> tuple[int, str]:
    known = ("finished", "running", "stopped", "failed")
    return known.index(item[0]) if item[0] in known else len(known), item[0]
