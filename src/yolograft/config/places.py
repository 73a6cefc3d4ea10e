"""Where attention is put: `attention.at=[backbone.P5,neck.P3]`."""

import re
from collections.abc import Sequence

PLACED_AFTER = ("backbone", "context", "neck")
"""The parts that attention may follow; the head's maps are its answer."""

COARSEST = ""
"""The level that the context works on, whatever it is called."""


def places(at: str | Sequence[str]) -> dict[str, tuple[str, ...] | None]:
    """Return the levels on which attention follows each part.

    Args:
        at: `context` for the level that the context works on; `backbone.P5` or `neck.P3` for one level of a part;
            `backbone` or `neck` for all of its levels; or a list of such places.

    Returns:
        The names of the levels by part, in the order of the parts; None for all of them, (`COARSEST`,) for the
        context's.

    Raises:
        ValueError: A place is none of these, or stands there twice.
    """
    texts = [at] if isinstance(at, str) else [str(text) for text in at]
    if not texts:
        raise ValueError("names no place; without attention: attention=none")
    found: dict[str, list[str] | None] = {}
    for text in texts:
        match = re.fullmatch(r"(context)|(backbone|neck)(?:\.(P[2-7]))?", text)
        if not match:
            raise ValueError(f"'{text:.40}' is no place; places are context, backbone, neck, backbone.P5, neck.P3, ...")
        group = match[1] or match[2]
        level = COARSEST if match[1] else match[3]
        levels = found.setdefault(group, [])
        if levels is None or level in levels or (level is None and levels):
            raise ValueError(f"'{text}' stands there twice")
        found[group] = None if level is None else [*levels, level]
    return {
        group: None if (levels := found[group]) is None else tuple(levels) for group in PLACED_AFTER if group in found
    }
