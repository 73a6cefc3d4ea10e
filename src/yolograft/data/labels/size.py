"""The size of the image that was labelled, where an annotation format states it."""

from yolograft.data.checks import Fault
from yolograft.data.labels.reader import UnreadableLabelsError


def labelled_size(
    file: str, where: str, stated: tuple[float, float], shape: tuple[int, int], line: int | None = None
) -> tuple[float, float]:
    """Return the width and height, in pixels, that boxes in pixels are fractions of.

    Images are often shrunk after they were labelled; boxes are then fractions of the size that is stated. An image of
    another shape is another image, or one that was turned.

    Args:
        file: What states the size.
        where: Of which image, for messages.
        stated: Width and height; anything but positive numbers means that the format does not say.
        shape: Height and width of the image file, upright.
        line: Where it is stated.

    Raises:
        UnreadableLabelsError: The image has other proportions than the one that was labelled.
    """
    width, height = stated
    rows, columns = shape
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        return float(columns), float(rows)
    # sizes are rounded to whole pixels: the same proportions to within one
    if abs(height * columns / width - rows) > 1 and abs(width * rows / height - columns) > 1:
        message = f"{where} was labelled at {width:g}x{height:g}, but the image is {columns}x{rows}"
        raise UnreadableLabelsError([Fault(file, line, message, "unlike-image")])
    return width, height
