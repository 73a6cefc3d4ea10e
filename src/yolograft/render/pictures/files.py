"""A picture as the content of a file."""

import io

from matplotlib import rc_context

from yolograft.common.figures import Picture, own_style


def to_png(picture: Picture) -> bytes:
    """Return the picture as a PNG with 200 dots to the inch."""
    content = io.BytesIO()
    with own_style():
        picture.figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def to_svg(picture: Picture) -> str:
    """Return the picture as an SVG, the same text every time."""
    content = io.BytesIO()
    with own_style(), rc_context({"svg.hashsalt": picture.name}):
        picture.figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue().decode("utf-8")
