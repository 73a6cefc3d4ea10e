"""COCO JSON files of a few small images."""

import json
from pathlib import Path
from typing import Any

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
CAT = ("cat", 4, 6, 8, 10)
"""The box of `document`, as `read` returns it."""


def document(names: tuple[str, ...] = ("a.png",), **changes: Any) -> dict[str, Any]:
    """Images of 40x20 pixels, the first with a cat at (4, 6) of 8x10 pixels."""
    images = [{"id": 10 + n, "file_name": name, "width": 40, "height": 20} for n, name in enumerate(names)]
    annotations = [{"id": 1, "image_id": 10, "category_id": 3, "bbox": [4, 6, 8, 10], "iscrowd": 0}]
    return {"images": images, "annotations": annotations, "categories": CATEGORIES, **changes}


def write(file: Path, content: Any) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(file)


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 10, "category_id": 3, "bbox": [4, 6, 8, 10], **changes}
