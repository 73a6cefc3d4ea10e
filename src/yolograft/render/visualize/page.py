"""The page of `yolograft visualize`, and the picture of each image."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write
from yolograft.common.version import __version__
from yolograft.evaluation.visualize.maps import Field
from yolograft.evaluation.visualize.scenes import Scene
from yolograft.evaluation.visualize.views import View
from yolograft.render.pages.template import data_address, render_page
from yolograft.render.visualize.panels import MISSED, RIGHT, WRONG, Panel, field_panels, grid_png, panels

PAGE = "visualize.html"


def write(
    looked: Iterable[tuple[Scene, list[View]]],
    fields: Mapping[str, Mapping[str, Field]],
    names: Sequence[str],
    about: Mapping[str, Any],
    out: Path,
) -> list[Path]:
    """Write a picture for each image as soon as it is looked at, one of the receptive fields, and the page.

    Args:
        looked: Each image with what every detector makes of it.
        fields: The effective receptive fields by detector and level.
        names: Class names by number.
        about: What the page says of itself: `imgsz`, `source` and `confidence`.
        out: The folder; made where it is not there.

    Returns:
        The files, the page first.

    Raises:
        UserError: The files cannot be written.
    """
    pages: list[dict[str, Any]] = []
    files: list[Path] = []
    by_run = {run: field_panels(dict(each)) for run, each in fields.items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.append(atomic_write(out / "receptive_fields.png", grid_png(list(by_run.items()))))
        taken: set[str] = set()
        for scene, views in looked:
            rows = [(view.run, panels(scene, view, names)) for view in views]
            files.append(atomic_write(out / _file_name(scene.name, taken), grid_png(rows)))
            pages.append({"name": scene.name, "rows": rows, "labelled": scene.truth is not None})
        page = render_page(
            Path(__file__).parent / "page.html.j2",
            images=pages,
            fields=by_run,
            about=about,
            colours={"right": RIGHT, "wrong": WRONG, "missed": MISSED},
            labelled=any(page["labelled"] for page in pages),
            jpeg=_jpeg,
            version=__version__,
        )
        return [atomic_write(out / PAGE, page), *files]
    except OSError as error:
        raise UserError(f"out={out}: cannot be written to: {error.strerror or error}") from None


def _jpeg(panel: Panel) -> str:
    return data_address(panel.jpeg, "jpeg")


def _file_name(name: str, taken: set[str]) -> str:
    """Return the name of an image's picture: its own, without what a file system may refuse, and once only."""
    stem = re.sub(r"[^\w.-]", "_", Path(name).stem).strip(".")[:80] or "image"
    wanted, number = f"{stem}.png", 2
    while wanted.lower() in taken or wanted == "receptive_fields.png":
        wanted, number = f"{stem}-{number}.png", number + 1
    taken.add(wanted.lower())
    return wanted
