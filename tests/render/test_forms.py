"""The forms: each reads back, holds every row, and says the cautions."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from helpers.made_runs import WriteRun, made_run
from yolograft.analysis.comparison import Comparison, compare, compare_folders
from yolograft.render.forms.csv import runs_to_csv, to_csv
from yolograft.render.forms.html import to_html
from yolograft.render.forms.json import to_json
from yolograft.render.forms.latex import to_latex
from yolograft.render.forms.markdown import to_markdown
from yolograft.render.forms.terminal import print_table
from yolograft.render.table import Table, table


def printed(comparison: Comparison, width: int, terminal: bool, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding)
    print_table(table(comparison), Console(file=out, width=width, force_terminal=terminal, color_system=None))
    out.flush()
    return raw.getvalue().decode(encoding).splitlines()


def test_markdown_has_as_many_cells_in_every_line_of_a_table(grid: Comparison) -> None:
    lines = to_markdown(table(grid)).splitlines()
    tables = [line for line in lines if line.startswith("|")]
    first = tables[: tables.index("| choice | effect | 95 % interval | runs |")]
    assert len(first) == 2 + 8
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in first} == {14}
    assert first[3].startswith("| yolo11 | conv | 0.500 | baseline | 0.700 | 0.800 | 0.600 | 2.582M | 6.3 |")
    assert first[2].startswith("| yolo11 | gsconv | **0.512** | +0.012 | **0.712** |")


def test_what_weights_have_filled_is_told_by_part(tmp_path: Path, write_run: WriteRun) -> None:
    """A stranger's record may hold anything there: what is no number of tensors is left out."""
    parts = {"neck": {"matched": 132, "resized": 0, "missing": 24}, "a|<b>": {"matched": -1, "missing": "x"}}
    write_run(tmp_path / "one", transfer={"weights": "a.pt", "share": 0.9, "parts": parts})
    for number, wrong in enumerate((5, [], {"parts": 7}, {"parts": {"neck": [1]}})):
        write_run(tmp_path / f"wrong{number}", "effv1", transfer=wrong, seed=number)
    shown = table(compare_folders(tmp_path))
    lines = to_markdown(shown).splitlines()
    start = lines.index("**Tensors that the weights to start from have filled**")
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines[start + 4 :] if line]
    told = [["neck", "", "", "|"], ["neck", "132", "0", "24 |"], ["a\\|&lt;b>", "", "", "|"]]
    assert [row[1:] for row in cells[:3]] == told
    page = to_html(shown, [], None).decode()
    assert "Tensors that its weights to start from have filled" in page
    assert re.search(r'<th scope="row">neck</th><td>132</td><td>0</td><td>24</td>', page)
    assert "<b>" not in page[page.index("Tensors that its weights") :]


def test_markdown_keeps_what_stands_in_names_from_being_markup() -> None:
    made = to_markdown(table(compare([made_run(0.5, "my|net_*x*"), made_run(0.4, "<b>#1`")])))
    assert r"my\|net\_\*x\*" in made
    assert r"&lt;b>\#1\`" in made


@pytest.mark.parametrize("form", [to_markdown, to_latex, to_json])
def test_every_form_says_the_cautions(grid: Comparison, form: Callable[[Table], str]) -> None:
    text = form(table(grid)).replace("\\_", "_").replace("\\", "")
    for caution in grid.cautions:
        assert caution.text.split(":")[0].split("'")[0] in text


def test_csv_reads_back(seeds: Comparison) -> None:
    records = list(csv.DictReader(io.StringIO(to_csv(table(seeds)))))
    assert [record["variant"] for record in records] == [row.variant.label for row in seeds.rows]
    first, stock = records[:2]
    assert float(first["mAP50-95"]) == pytest.approx(0.52)
    assert float(first["difference"]) == pytest.approx(0.02)
    assert (first["difference_told"], first["reference"], first["n"]) == ("True", "yolo11 + conv", "3")
    assert (stock["baseline"], stock["difference"], stock["params"]) == ("True", "", "2500000")
    assert float(first["seconds_change"]) == pytest.approx(-0.09)
    assert first["cautions"] == ""
    assert records[3]["cautions"].startswith("effv1 + gsconv: left out of the difference")
    assert None not in first


def test_csv_of_runs_has_every_run(seeds: Comparison) -> None:
    records = list(csv.DictReader(io.StringIO(runs_to_csv(table(seeds)))))
    assert len(records) == 12
    assert [record["status"] for record in records].count("failed") == 1
    stock = [record for record in records if record["variant"] == "yolo11 + conv"]
    assert [(record["seed"], float(record["mAP50-95"])) for record in stock] == [("0", 0.5), ("1", 0.51), ("2", 0.49)]


def test_json_is_one_strict_document(seeds: Comparison) -> None:
    document = json.loads(to_json(table(seeds)), parse_constant=pytest.fail)
    assert list(document) == ["metric", "groups", "rows", "effects", "cautions"]
    row = document["rows"][0]
    assert (row["variant"], row["choices"], row["n"]) == (
        "yolo11 + gsconv",
        {"backbone": "yolo11", "neck": "gsconv"},
        3,
    )
    assert row["difference"]["pairs"][0] == {"seed": 0, "fold": None, "value": pytest.approx(0.02)}
    assert [run["seed"] for run in row["runs"]] == [0, 1, 2]
    assert document["effects"]["main"][0]["levels"] == ["effv1"]
    assert [caution["kind"] for caution in document["cautions"]] == ["seeds", "run"]


def test_latex_is_bold_underlined_and_escaped() -> None:
    values = {"x_1": 0.5, "y#2": 0.6, "z & {~^\\}": 0.4, "dead_%": None}
    text = to_latex(table(compare([made_run(value, name, params=None) for name, value in values.items()])))
    body, below = text.split(r"\bottomrule")
    assert r"y\#2 & \textbf{0.600}" in body
    assert r"x\_1 & \underline{0.500}" in body
    assert r"z \& \{\textasciitilde{}\textasciicircum{}\textbackslash{}\} & 0.400" in body
    assert "dead" not in body
    assert r"dead\_\%\_conv\_0\_None failed" in below
    assert r"\usepackage{booktabs}" in text


def test_latex_has_as_many_cells_as_columns(seeds: Comparison) -> None:
    text = to_latex(table(seeds))
    spec = re.search(r"begin\{tabular\}\{([lr]+)\}", text)
    assert spec is not None
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 5
    assert {line.count(" & ") + 1 for line in body} == {len(spec[1])}
    assert r"\textbf{0.520} $\pm$ 0.011" in text
    assert "{[}$-$0." in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_whole_numbers_whatever_its_width(grid: Comparison, width: int) -> None:
    lines = printed(grid, width, terminal=True)
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    assert re.search(r"effv1 +conv .*0\.431 +-0\.069 .*finished", text)
    assert "too narrow for: backbone/context/neck/head" in text
    assert ("recall" in lines[0]) == (width == 120)
    assert "OutOfMemoryError" in text


@pytest.mark.parametrize("width", [70, 100, 160])
def test_runs_of_many_sweeps_together_stay_readable(width: int) -> None:
    """Six columns of what varies and a long name: in a narrow terminal the variant's name tells them apart."""
    runs = [made_run(0.5, seed=seed) for seed in range(4)]
    varied = {"context": "none", "scale": "s", "loss": "eiou", "dataset": "african-wildlife", "optim": "adamw"}
    runs += [made_run(0.4, "timm-mobilenetv4_conv_small", "gsconv", choices={g: value}) for g, value in varied.items()]
    lines = printed(compare(runs), width, terminal=True)
    assert max(len(line.rstrip()) for line in lines) <= width
    assert any(re.search(r"0\.500 ± 0\.000 +baseline", line) for line in lines)
    assert ("variant" in lines[0]) == (width < 160)


def test_a_terminal_too_narrow_for_a_few_long_names_gets_one_column_of_them() -> None:
    runs = [made_run(0.5), made_run(0.4, "timm-mobilenetv4_conv_small", choices={"dataset": "african-wildlife"})]
    runs += [made_run(0.3, choices={"optim": "a_long_name_of_mine"}), made_run(0.2, choices={"optim": "adamw"})]
    lines = printed(compare(runs), 70, terminal=True)
    assert lines[0].startswith("variant ")
    assert max(len(line.rstrip()) for line in lines) <= 70


def test_a_pipe_gets_all_columns_on_unbroken_lines(grid: Comparison) -> None:
    lines = printed(grid, 40, terminal=False)
    stock = r"yolo11 +conv +0\.500 +baseline +0\.700 +0\.800 +0\.600 +2\.582M "
    stock += r"+6\.3 +1m23s +41\.3 +0\.00/0\.00/0\.00/0\.00 +finished *"
    assert re.fullmatch(stock, lines[2])
    assert "too narrow" not in "\n".join(lines)


def test_an_old_console_gets_plain_signs(seeds: Comparison) -> None:
    text = "\n".join(printed(seeds, 200, terminal=False, encoding="ascii"))
    assert "0.520 +- 0.011" in text
    assert "diff mAP50-95" in text
    assert "!= 0" in text


def test_a_terminal_is_told_what_each_choice_is_worth(seeds: Comparison) -> None:
    text = "\n".join(printed(seeds, 120, terminal=True))
    # cell means 0.5, 0.52, 0.417 and, as its seeds lie, 0.404: what a third seed would have done is not known
    assert re.search(r"backbone=effv1 +-0\.048 +\[-0\.054, -0\.042\] +5", text)
    assert re.search(r"neck=gsconv +\+0\.004 +\[-0\.003, \+0\.010\] +5", text)


def test_hidden_rows_are_counted(seeds: Comparison) -> None:
    out = io.StringIO()
    print_table(table(seeds, filter="neck == 'conv'"), Console(file=out, width=200))
    assert "2 of 4 variants shown" in out.getvalue()
