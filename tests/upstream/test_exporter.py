"""The formats of `yolograft export` take what ultralytics' own table says."""

from ultralytics.engine.exporter import export_formats

from yolograft.evaluation.export.formats import FORMATS

OURS = {"data", "fraction", "quantize"}
"""Options of ultralytics' that are other keys here: calibration images are the run's own."""


def test_formats_are_ultralytics() -> None:
    table = export_formats()
    rows = dict(zip(table["Argument"], zip(table["Suffix"], table["Arguments"], strict=True), strict=True))
    for name, form in FORMATS.items():
        if name == "pt":
            continue
        suffix, options = rows[name]
        assert form.suffix == suffix, name
        assert set(form.options) == set(options) - OURS, name
