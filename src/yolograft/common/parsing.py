"""Untrusted JSON and YAML: any text gives plain values or a ValueError, in bounded time."""

import json
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting; deeper ones end a C parser's stack, and with it the process."""
MAX_NODES = 1_000_000
"""Values of a YAML document with its aliases written out; a long text counts as several."""
_LETTERS = 64
"""Letters of a text that count as one value more."""


def parse_json(text: str | bytes) -> Any:
    """Return the values of a JSON text; keys of an object are as the last one says.

    Raises:
        ValueError: It is not JSON, or nested too deep.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deep") from None


def is_deep(value: Any, most: int = MAX_DEPTH) -> bool:
    """Whether plain values are nested deeper than `most` levels.

    Python reads deeper JSON than it writes: what is read, kept and written back must be checked in between.
    """
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def json_document(content: Any) -> bytes:
    """Return values as a JSON file; a lone surrogate, of a path that is no Unicode, as JSON's own escape of it."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


class NotYamlError(ValueError):
    """Text that breaks YAML's grammar.

    Attributes:
        problem: What is wrong.
        line: Where, counted from 1; None where that is not known.
    """

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(f"is not YAML: {problem}" + (f", line {line}" if line else ""))
        self.problem = problem
        self.line = line


def parse_yaml(text: str, *, as_written: bool = False) -> Any:
    """Return the values of a YAML text of plain types (`yaml.safe_load`).

    Aliases are counted before anything is built: nine lines of them stand for a thousand million values.

    Args:
        text: The document.
        as_written: Leave every value the text that it is: `yes` is not taken for true, nor `007` for 7.

    Raises:
        ValueError: It is not YAML of plain types, nested too deep, or stands for too many values. One line. A
            `NotYamlError` where its grammar is broken.
    """
    import yaml

    kind = "BaseLoader" if as_written else "SafeLoader"
    loader = getattr(yaml, f"C{kind}", getattr(yaml, kind))  # ten times as fast, where PyYAML was built with it
    try:
        _refuse_bombs(text, loader)
        return yaml.load(text, loader)  # noqa: S506 - a SafeLoader of ours
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise NotYamlError(" ".join(str(error.problem or error.context).split()), line) from None
    except yaml.YAMLError as error:
        raise NotYamlError(" ".join(str(error).split()), None) from None
    except ValueError:
        raise
    except (RecursionError, ArithmeticError, AttributeError, KeyError, TypeError, IndexError) as error:
        # What PyYAML's constructors raise for `!!timestamp x`, `!!int ''`, a list as a key and the like.
        raise ValueError(f"is not YAML: a value that its type does not allow ({type(error).__name__})") from None


def _refuse_bombs(text: str, loader: Any) -> None:
    """Go through the document without building it: how deep is it, and how many values does it stand for?"""
    import yaml

    opened: list[tuple[str | None, int]] = []  # anchor of each open list or mapping, and the values counted before it
    values_of: dict[str, int] = {}
    count = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.AliasEvent):
            anchor = event.anchor or ""
            if any(anchor == name for name, _ in opened):
                raise ValueError("an alias refers to what it stands in")
            count += values_of.get(anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor_, before = opened.pop()
            if anchor_:
                values_of[anchor_] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            weight = 1 + len(event.value) // _LETTERS
            count += weight
            if event.anchor:
                values_of[event.anchor] = weight
        if len(opened) > MAX_DEPTH:
            raise ValueError("is nested too deep")
        if count > MAX_NODES:
            raise ValueError(f"stands for more than {MAX_NODES:,} values")
