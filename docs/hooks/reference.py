"""Pages that are made when the site is built, so that they cannot differ from the code.

`reference/commands.md`, `reference/groups.md` (see `groups.py`) and `reference/record.md` are written from the schema
(`yolograft.config.schema`), the YAML files in `conf/` with their comments, and docstrings. `project/` and
`explanation/security.md` show the files at the top of the checkout.
"""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

from documents import CONF, ROOT, anchor, cell, read, schema_types, table
from groups import all_groups, groups_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from yolograft.cli.commands import COMMANDS
from yolograft.common.metrics import BY_KEY, METRICS, RECORDED_COSTS
from yolograft.runs.record import FORMAT, RUN_FILE, RunError, RunRecord

COPIED = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "explanation/security.md",
}


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


def used_groups(command: str) -> list[str]:
    """Return the groups that a command's schema has."""
    fields = COMMANDS[command].load_schema().model_fields
    found = [group for group in all_groups() if group in fields or (group == "base" and "backbone" in fields)]
    return [*found, "hydra/launcher", "hydra/sweeper"] if command == "train" else found


def copied(file: Path, page: str) -> str:
    """Return a file at the top of the checkout as a page: its links into `docs/` lead to the pages."""
    up = "../" * page.count("/")
    text = file.read_text(encoding="utf-8")
    for name, other in COPIED.items():
        text = text.replace(f"]({name}", f"]({up}{other}")
    return re.sub(r"\]\(docs/", f"]({up}", text)
