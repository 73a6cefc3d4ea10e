"""Run folders as no training leaves them: copies of made runs with a file changed, cut, flipped or replaced."""

import copy
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from yolograft.common.parsing import parse_json, parse_yaml

FILES = ("run.json", "config.yaml", "predictions.json", "metrics.csv", "run.lock")

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e18, -1e308, 1e308, float("nan"), float("inf"), 10**400, 2**63, "", "x", "1", "nan",
    "9" * 5000, "a" * 1_000_000, "\ud800", "\x1b[31m", "\x0b\x01\x00", "[/red]x", "=1+1", "$\\frac{", "<b>&", "\u202e",
    "../../..", "/dev/zero", [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": 1}}}, [1e308] * 3, ["x"] * 3000,
    {str(n): n for n in range(3000)},
)  # fmt: skip
"""Values that stand where others are meant."""

TEXTS = (
    b"", b"\x00", b"\xff\xfe", b"null", b"[]", b"{}", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b"&a [*a]",
    b"a: &a {b: *a}",
    b"a0: &a0 [x]\n" + b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 40)),
    b"epoch,metrics/mAP50-95\n1e18,1\n", b"epoch\n" + b"1\n" * 1000, b"epoch,train/x\n1," + b"9" * 200_000 + b"\n",
)  # fmt: skip
"""Whole files."""


def damage(run: Path, draw: random.Random) -> str:
    """Change one or two files of a run's folder, and return how."""
    done = []
    for _ in range(draw.randint(1, 2)):
        file = run / draw.choice(FILES)
        change = draw.choice((_cut, _flip, _swap, _swap, _swap, _swap, _replace, _special))
        change(file, draw)
        done.append(f"{change.__name__} {file.name}")
    return ", ".join(done)


def _content(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b'{"host": "x", "pid": 1, "started": 1.0, "token": "x"}'


def _write(file: Path, content: bytes) -> None:
    _remove(file)
    file.write_bytes(content)


def _cut(file: Path, draw: random.Random) -> None:
    content = _content(file)
    _write(file, content[: draw.randint(0, len(content))])


def _flip(file: Path, draw: random.Random) -> None:
    content = bytearray(_content(file))
    for _ in range(draw.choice((1, 5, 50)) if content else 0):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    _write(file, bytes(content))


def _replace(file: Path, draw: random.Random) -> None:
    _write(file, draw.choice(TEXTS))


def _swap(file: Path, draw: random.Random) -> None:
    """Put other values, and other names, into a document that stays one; into a table other cells."""
    try:
        text = _content(file).decode()
        document = copy.deepcopy(parse_yaml(text) if file.suffix == ".yaml" else parse_json(text))
    except ValueError:
        lines = [line.split(b",") for line in _content(file).splitlines()]
        for _ in range(draw.choice((1, 4)) if lines else 0):
            line = draw.choice(lines)
            line[draw.randrange(len(line))] = str(draw.choice(ODD[:16])).encode() if draw.random() < 0.8 else b'"'
        _write(file, b"\n".join(b",".join(line) for line in lines))
        return
    for _ in range(draw.choice((1, 3, 8))):
        places = list(_places(document))
        if not places:
            break
        holder, key = draw.choice(places)
        odd = copy.deepcopy(draw.choice(ODD))
        if isinstance(holder, dict) and isinstance(odd, str) and draw.random() < 0.4:
            holder[odd] = holder.pop(key)
        elif draw.random() < 0.1:
            holder.pop(key)
        else:
            holder[key] = odd
    encoded = yaml.dump(document) if file.suffix == ".yaml" and draw.random() < 0.5 else _json(document)
    _write(file, encoded.encode("utf-8", "backslashreplace"))


def _json(document: Any) -> str:
    try:
        return json.dumps(document)
    except ValueError:  # 10**400
        return "1" * 5000


def _places(node: Any) -> Any:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(entries)[:40]:
        yield node, key
        yield from _places(value)


def _special(file: Path, draw: random.Random) -> None:
    """Put something else than a file in its place."""
    _remove(file)
    kinds: list[Callable[[], Any]] = [
        file.mkdir,
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/dev/zero"),
        lambda: file.symlink_to(file.name),
        lambda: file.symlink_to("nowhere"),
        lambda: file.symlink_to("."),
        lambda: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY), 2**40),
    ]
    draw.choice(kinds)()


def _remove(file: Path) -> None:
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)
