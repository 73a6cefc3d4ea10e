"""The forms of a comparison, one file each.

Adding one: a file here with a function from a `Table` to text, and an entry in `FORMS`. It is then printed by
`format=NAME` and, if the entry names a file, written beside the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yolograft.render.table import Table


@dataclass(frozen=True)
class Form:
    """A form of the comparison.

    Attributes:
        function: Dotted path of the function that returns it as text. Imported when it is used.
        file: Name of the file in a sweep's folder; None if it is not written.
        printed: Whether `yolograft report format=NAME` prints it.
    """

    function: str
    file: str | None = None
    printed: bool = True

    def text(self, shown: "Table") -> str:
        """Return a comparison in this form."""
        module, _, name = self.function.rpartition(".")
        write: Callable[[Table], str] = getattr(import_module(module), name)
        return write(shown)


FORMS = {
    "markdown": Form("yolograft.render.forms.markdown.to_markdown", "comparison.md"),
    "csv": Form("yolograft.render.forms.csv.to_csv", "comparison.csv"),
    "runs-csv": Form("yolograft.render.forms.csv.runs_to_csv", "runs.csv", printed=False),
    "json": Form("yolograft.render.forms.json.to_json", "comparison.json"),
    "latex": Form("yolograft.render.forms.latex.to_latex", "comparison.tex"),
}

PAGE = "report.html"
"""All of it with its pictures, beside the forms' files; see `render.page`."""

PRINTED = ("table", *(name for name, form in FORMS.items() if form.printed))
"""Values of `format=`; `table` is printed for a terminal of any width, see `terminal`."""
