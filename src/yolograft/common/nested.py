"""Nested settings under dotted keys: `{"optim": {"lr0": 0.01}}` as `optim.lr0`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def dotted(
    settings: Mapping[Any, Any], key_text: Callable[[Any], str] = str, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield each setting that is not itself a mapping, with its dotted key.

    Args:
        settings: The nested settings.
        key_text: How a key is written as text.
        prefix: Put before every key.
    """
    for key, value in settings.items():
        name = prefix + key_text(key)
        if isinstance(value, Mapping):
            yield from dotted(value, key_text, f"{name}.")
        else:
            yield name, value
