"""Does a data set train to the same metrics in whatever form it lies on disk?

    python benchmarks/same_in_every_form.py DATA.YAML [epochs=2] [imgsz=160] …

Writes the set (boxes in whole pixels, split as `dataset.split=0.8` splits its train and val images) as data.yaml
in three layouts, train/images folders, COCO JSON, VOC XML and one flat folder, trains each by its path alone, and
compares `metrics.csv` to the last digit.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

from helpers.forms import Box, LabelledSet, write_form, write_forms
from yolograft.data.listing import list_images
from yolograft.data.scan import scan
from yolograft.data.sources.flat import flat
from yolograft.data.sources.yolo import yolo
from yolograft.data.splitting import hold_out

SETTINGS = ("epochs=2", "imgsz=160", "device=cpu", "trainer.plots=false", "dataset.check=warn")


def main() -> int:
    """Write, train, compare."""
    path, *overrides = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for form, place in write(path, Path(folder)).items():
            results[form] = train(form, place, Path(folder), overrides)
            print(f"{form:14} {results[form]}", flush=True)
    same = len(set(results.values())) == 1
    print(
        f"metrics.csv is {'the same to the last digit in all' if same else 'NOT the same in all'} {len(results)} forms"
    )
    return not same


def write(path: str, root: Path) -> dict[str, Path]:
    """Write the set in all forms and return what `dataset.path` names in each."""
    spec = yolo(path=path)
    files = [file for split in ("train", "val") for file in list_images(spec, split)]
    found = scan(files, spec.labels, spec.nc)
    images, boxes = {}, {}
    for label in found.as_labels(files):
        name = Path(label["im_file"]).name
        height, width = label["shape"]
        images[name], boxes[name] = Path(label["im_file"]), []
        for cls, (x, y, w, h) in zip(label["cls"][:, 0], label["bboxes"], strict=True):
            left, top = round((x - w / 2) * width), round((y - h / 2) * height)
            right, bottom = round((x + w / 2) * width), round((y + h / 2) * height)
            boxes[name].append(Box(int(cls), left, top, right - left, bottom - top))
    names = list(spec.names.values())
    write_form("flat", root / "pool", LabelledSet(images, boxes, names, {}))
    split = hold_out(flat(path=str(root / "pool")), 0.8)
    splits = {"train": [Path(f).name for f in split.train], "val": [Path(f).name for f in split.val]}
    written = write_forms(root / "forms", LabelledSet(images, boxes, names, splits))
    return {form: place for form, (_, place) in written.items()}


def train(form: str, place: Path, root: Path, overrides: list[str]) -> str:
    """Train a form and return the digest of its metrics.csv, and its last mAP."""
    command = [sys.executable, "-m", "yolograft", "train", "dataset=auto", f"dataset.path='{place}'", *SETTINGS]
    subprocess.run([*command, *overrides, f"project={root / 'runs' / form}"], check=True, capture_output=True, cwd=root)
    (metrics,) = (root / "runs" / form).glob("*/metrics.csv")
    text = metrics.read_bytes()
    head, *_, last = text.decode().splitlines()
    row = dict(zip(head.split(","), last.split(","), strict=True))
    best = next(value for key, value in row.items() if "mAP50-95" in key)
    return f"{hashlib.sha256(text).hexdigest()[:16]}  mAP50-95 {best}"


if __name__ == "__main__":
    sys.exit(main())
