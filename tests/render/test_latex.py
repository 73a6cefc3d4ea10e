"""The LaTeX form goes through a real LaTeX."""

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.made_runs import made_run
from yolograft.analysis.comparison import Comparison, compare
from yolograft.render.forms.latex import to_latex
from yolograft.render.table import table

PAPER = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def has(package: str) -> bool:
    if not shutil.which("kpsewhich"):
        return False
    return subprocess.run(["kpsewhich", package], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex") or not has("booktabs.sty"), reason="no pdflatex with booktabs here")
@pytest.mark.parametrize("columns", [[], ["all"], ["interval", "variant"]], ids=["usual", "all", "bracket first"])
def test_latex_compiles(seeds: Comparison, tmp_path: Path, columns: list[str]) -> None:
    strange = r"""a_b & c% #1 $x$ {y} ~^\ <z> "q" [w] Δ ± 数据 é |"""
    confounded = made_run(0.6, strange, "slim", config={"imgsz": "320"}, name=strange)
    comparison = compare([*seeds.runs, confounded, made_run(None, strange, seed=7, error=f"{strange} {strange}")])
    (tmp_path / "paper.tex").write_text(PAPER % to_latex(table(comparison, columns)), "utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Undefined control sequence" not in done.stdout
    assert "Missing character" not in (tmp_path / "paper.log").read_text(encoding="latin-1")
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")
