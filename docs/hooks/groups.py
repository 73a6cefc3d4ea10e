"""The page of the config groups, from the YAML files in `conf/` and the signatures and docstrings of what they name."""

import ast
from collections.abc import Iterator, Mapping

from documents import CONF, Document, Key, anchor, cell, read, schema_types, sentence, table, type_text
from pydantic import BaseModel, TypeAdapter

from yolograft.common.parts import MODEL_GROUPS
from yolograft.config.defaults import base_choices
from yolograft.config.schema import Augment, DatasetOptions, Optim, Progressive, Scale, Trainer
from yolograft.config.signature import options, source_file
from yolograft.sweep.executors.settings import EXECUTORS
from yolograft.sweep.search_space import Search
from yolograft.tracking.loggers import LOGGERS

GROUPS = {
    "base": "A family of detectors: the option of each other group of the model. See [bases](bases.md).",
    "backbone": "Maps an image to feature maps: P3, P4 and P5, or the `levels` that are asked for.",
    "context": "Transforms the last level, P5 as a rule, before the neck.",
    "neck": "Fuses the levels.",
    "head": "Predicts boxes and classes from the neck's maps.",
    "attention": "Weighs maps between the parts. Each takes `attention.at`, too; see [the guide](../how-to/parts.md).",
    "scale": "Depth and width of the model.",
    "base/scale": "Where the scales of a base are not YOLO11's; chosen by `base` and `scale` together.",
    "loss": "The training loss. Options differ in the box term.",
    "dataset": "What to train and validate on. Every data set also takes the [common options](#dataset-common).",
    "augment": "Augmentation, with ultralytics' names.",
    "optim": "Optimizer and learning-rate schedule, with ultralytics' names.",
    "trainer": "How the computation is done.",
    "progressive": "Progressive learning: image size and augmentation grow in stages.",
    "callbacks": "Lightning callbacks by name and `_target_`.",
    "logger": "Where metrics go beside `metrics.csv`. See [loggers](../how-to/loggers.md).",
    "hydra/launcher": "Where the runs of a sweep are executed. See [parallel runs](../how-to/parallel.md).",
    "hydra/sweeper": "Which runs a sweep has. See [search](../how-to/search.md).",
}
"""The groups in the order of the page, each with what it chooses."""


MODELS: Mapping[str, type[BaseModel]] = {
    "scale": Scale,
    "base/scale": Scale,
    "augment": Augment,
    "optim": Optim,
    "trainer": Trainer,
    "progressive/default": Progressive,
    **{f"logger/{name}": logger.Settings for name, logger in LOGGERS.items()},
    **{f"hydra/launcher/{name}": executor.settings for name, executor in EXECUTORS.items()},
    "hydra/sweeper/optuna": Search,
}
"""The schema of a group, or of one of its options; parts and data sets are described by their signatures."""


def groups_page() -> str:
    """Return the page of the config groups: every option with its keys."""
    lines = [
        "# Config groups",
        "",
        "A group is a folder of `conf/`, an option a file in it: `backbone=effv1` takes `conf/backbone/effv1.yaml`,",
        "`backbone.variant=b2` changes one of its keys. This page is generated from these files and the signatures of",
        "the classes and functions that they name.",
        "",
        "| group | options |",
        "|---|---|",
    ]
    purposes = all_groups()
    found = {group: options_of(group) for group in purposes}
    lines += [f"| [`{g}`](#{anchor(g)}) | {', '.join(f'`{name}`' for name in found[g])} |" for g in purposes]
    lines.append("")
    for group, purpose in purposes.items():
        lines += [f"## `{group}` {{ #{anchor(group)} }}", "", purpose, "", *group_section(group, found[group])]
        if group == "dataset":
            lines += common_options()
    return "\n".join(lines) + "\n"


def group_section(group: str, found: Mapping[str, Document]) -> Iterator[str]:
    """Yield a group's options: as one table where all have the same keys, else one after the other."""
    names = {tuple(key.name for key in document.keys) for document in found.values()}
    if len(found) > 1 and len(names) == 1 and names != {()} and group in ("scale", "base/scale", "augment"):
        yield from matrix(group, found)
        return
    if group == "base":
        yield from bases(found)
        return
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, document in found.items():
        if "defaults" in document.content:
            continue
        keys = tuple(key.name for key in document.keys)
        kind = str(document.content.get("_target_") or "") if group == "dataset" else name
        alike.setdefault((kind, keys), []).append(name)
    for members in alike.values():
        first = found[members[0]]
        heading = "Public data sets" if len(members) > 3 else ", ".join(f"`{name}`" for name in members)
        yield f"### {heading} {{ #{anchor(f'{group}-{members[0]}')} }}"
        yield ""
        if len(members) > 1:
            yield from ("| option | |", "|---|---|")
            yield from (f"| `{name}` | {cell(found[name].header)} |" for name in members)
            yield ""
        else:
            target = str(first.content.get("_target_") or "")
            for text in (sentence(first.header), described(target)):
                if text:
                    yield from (text, "")
        yield from table(first.keys, types_of(group, members[0], first), several=len(members) > 1)
    yield from derived(group, found)


def bases(found: Mapping[str, Document]) -> Iterator[str]:
    """Yield the table of the options that each base is made of."""
    yield f"| base | {' | '.join(MODEL_GROUPS)} | |"
    yield f"|---|{'---|' * len(MODEL_GROUPS)}---|"
    for name, document in found.items():
        chosen = base_choices(name)
        cells = " | ".join(f"[`{chosen[group]}`](#{anchor(f'{group}-{chosen[group]}')})" for group in MODEL_GROUPS)
        yield f"| `{name}` | {cells} | {cell(document.header)} |"
    yield ""


def derived(group: str, found: Mapping[str, Document]) -> Iterator[str]:
    """Yield one table of the options that are another one with a few keys changed."""
    changed = {name: document for name, document in found.items() if "defaults" in document.content}
    if not changed:
        return
    base = next(iter(changed.values())).content["defaults"][0]
    names = list(dict.fromkeys(key.name for document in changed.values() for key in document.keys))
    yield f"### The other options {{ #{group}-others }}"
    yield from ("", f"As `{base}`, with other values of these keys (–: the same):", "")
    yield f"| option | {' | '.join(f'`{name}`' for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for option, document in changed.items():
        values = {key.name: f"`{key.value}`" for key in document.keys}
        yield f"| `{option}` | {' | '.join(values.get(name, '–') for name in names)} |"
    yield ""


def matrix(group: str, found: Mapping[str, Document]) -> Iterator[str]:
    """Yield one table of a group whose options have the same keys."""
    types = schema_types(MODELS[group])
    base = next(iter(found.values()))
    yield f"| key | type | {' | '.join(f'`{name}`' for name in found)} | |"
    yield f"|---|---|{'---|' * len(found)}---|"
    for number, key in enumerate(base.keys):
        values = " | ".join(f"`{document.keys[number].value}`" for document in found.values())
        yield f"| `{key.name}` | {cell(types.get(key.name, ''))} | {values} | {cell(key.comment)} |"
    yield ""


def common_options() -> list[str]:
    """Return the section on what every data set takes."""
    keys = [
        Key(key.name.removeprefix("dataset."), key.value, key.comment)
        for key in read(CONF / "train.yaml").keys
        if key.name.startswith("dataset.")
    ]
    heading = ["### What every data set takes { #dataset-common }", ""]
    return [*heading, *table(keys, schema_types(DatasetOptions))]


def all_groups() -> dict[str, str]:
    """Return every group, those that `GROUPS` does not know last."""
    others = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and folder.name != "hydra")
    return {**GROUPS, **{group: "" for group in others if group not in GROUPS}}


def options_of(group: str) -> dict[str, Document]:
    """Return a group's options by name; the default comes first."""
    defaults = {
        "scale": ["n", "s", "m", "l", "x"],
        "base": ["yolo11"],
        "optim": ["auto"],
        "dataset": ["shapes", "auto"],
        "context": ["sppf_c2psa"],
        "attention": ["none"],
        "backbone": ["yolo11"],
        "logger": ["csv"],
    }
    first = defaults.get(group, [])
    names = sorted(file.stem for file in (CONF / group).glob("*.yaml"))
    names = [*(name for name in first if name in names), *(name for name in names if name not in first)]
    return {name: read(CONF / group / f"{name}.yaml") for name in names}


def types_of(group: str, name: str, document: Document) -> dict[str, str]:
    """Return the types of an option's keys, from the schema or from the signature of what it names."""
    if model := MODELS.get(f"{group}/{name}") or MODELS.get(group):
        return schema_types(model)
    target = str(document.content.get("_target_") or "")
    if target.startswith("yolograft."):
        return {key: type_text(TypeAdapter(type_).json_schema()) for key, (type_, _) in options(target).items()}
    return {}


def described(target: str) -> str:
    """Return the first paragraph of the docstring of what a `_target_` names."""
    module, _, name = target.rpartition(".")
    file = source_file(module) if module.startswith("yolograft.") else None
    if file is None:
        return ""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    return ""
