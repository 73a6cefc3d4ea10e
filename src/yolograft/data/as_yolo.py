"""A split of any data set written as ultralytics' own tools read one: copied images, label files, `data.yaml`."""

import shutil
from pathlib import Path

from yolograft.data.dataset import DetectionDataset
from yolograft.upstream.yolo import write_yaml


def copy_as_yolo(dataset: DetectionDataset, folder: Path, most: int | None = None) -> Path:
    """Copy a split's images and labels into a folder, in ultralytics' layout.

    Images are copied, not linked: ultralytics rewrites some images in place and writes its caches beside them.

    Args:
        dataset: The split, its labels read.
        folder: An empty folder.
        most: Most images that are copied, evenly spread over the split; None: all.

    Returns:
        Its `data.yaml`, of which every split is this one.
    """
    for kind in ("images", "labels"):
        (folder / kind).mkdir()
    step = 1 if most is None else max(1, -(-len(dataset.labels) // most))
    for number, label in enumerate(dataset.labels[::step]):
        image = Path(label["im_file"])
        shutil.copyfile(image, folder / "images" / f"{number:06d}{image.suffix}")
        lines = (
            f"{int(cls)} " + " ".join(f"{value:.8f}" for value in box)
            for cls, box in zip(label["cls"].reshape(-1), label["bboxes"], strict=True)
        )
        (folder / "labels" / f"{number:06d}.txt").write_text("\n".join(lines), encoding="ascii")
    splits = dict.fromkeys(("train", "val", "test"), "images")
    write_yaml(folder / "data.yaml", {"path": str(folder), **splits, "names": dataset.spec.names})
    return folder / "data.yaml"
