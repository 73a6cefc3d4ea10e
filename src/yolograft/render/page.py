"""The page of a comparison with its pictures, as files."""

import errno
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from yolograft.analysis.samples import compare_images, saved
from yolograft.common.files import atomic_write
from yolograft.render.forms import PAGE
from yolograft.render.forms.html import to_html
from yolograft.render.pictures.draw import pictures
from yolograft.render.pictures.files import to_png, to_svg
from yolograft.render.pictures.photographs import photographs_png
from yolograft.render.table import Table

log = logging.getLogger(__name__)

FIGURES = "figures"


def write_page(shown: Table, folder: Path) -> list[Path]:
    """Draw the pictures and write them and the page; a file that cannot be written is named in the log.

    Args:
        shown: What is shown of the comparison.
        folder: Where to; it must exist.

    Returns:
        What was written: the folder `figures` (NAME.png and NAME.svg for each picture, samples.png) and `report.html`.
    """
    kept = saved(shown.comparison)
    drawn = [(picture, to_svg(picture)) for picture in pictures(shown.comparison, kept)]
    samples = compare_images(kept)
    figures = folder / FIGURES
    files: dict[Path, Callable[[], bytes | None]] = {}
    for picture, svg in drawn:
        files[figures / f"{picture.name}.png"] = partial(to_png, picture)
        files[figures / f"{picture.name}.svg"] = svg.encode
    if samples:
        files[figures / "samples.png"] = partial(photographs_png, samples)
    files[folder / PAGE] = lambda: to_html(shown, drawn, samples)
    written = []
    for file, make in files.items():
        try:
            if figures.is_symlink() and file.parent == figures:  # the folder may come from someone else
                raise OSError(errno.ELOOP, "its folder is a link, which may lead anywhere", str(file))
            if content := make():
                file.parent.mkdir(exist_ok=True)
                atomic_write(file, content)
                written.append(figures if file.parent == figures else file)
        except OSError as error:
            log.warning("%s not written: %s", file, error.strerror or error)
    return list(dict.fromkeys(written))
