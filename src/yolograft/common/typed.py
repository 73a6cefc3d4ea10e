"""Values of an untrusted file: of the requested type, range and length, or none."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeVar

from yolograft.common.text import plain

T = TypeVar("T")

MANY = 1e15
"""Above every number of parameters, seconds or bytes that is meant; sums and squares of such numbers stay finite."""
LONGEST = 1000
"""Letters of a name, a setting or a message that are kept."""


def number(value: Any, low: float = 0.0, high: float = MANY) -> float | None:
    """Return a number from `low` to `high`, else None: NaN, infinity, text and booleans are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return None
    return float(value)


def share(value: Any) -> float | None:
    """Return a number of 0…1, else None."""
    return number(value, 0.0, 1.0)


def whole(value: Any, low: float = 0.0, high: float = MANY) -> int | None:
    """Return a whole number from `low` to `high`, else None."""
    found = number(value, low, high)
    return int(found) if found is not None and found.is_integer() else None


def text(value: Any, longest: int = LONGEST) -> str | None:
    """Return one harmless line of text (see `plain`), cut to so many letters; None for what is no text, or empty."""
    if not isinstance(value, str) or not value:
        return None
    return plain(value if len(value) <= longest else f"{value[: longest - 1]}…")


def written(value: Any, longest: int = LONGEST) -> str:
    """Return any value as text, as `text` does; a whole number of thousands of digits is not written out."""
    try:
        return text(str(value), longest) or ""
    except ValueError:
        return "?"


def mapping(value: Any, most: int = 10_000) -> dict[str, Any]:
    """Return a mapping's first entries under keys that are harmless text; nothing where it is no mapping."""
    found = islice(value.items(), most) if isinstance(value, Mapping) else ()
    return {written(key): entry for key, entry in found}


def entries(value: Any, read: Callable[[Any], T | None], most: int = 10_000) -> dict[str, T]:
    """Return those entries of a mapping that `read` takes."""
    found = {key: read(entry) for key, entry in mapping(value, most).items()}
    return {key: entry for key, entry in found.items() if entry is not None}


def items(value: Any, most: int = 10_000) -> list[Any]:
    """Return a list's first items; nothing where it is no list."""
    return value[:most] if isinstance(value, list) else []
