import base64
import re
from xml.etree import ElementTree as ET

import cv2
import numpy as np

from yolograft.common.figures import freeze, own_style
from yolograft.data.inspect.statistics import Histogram
from yolograft.render.inspect.figures import centres_png, even_ticks, histogram_picture
from yolograft.render.pictures.files import to_svg
from yolograft.render.pictures.inline import to_inline

SVG = "{http://www.w3.org/2000/svg}"
NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def drawn(histogram: Histogram, **options: object) -> ET.Element:
    with own_style():
        picture = histogram_picture("one", histogram, "a <title>", "an axis & more", {1.0: "one"}, **options)  # type: ignore[arg-type]
        freeze(picture.figure)
    return ET.fromstring(to_inline(picture, to_svg(picture)).replace("<svg ", f"<svg {NAMESPACES} ", 1))


def heights(element: ET.Element) -> dict[str, list[float]]:
    """How high each bin of each split is drawn, as a share of the highest of all."""
    found = {}
    for part in element.iter(f"{SVG}g"):
        if (title := part.find(f"{SVG}title")) is not None:
            path = part.find(f"{SVG}path")
            assert path is not None
            points = [pair.split() for pair in re.findall(r"[ML] ([\d.]+ [\d.]+)", path.attrib["d"])]
            levels = [float(y) for _, y in points]
            found[str(title.text)] = [levels[0] - level for level in levels[1:-1:2]]  # from the floor to the floor
    most = max(max(bins) for bins in found.values())
    return {name: [round(height / most, 2) for height in bins] for name, bins in found.items()}


def test_a_split_is_drawn_by_shares_so_that_small_ones_compare_with_large_ones() -> None:
    element = drawn(Histogram((0, 1, 2, 3), {"train": (500, 500, 0), "val": (0, 1, 3)}))
    assert heights(element) == {"train": [0.67, 0.67, 0], "val": [0, 0.33, 1]}


def test_the_axis_says_shares_and_the_picture_says_what_it_shows() -> None:
    element = drawn(Histogram((1, 2, 4, 8), {"train": (1, 0, 1)}), logarithmic=True)
    assert element.attrib["aria-label"] == "a <title>"
    texts = [text.text for text in element.iter(f"{SVG}text")]
    assert {"20%", "40%", "an axis & more", "one", "share of boxes"} <= set(texts)


def test_a_split_without_boxes_is_a_line_on_the_floor() -> None:
    element = drawn(Histogram((0, 1, 2), {"train": (3, 1), "val": (0, 0)}))
    assert heights(element)["val"] == [0, 0]


def test_ticks_of_bins_that_hold_several_values_say_which() -> None:
    assert even_ticks((0, 1, 2, 3)) == {0.5: "0", 1.5: "1", 2.5: "2"}
    assert even_ticks((0, 4, 8)) == {2: "0–3", 6: "4–7"}
    assert len(even_ticks(range(31))) == 6


def test_the_heat_map_is_a_png_whose_opacity_is_the_number_of_centres() -> None:
    address = centres_png(np.array([[0, 2], [1, 4]]))
    assert address.startswith("data:image/png;base64,")
    content = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    image = np.asarray(cv2.imdecode(content, cv2.IMREAD_UNCHANGED))
    assert image[..., 3].tolist() == [[0, 128], [64, 255]]
