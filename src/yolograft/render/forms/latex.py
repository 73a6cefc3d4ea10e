"""The comparison as a LaTeX table, ready for a paper: booktabs, the best bold, the second underlined."""

import re
from collections.abc import Sequence
from dataclasses import replace

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.common.metrics import BUILT, COSTS
from yolograft.common.text import plain
from yolograft.render.columns import Column
from yolograft.render.table import Table

_LEFT_OUT = ("significant", "status", "parts", "folder", *(key for key in COSTS if key not in BUILT))
"""Columns that are usual elsewhere; named in `columns=` they are here too."""

_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "[": "{[}", "]": "{]}",  # after \\\\ a bracket would be its option
    "Δ": r"$\Delta$", "±": r"$\pm$", "≠": r"$\neq$", "×": r"$\times$", "†": r"$\dagger$", "…": r"\dots{}",
}  # fmt: skip


def to_latex(shown: Table) -> str:
    r"""Return the table of the variants that have finished, with its notes and cautions below.

    It needs `\usepackage{booktabs}` and, for what the notes may quote, `\usepackage[T1]{fontenc}`.

    Args:
        shown: What is shown of the comparison; no column that was chosen by name is left out.
    """
    columns = [c for c in shown.columns if shown.chosen or c.key not in _LEFT_OUT]
    places = [shown.places(column) for column in columns]
    body = []
    for place, row in enumerate(shown.rows):
        if row.n:
            cells = [_cell(c, row, best.get(place)) for c, best in zip(columns, places, strict=True)]
            body.append(f"    {' & '.join(cells)} \\\\")
    comparison = shown.comparison
    below = [*replace(shown, columns=tuple(columns)).notes, *(caution.text for caution in comparison.cautions)]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"% \usepackage[T1]{fontenc}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_escaped(_caption(shown.rows, comparison))}}}",
            r"  \label{tab:comparison}",
            rf"  \begin{{tabular}}{{{''.join('r' if c.number else 'l' for c in columns)}}}",
            r"    \toprule",
            f"    {' & '.join(_escaped(c.heading) for c in columns)} \\\\",
            r"    \midrule",
            *body,
            r"    \bottomrule",
            r"  \end{tabular}",
            *([r"  \par\smallskip", r"  {\footnotesize\raggedright"] if below else []),
            *(rf"    {_escaped(line)}\par" for line in below),
            *([r"  }"] if below else []),
            r"\end{table}",
            "",
        ]
    )


def _caption(rows: Sequence[Row], comparison: Comparison) -> str:
    metric, numbers = comparison.metric, {row.n for row in rows if row.n}
    over = f" over {comparison.counted(max(numbers))}" if len(numbers) == 1 else f" over the {comparison.over}"
    several = any(row.n > 1 for row in rows)
    return (
        f"{metric}: mean ± standard deviation{over}. Best bold, second underlined."
        if several
        else (f"{metric} of one {comparison.paired_by} each. Best bold, second underlined.")
    )


def _cell(column: Column, row: Row, place: int | None) -> str:
    text = column.text(row)
    mean, sign, rest = text.partition(" ± ")
    shown = _escaped(mean)
    if place == 1:
        shown = rf"\textbf{{{shown}}}"
    elif place == 2:
        shown = rf"\underline{{{shown}}}"
    return shown + (rf" $\pm$ {_escaped(rest)}" if sign else "")


def _escaped(text: str) -> str:
    """Return text with LaTeX's characters escaped; letters that pdflatex lacks become their code points."""
    signs = plain(text)
    escaped = "".join(_SIGNS.get(sign) or (sign if " " <= sign < "\u0180" else f"U+{ord(sign):04X}") for sign in signs)
    return re.sub(r"(?<![\w.])-(?=\d)", "$-$", escaped)  # a number's hyphen is a minus
