"""`yolograft report`: compare the runs of one or more sweeps."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from yolograft.cli.command_line import CommandLine
from yolograft.common.errors import UserError
from yolograft.common.files import user_folder, user_path
from yolograft.common.metrics import METRIC, Metric
from yolograft.common.text import plain
from yolograft.config.schema import Place, Strict, Text
from yolograft.render.forms import FORMS, PAGE, PRINTED


class ReportConfig(Strict):
    """The config of `yolograft report`."""

    runs: Place | Annotated[list[Place], Field(min_length=1)]
    metric: Metric
    baseline: Text | None
    columns: str | list[str] | None
    sort: Text | None
    filter: Text | None
    format: Literal[PRINTED]  # type: ignore[valid-type]
    out: Text | None


def main(line: CommandLine) -> int:
    """Read the folders, print the comparison, and write its files: to `out`, or anew into the sweep's folder."""
    config = line.config
    from yolograft.analysis.collect import collect, is_sweep, not_begun
    from yolograft.analysis.comparison import compare
    from yolograft.analysis.latency import measured
    from yolograft.analysis.variants import variants
    from yolograft.render.table import check_words, table

    folders = [user_path(folder) for folder in _words(config["runs"])]
    metric, sort, condition = config["metric"], config["sort"], config["filter"]
    columns = _words(config["columns"])
    baseline = _settings(config["baseline"])
    runs = collect(folders)
    made = variants(runs)
    check_words(made.all, made.groups, metric, columns, sort, condition, measured(runs))
    out = _folder(config["out"])
    waiting = not_begun(folders, runs)
    comparison = compare(runs, metric, baseline, waiting)
    shown = table(comparison, columns, sort, condition)

    from yolograft.render.report import print_form, write

    print_form(shown, config["format"])
    files = []
    if out is not None:
        files = write(shown, out)
    elif len(folders) == 1 and is_sweep(folders[0], runs):
        # A sweep's own files always show all of it, as the sweep itself writes them.
        usual = metric == METRIC and baseline is None
        # Who wants a form on standard output does not wait for pictures.
        own = table(comparison if usual else compare(runs, waiting=waiting))
        files = write(own, folders[0], page=config["format"] == "table")
    elif config["format"] == "table":
        print("No files written, this is not one sweep's folder: out=FOLDER writes them.", file=sys.stderr)
    for file in files:
        print(plain(str(file)), file=sys.stderr)
    return 0


def _words(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _settings(text: str | None) -> dict[str, str] | None:
    """`backbone=effv1 neck=conv` as a mapping."""
    if text is None:
        return None
    wanted = {}
    for word in text.replace(",", " ").split():
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise UserError(f'baseline={text}: write groups with their values, baseline="backbone=yolo11 neck=conv"')
        wanted[key] = value
    if not wanted:
        raise UserError('baseline=: write groups with their values, baseline="backbone=yolo11 neck=conv"')
    return wanted


def _folder(name: str | None) -> Path | None:
    if name is None:
        return None
    folder = user_folder("out", name)
    if not (folder / "comparison.json").exists():
        for file in (PAGE, *(form.file for form in FORMS.values() if form.file)):
            if (folder / file).exists():
                raise UserError(f"out={name}: holds a {file} that no report has written; name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"out={name}: cannot be made a folder: {error.strerror or error}") from None
    return folder
