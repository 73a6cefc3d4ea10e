"""Reads a pickle without running anything: each class and function that it names becomes a stand-in that only holds.

Python's and torch's own unpicklers call what a pickle names, the restricted ones with a list of what is allowed; but a
constructor on such a list can do harm too, if only by the size that it is asked for.
"""

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

MAX_OPERATIONS = 2_000_000
"""Steps of the longest pickle that is read; one makes at most a few hundred bytes. YOLO11's largest has 40,000."""


@dataclass(frozen=True, eq=False)
class Name:
    """A class or function, by its dotted name."""

    text: str


@dataclass(eq=False)
class StandIn:
    """An object of some class: what it was made of, and its state.

    Attributes:
        name: What would have been called.
        args: With what.
        state: What would have been given to `__setstate__`: mostly its attributes by name.
    """

    name: str
    args: Any = ()
    state: Any = field(default=None, repr=False)


def unpickle(
    stream: BinaryIO,
    call: Callable[[str, tuple[Any, ...]], Any] = StandIn,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Return what a pickle holds: plain values, lists, tuples, dictionaries, names and stand-ins.

    Sets become lists; a key that is no plain value is replaced by a stand-in, since hashing it can take for ever.

    Args:
        stream: Where the pickle begins; it is read to its end and no further.
        call: Given a name and its arguments, returns what stands for the object.
        persistent: Given a persistent id, returns what stands for it.

    Raises:
        ValueError: It is no pickle, is damaged, too long, or uses what no file of weights does.
    """
    try:
        return _run(stream, call, persistent)
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeError, MemoryError, OverflowError) as error:
        raise ValueError(f"is no pickle, or damaged ({type(error).__name__})") from None


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MAKERS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
}


def _run(stream: BinaryIO, call: Callable[[str, tuple[Any, ...]], Any], persistent: Callable[[Any], Any] | None) -> Any:
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}

    def above_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    def made(function: Any, args: Any) -> Any:
        if not isinstance(function, Name) or not isinstance(args, tuple):
            return StandIn("unknown", args)
        return call(function.text, args)

    for count, (opcode, value, _) in enumerate(_steps(stream)):
        name = opcode.name
        if count >= MAX_OPERATIONS:
            raise ValueError(f"is a pickle of more than {MAX_OPERATIONS:,} steps")
        if name in _VALUES:
            stack.append(value)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[value] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[value])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _MAKERS:
            stack.append(_MAKERS[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            items = above_mark()
            stack.append(tuple(items))
        elif name in _TUPLES:
            items = stack[-_TUPLES[name] :]
            del stack[-_TUPLES[name] :]
            stack.append(tuple(items))
        elif name in ("SETITEM", "SETITEMS"):
            items = above_mark() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            if isinstance(stack[-1], dict):
                stack[-1].update(zip(map(_key, items[::2]), items[1::2], strict=True))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [stack.pop()] if name == "APPEND" else above_mark()
            if isinstance(stack[-1], list):
                stack[-1].extend(items)
        elif name == "GLOBAL":
            stack.append(Name(str(value).replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(Name(f"{module!s:.200}.{attribute!s:.200}"))
        elif name in ("REDUCE", "NEWOBJ"):
            args = stack.pop()
            stack.append(made(stack.pop(), args))
        elif name == "NEWOBJ_EX":
            keywords, args = stack.pop(), stack.pop()
            stack.append(StandIn("unknown", (stack.pop(), args, keywords)))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], StandIn):
                stack[-1].state = state
        elif name == "BINPERSID" and persistent is not None:
            stack.append(persistent(stack.pop()))
        elif name == "POP":
            stack.pop()
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"is a pickle with {name}, which no file of weights needs")
    raise ValueError("is a pickle without an end")


def _steps(stream: BinaryIO) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    try:
        yield from pickletools.genops(stream)
    except ValueError as error:
        raise ValueError(f"is no pickle, or damaged ({error})") from None


def _key(value: Any) -> Any:
    plain = isinstance(value, str | int | float | bytes | Name | StandIn) or value is None
    return value if plain else StandIn("key", value)
