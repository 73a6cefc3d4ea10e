"""Documents that are made to fill the machine or to end the process."""

import os
import subprocess
import sys

import pytest

from yolograft.common.files import read_regular, read_text
from yolograft.common.parsing import parse_json, parse_yaml
from yolograft.common.text import csv_cell, markup, plain

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, "stands for more than"),
        ("&a [*a]", "refers to what it stands in"),
        ("a: &a {b: {c: *a}}", "refers to what it stands in"),
        ("[" * 100_000, "nested too deep"),
        ("- " * 100_000, "nested too deep"),
        ("{a: " * 100_000, "nested too deep"),
        ("a: !!timestamp x", "is not YAML"),
        ("a: !!int ''", "[a-z]"),
        ("? [1]\n: 2", "is not YAML"),
        ("a: !!python/object/apply:os.system [true]", "is not YAML"),
        ("a: [1", "line"),
        ("a: \x07", "is not YAML"),
        ("a: " + "9" * 5000, "[a-z]"),
    ],
)
def test_yaml_that_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        parse_yaml(text)
    assert "\n" not in str(refused.value)


def test_yaml_with_aliases_is_read() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: *a\nc: {d: *a}") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "", "\x00", b"\xff"])
def test_json_that_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.skipif(os.name == "nt", reason="no FIFOs, no /dev/zero")
def test_only_regular_files_of_bounded_size_are_read(tmp_path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for special in (tmp_path / "fifo", "/dev/zero", "/dev/stdin", tmp_path):
        code = f"from yolograft.common.files import read_regular; read_regular({str(special)!r})"
        # In a process with a limit of time: what this guards against is a wait without end.
        ended = subprocess.run(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, capture_output=True, text=True, timeout=20, check=False
        )
        assert "Error" in ended.stderr, special
    (tmp_path / "large").write_bytes(b"12345")
    assert read_text(tmp_path / "large", 5) == "12345"
    with pytest.raises(OSError, match="larger"):
        read_regular(tmp_path / "large", 4)


def test_text_is_harmless_in_each_kind_of_output() -> None:
    assert plain("a\x1b[31m\n\x0b\ud800é細") == "a\\x1b[31m\\n\\x0b\\ud800é細"
    assert markup("[/red]x") == r"\[/red]x"
    assert [csv_cell(v) for v in ("=1+1", "+a", "-a", "@a", "a", -1.5, None)] == [
        "'=1+1",
        "'+a",
        "'-a",
        "'@a",
        "a",
        -1.5,
        None,
    ]
