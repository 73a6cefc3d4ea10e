"""Pages that are made when the site is built, so that they cannot differ from the code.

`reference/commands.md` and `reference/groups.md` are written from the schema (`yolograft.config.schema`), the YAML
files in `conf/` with their comments, and the signatures and docstrings of the parts they name. `project/` and
`explanation/security.md` show the files at the top of the checkout.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel, TypeAdapter

from yolograft.cli.commands import COMMANDS
from yolograft.common.metrics import BY_KEY, METRICS, RECORDED_COSTS
from yolograft.common.parts import MODEL_GROUPS
from yolograft.config.comments import file_header, file_keys
from yolograft.config.defaults import base_choices
from yolograft.config.schema import (
    Augment,
    DatasetOptions,
    Optim,
    Progressive,
    Scale,
    Trainer,
)
from yolograft.config.signature import options, source_file
from yolograft.runs.record import FORMAT, RUN_FILE, RunError, RunRecord
from yolograft.sweep.executors.settings import EXECUTORS
from yolograft.sweep.search_space import Search
from yolograft.tracking.loggers import LOGGERS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"

GROUPS = {
    "base": "A family of detectors: the option of each other group of the model. See [bases](bases.md).",
    "backbone": "Maps an image to the feature maps P3, P4 and P5.",
    "context": "Transforms P5 before the neck.",
    "neck": "Fuses P3, P4 and P5.",
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

COPIED = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "explanation/security.md",
}


@dataclass(frozen=True)
class Key:
    """A key of a YAML file.

    Attributes:
        name: Dotted, without the group.
        value: As it is written.
        comment: What stands beside it.
    """

    name: str
    value: str
    comment: str


@dataclass(frozen=True)
class Document:
    """A YAML file under `conf/`.

    Attributes:
        header: The comment above its first key.
        keys: Its keys, without `defaults`, `hydra` and `_target_`.
        content: The same as Python has it, with all of them.
    """

    header: str
    keys: list[Key]
    content: dict[str, Any]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/groups.md": groups_page(),
        "reference/record.md": record_page(),
    }
    pages |= {page: copied(ROOT / name, page) for name, page in COPIED.items()}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    for picture in (ROOT / "experiments/results/bccd/figures").glob("*.png"):
        files.append(File.generated(config, f"results/bccd/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Add the package's public names to their page, and to the page of benchmarks the records it does not mention."""
    if page.file.src_uri == "reference/python.md":
        listed = "\n\n".join(f"::: yolograft.{name}" for name in public_names())
        return markdown.replace("<!-- public names -->", f"## Public names\n\n{listed}" if listed else "")
    if page.file.src_uri != "results/benchmarks.md":
        return markdown
    for file in sorted((ROOT / "benchmarks/results").glob("*.txt")):
        if file.name not in markdown:
            title = file.stem.replace("_", " ")
            markdown += f"\n## {title[0].upper()}{title[1:]}\n\n```\n{file.read_text(encoding='utf-8').rstrip()}\n```\n"
    return markdown


def public_names() -> list[str]:
    """Return what `yolograft.__all__` lists, without names such as `__version__`."""
    tree = ast.parse((ROOT / "src/yolograft/__init__.py").read_text(encoding="utf-8"))
    lists = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    return [name for names in lists for name in ast.literal_eval(names) if not name.startswith("_")]


def commands_page() -> str:
    """Return the page of the commands: their keys with type, default and comment."""
    lines = [
        "# Commands",
        "",
        "`yolograft COMMAND [GROUP=OPTION …] [KEY=VALUE …]`; `yolograft COMMAND --help` prints the same in a terminal.",
        "This page is generated from the schema and the comments in `conf/`.",
        "",
        "| command | |",
        "|---|---|",
        *(f"| [`{name}`](#{name}) | {command.summary} |" for name, command in COMMANDS.items()),
        "",
    ]
    for name, command in COMMANDS.items():
        document = read(CONF / f"{name}.yaml")
        groups = [f"[`{g}`](groups.md#{anchor(g)})" for g in used_groups(name)]
        lines += [f"## `{name}` {{ #{name} }}", "", f"{command.summary[0].upper()}{command.summary[1:]}.", ""]
        if groups:
            lines += [f"Groups: {', '.join(groups)}.", ""]
        keys = [*document.keys]
        if "model" in document.content.get("defaults", []):
            keys += [key for key in read(CONF / "model.yaml").keys if "." not in key.name]
        lines += table(keys, schema_types(command.load_schema()))
    return "\n".join(lines) + "\n"


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
    yield from ("", f"As `{base}`, with other values of these keys:", "")
    yield f"| option | {' | '.join(f'`{name}`' for name in names)} |"
    yield f"|---|{'---|' * len(names)}"
    for option, document in changed.items():
        values = {key.name: f"`{key.value}`" for key in document.keys}
        yield f"| `{option}` | {' | '.join(values.get(name, '') for name in names)} |"
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


def record_page() -> str:
    """Return the page of run.json: its keys with what the attributes of `RunRecord` are documented as."""
    empty = RunRecord().to_json()
    lines = [
        f"# {RUN_FILE}",
        "",
        "The record of a run: written when it starts, and replaced atomically while it runs. Keys that are unknown are",
        "`null`. This page is generated from the docstring of `yolograft.runs.record.RunRecord`; the format described",
        f"is version {FORMAT}.",
        "",
        "| key | |",
        "|---|---|",
    ]
    said = attributes(RunRecord) | {"finished": attributes(RunRecord)["ended"].replace(" (`finished` in run.json)", "")}
    for key in empty:
        if key in RECORDED_COSTS:
            measure = BY_KEY[key]
            said[key] = f"Cost of the run: {measure.title}."
        lines.append(f"| `{key}` | {cell(said[key])} |")
    lines += ["", "`error` has", "", "| key | |", "|---|---|"]
    lines += [f"| `{key}` | {cell(text)} |" for key, text in attributes(RunError).items()]
    lines += [
        "",
        f"`metrics` has {', '.join(f'`{key}`' for key in METRICS)}, and in `per_class` the same by class name.",
        "",
    ]
    return "\n".join(lines)


def attributes(described: type) -> dict[str, str]:
    """Return what a class's docstring says of each attribute."""
    text = inspect.getdoc(described) or ""
    _, _, section = text.partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


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


def used_groups(command: str) -> list[str]:
    """Return the groups that a command's schema has."""
    fields = COMMANDS[command].load_schema().model_fields
    found = [group for group in all_groups() if group in fields or (group == "base" and "backbone" in fields)]
    return [*found, "hydra/launcher", "hydra/sweeper"] if command == "train" else found


def types_of(group: str, name: str, document: Document) -> dict[str, str]:
    """Return the types of an option's keys, from the schema or from the signature of what it names."""
    if model := MODELS.get(f"{group}/{name}") or MODELS.get(group):
        return schema_types(model)
    target = str(document.content.get("_target_") or "")
    if target.startswith("yolograft."):
        return {key: type_text(TypeAdapter(type_).json_schema()) for key, (type_, _) in options(target).items()}
    return {}


def schema_types(model: type[BaseModel]) -> dict[str, str]:
    """Return the type of each key of a model, as a person reads it; nested models by dotted keys."""
    document = model.model_json_schema()
    found: dict[str, str] = {}
    for name, schema in document.get("properties", {}).items():
        found[name] = type_text(schema)
        if name == "dataset":
            found |= {f"dataset.{key}": type_ for key, type_ in schema_types(DatasetOptions).items()}
    return found


def type_text(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema as words: `integer ≥ 1`, `strict, warn or off`."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_text(option) for option in schema["anyOf"] if option))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    names = {"object": "mapping", "string": "text", "boolean": "true, false", "null": "null"}
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    limits = [f"≥ {low}" if low is not None else f"> {above}" if above is not None else ""]
    limits.append(f"≤ {high}" if high is not None else f"< {below}" if below is not None else "")
    return " ".join([names.get(kind, kind), ", ".join(limit for limit in limits if limit)]).strip()


def read(file: Path) -> Document:
    """Read a YAML file with its comments."""
    text = file.read_text(encoding="utf-8")
    content = yaml.safe_load(text) or {}
    keys = [
        Key(key.key, written(value), key.comment)
        for key in file_keys(text)
        if key.key.partition(".")[0] not in ("hydra", "_target_", "kind")
        and (not isinstance(value := value_of(content, key.key), dict) or not value)
    ]
    if text.startswith("# @package _global_"):  # it sets keys of the whole config: what it says of them describes it
        return Document(file_header(text) or keys[0].comment, [], content)
    return Document(file_header(text), keys, content)


def value_of(content: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key."""
    value: Any = content
    for name in key.split("."):
        value = value[name]
    return value


def written(value: Any) -> str:
    """Return a value as it is written on a command line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.strip().removesuffix("\n...").strip()


def table(keys: list[Key], types: Mapping[str, str], *, several: bool = False) -> list[str]:
    """Return the lines of a table of keys.

    Args:
        keys: The keys.
        types: Their types.
        several: The options beside the first have other values of the keys without a comment: leave the default out.
    """
    if not keys:
        return []
    lines = ["| key | type | default | |", "|---|---|---|---|"]
    for key in keys:
        value = "" if several and key.name == "name" else "required" if key.value == "???" else f"`{key.value}`"
        type_ = types.get(key.name, "")
        lines.append(f"| `{key.name}` | {cell(type_)} | {value} | {cell(key.comment)} |")
    return [*lines, ""]


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


def copied(file: Path, page: str) -> str:
    """Return a file at the top of the checkout as a page: its links into `docs/` lead to the pages."""
    up = "../" * page.count("/")
    text = file.read_text(encoding="utf-8")
    for name, other in COPIED.items():
        text = text.replace(f"]({name}", f"]({up}{other}")
    return re.sub(r"\]\(docs/", f"]({up}", text)


def anchor(name: str) -> str:
    """Return the fragment of a group or option."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def sentence(text: str) -> str:
    """Return a comment as a sentence."""
    return f"{text.rstrip('.')}." if text else ""


def cell(text: str) -> str:
    """Return text that stays within a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")
