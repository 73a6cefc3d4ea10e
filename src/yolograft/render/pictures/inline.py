"""A picture as a part of a page: in the colours and fonts of the page, with tooltips."""

import re
import xml.etree.ElementTree as ET

from yolograft.common.figures import GROUND, INK, LINE, QUIET, SERIES, Picture

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"

_VARIABLES = {GROUND: "--ground", INK: "--ink", QUIET: "--quiet", LINE: "--line"}
_VARIABLES |= {colour: f"--c{number}" for number, colour in enumerate(SERIES)}


def to_inline(picture: Picture, svg: str) -> str:
    """Return the picture's SVG as a part of HTML.

    Colours of the style become the page's (`--ink`, `--c0`, …), so that they follow light, dark and print. Parts with a
    tip get the class `tip` and a title. Ids are those of the picture alone: a page holds several.
    """
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(svg)
    for unread in [f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"]:
        for parent in list(root.iter()):
            for child in parent.findall(unread):
                parent.remove(child)
    used = {found for element in root.iter() for found in _references(element)}
    for element in list(root.iter()):
        name = element.attrib.pop("id", "")
        if name in picture.tips:
            element.set("class", "tip")
            title = ET.Element(f"{{{_SVG}}}title")
            title.text = picture.tips[name]
            element.insert(0, title)
        elif name in used:
            element.set("id", f"{picture.name}-{name}")
        for key, value in element.attrib.items():
            element.set(key, _own(key, value, picture.name))
    width = root.get("width", "")
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", picture.title)
    root.set("style", f"--width:{width}")
    text = ET.tostring(root, encoding="unicode").replace("\n", "")
    return re.sub(r' xmlns(:xlink)?="[^"]+"', "", text, count=2)  # HTML knows them; so no page holds an address


def _references(element: ET.Element) -> list[str]:
    return [name for value in element.attrib.values() for name in re.findall(r"#([\w-]+)", value)]


def _own(key: str, value: str, prefix: str) -> str:
    """Return an attribute with the page's variables and ids."""
    if key == f"{{{_XLINK}}}href" and value.startswith("#"):
        return f"#{prefix}-{value[1:]}"
    value = re.sub(r"url\(#([\w-]+)\)", rf"url(#{prefix}-\1)", value)
    if key == "style":
        value = re.sub(r"#[0-9a-f]{6}", lambda found: _variable(found[0]), value)
        value = re.sub(r"'DejaVu Sans'[^;]*", "system-ui, sans-serif", value)
    elif key in ("fill", "stroke") and value in _VARIABLES:
        return f"var({_VARIABLES[value]})"
    return value


def _variable(colour: str) -> str:
    return f"var({_VARIABLES[colour]})" if colour in _VARIABLES else colour
