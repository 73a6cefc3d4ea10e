"""The comparison as one page that needs nothing but itself."""

import base64
import hashlib
import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from yolograft.analysis.comparison import Comparison
from yolograft.analysis.row import Row
from yolograft.analysis.samples import Samples
from yolograft.common.figures import Picture
from yolograft.common.metrics import METRICS
from yolograft.common.times import duration
from yolograft.common.version import __version__
from yolograft.render.columns import EFFECT_HEADINGS, effect_cells
from yolograft.render.pages.colours import palette
from yolograft.render.pages.template import data_address, render_page
from yolograft.render.photograph import read_photograph
from yolograft.render.pictures.inline import to_inline
from yolograft.render.summary import sentences
from yolograft.render.table import Table
from yolograft.render.transfers import TRANSFER_KINDS, transfer_of

_HERE = Path(__file__).parent

_MOST_LEVELS = 40
"""Choices up to which the page lets rows be chosen by a group."""


def to_html(shown: Table, pictures: Sequence[tuple[Picture, str]], samples: Samples | None) -> bytes:
    """Return the page.

    Args:
        shown: The table; the details below it are those of all variants.
        pictures: What was drawn, with its SVG.
        samples: Validation images as several variants see them.
    """
    comparison = shown.comparison
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return render_page(
        _HERE / "page.html.j2",
        name=", ".join(dict.fromkeys(run.path.resolve().parent.name for run in comparison.runs)),
        made=datetime.now().astimezone().isoformat(" ", "minutes"),
        version=__version__,
        script=script,
        # Only this script runs, whatever a class or a run is called.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        comparison=comparison,
        summary=sentences(comparison),
        columns=_columns(shown),
        rows=_rows(shown),
        notes=shown.notes,
        levels=_levels(comparison),
        single=all(row.n < 2 for row in comparison.rows),
        pictures=[(picture, to_inline(picture, svg)) for picture, svg in pictures],
        effect_headings=EFFECT_HEADINGS,
        effects=[effect_cells(effect) for effect in (*comparison.effects.main, *comparison.effects.interactions)],
        samples=samples and _samples(samples),
        unended=[run for run in comparison.runs if not run.finished],
        variants=_variants(comparison),
        metrics=METRICS,
        transfer_kinds=TRANSFER_KINDS,
    )


def _columns(shown: Table) -> list[dict[str, Any]]:
    """Return the headings with the direction of the first click, and the one that rows are sorted by."""
    made = []
    for column in shown.columns:
        values = [value for row in shown.rows if (value := column.value(row)) is not None]
        leads = column.key == shown.comparison.metric and values == sorted(values, reverse=True)
        made.append(
            {
                "key": column.key,
                "heading": column.heading,
                "number": column.number,
                "first": "descending" if column.better == "more" else "ascending",
                "sorted": "descending" if leads else "none",
                "group": column.key in shown.comparison.groups,
            }
        )
    return made


def _rows(shown: Table) -> list[dict[str, Any]]:
    numbers = {row.variant.label: number for number, row in enumerate(shown.comparison.rows)}
    places = [shown.places(column) for column in shown.columns]
    made = []
    for at, row in enumerate(shown.rows):
        cells = []
        for column, place in zip(shown.columns, places, strict=True):
            value = column.value(row)
            cells.append(
                {
                    "text": column.text(row),
                    "value": "" if value is None else str(int(value)) if isinstance(value, bool) else str(value),
                    "number": column.number,
                    "place": place.get(at, 0),
                    "group": column.key in shown.comparison.groups,
                }
            )
        made.append({"row": row, "number": numbers[row.variant.label], "cells": cells})
    return made


def _levels(comparison: Comparison) -> dict[str, list[str]]:
    """Return the choices of each group that rows can be chosen by."""
    found = {group: sorted({row.variant.choices[group] for row in comparison.rows}) for group in comparison.groups}
    return {group: levels for group, levels in found.items() if 1 < len(levels) <= _MOST_LEVELS}


def _variants(comparison: Comparison) -> list[dict[str, Any]]:
    by_label = {row.variant.label: row for row in comparison.rows}
    unended = {run.path: number for number, run in enumerate(r for r in comparison.runs if not r.finished)}
    return [
        {
            "row": row,
            "differing": _differing(row, by_label.get(row.reference or "")),
            "transfer": transfer_of(row.variant),
            "folds": any(run.fold is not None for run in row.variant.runs),
            "runs": [
                {
                    "run": run,
                    "time": "" if (spent := run.costs.get("seconds")) is None else duration(spent),
                    "unended": unended.get(run.path),
                }
                for run in row.variant.runs
            ],
        }
        for row in comparison.rows
    ]


def _differing(row: Row, reference: Row | None) -> list[tuple[str, str, str]]:
    """Return the settings in which a variant differs from its baseline: key, its own value, the baseline's."""
    if reference is None:
        return []
    own, other = row.variant.settings, reference.variant.settings
    return [
        (key, own.get(key, ""), other.get(key, "")) for key in sorted({*own, *other}) if own.get(key) != other.get(key)
    ]


def _samples(samples: Samples) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    for sample in samples.images:
        if (image := read_photograph(sample.file)) is None:
            continue
        content = io.BytesIO()
        image.save(content, "JPEG", quality=78)
        views = [("labelled", sample.labelled), *((label, sample.found.get(label)) for label in samples.variants)]
        images.append(
            {
                "id": f"photograph{len(images)}",
                "name": sample.file.name,
                "address": data_address(content.getvalue(), "jpeg"),
                "width": image.width,
                "height": image.height,
                "agreement": sample.agreement,
                "views": [view for view in views if view[1] is not None],
            }
        )
    labels = {
        box.label
        for sample in samples.images
        for _, boxes in [("", sample.labelled), *sample.found.items()]
        for box in boxes
    }
    return {
        "images": images,
        "names": samples.names,
        "colours": palette(len(samples.names)),
        "labels": sorted(label for label in labels if label < len(samples.names)),
        "variants": len(samples.variants),
        "gone": samples.gone,
        "confidence": samples.confidence,
    }
