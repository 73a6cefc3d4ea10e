"""exports.json: read back as written, and a stranger's is harmless."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from yolograft.runs.exports import EXPORTS, FOLDER, Export, content_digest, load_exports, read_exports, write_exports

MADE = Export(
    "best.onnx", "onnx", {"format": "onnx", "verify": True}, "good", size=3, boxes=1e-6, metrics={"mAP50": 0.5}
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    write_exports(folder, [MADE])
    assert load_exports(folder) == [MADE]
    assert read_exports(tmp_path) == [MADE]
    assert load_exports(tmp_path) == []


@pytest.mark.parametrize("file", ["../best.onnx", "/etc/passwd", "a\\b", "..", ".hidden", "C:x", EXPORTS, "", 3])
def test_no_file_elsewhere_is_named(tmp_path: Path, file: Any) -> None:
    entry = {"file": file, "label": "onnx", "settings": {}, "status": "good"}
    (tmp_path / EXPORTS).write_text(json.dumps({"exports": [entry]}))
    assert load_exports(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"exports": 3}', '{"exports": [3, null, "x", {}]}', "\x00"]
)
def test_a_damaged_record_lists_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / EXPORTS).write_text(text)
    assert read_exports(tmp_path) == []


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / EXPORTS)
    assert read_exports(tmp_path) == []
    os.mkfifo(tmp_path / "best.onnx")
    with pytest.raises(OSError):
        content_digest(tmp_path / "best.onnx")
