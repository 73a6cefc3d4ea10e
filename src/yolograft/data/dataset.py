"""The data set that training and validation read: ultralytics' own, with checked and cached labels."""

import random
from typing import Any, Literal

import numpy as np

from yolograft.common.errors import UserError
from yolograft.data.checks import Fault
from yolograft.data.listing import list_images
from yolograft.data.scan import Scan, scan_split
from yolograft.data.spec import DataSpec
from yolograft.upstream.data import UpstreamDataset, full_hyp

Split = Literal["train", "val", "test"]


class DetectionDataset(UpstreamDataset):
    """One split of a data set; samples, augmentation and collation are ultralytics' YOLODataset's.

    Attributes:
        spec: The data set.
        split: Which part of it.
        listed: The split's images, those that cannot be used among them.
        scan: What reading the labels found.
    """

    listed: list[str]
    scan: Scan

    def __init__(self, spec: DataSpec, split: Split, **options: Any) -> None:
        """Find the images, read their labels (from the cache where nothing changed) and prepare the transforms.

        Args:
            spec: The data set.
            split: Which part of it.
            options: Of ultralytics' YOLODataset (`imgsz`, `augment`, `hyp`, …).

        Raises:
            UserError: Where the split cannot be used at all.
        """
        self.spec = spec
        self.split = split
        self.value_range = spec.range
        super().__init__(
            img_path=list(getattr(spec, split)),
            data=spec.as_ultralytics(),
            prefix=f"{split}: ",
            **options,
        )

    def get_img_files(self, img_path: list[str]) -> list[str]:
        """List the split's images.

        Raises:
            UserError: A folder or list that does not exist, or no images in them.
        """
        files = list_images(self.spec, self.split)
        count = self.fraction if isinstance(self.fraction, int) else max(1, round(len(files) * self.fraction))
        self.listed = files[:count]
        return self.listed

    def get_labels(self) -> list[dict[str, Any]]:
        """Return ultralytics' label dictionaries of the images that can be used, and keep them as `im_files`.

        Raises:
            UserError: No image can be used, or nothing is labelled in the split that is to be trained on.
        """
        self.label_files = self.spec.labels.files(self.listed)
        self.scan = scan_split(self.spec, self.split, self.listed, fraction=self.fraction, single_cls=self.single_cls)
        self._stop_if_useless()
        labels = self.scan.as_labels(self.listed)
        self.im_files = [label["im_file"] for label in labels]
        return labels

    @property
    def fingerprint(self) -> str:
        """Hash of the images and labels that are used; the same wherever they lie."""
        return self.scan.fingerprint(self.listed)

    def _stop_if_useless(self) -> None:
        """Raise UserError where the split cannot serve its purpose."""
        if not self.scan.images:
            first = "; ".join(str(fault) for fault in self.scan.faults[:3])
            raise UserError(f"{self.prefix}none of the {self.scan.total} images can be used: {first}")
        if self.scan.boxes:
            return
        example = next((file for file in self.label_files if file), "")
        message = f"no labelled object in {self.scan.images} images (looked for labels such as {example})"
        if self.split == "train":
            skipped = "".join(f"; skipped: {fault}" for fault in self.scan.faults[:1])
            raise UserError(f"{self.prefix}{message}{skipped}")
        self.scan.faults.append(
            Fault(self.spec.root, None, f"{self.prefix}{message}; its metrics mean nothing", "no-boxes")
        )


def build_dataset(
    spec: DataSpec,
    split: Split,
    hyp: Any,
    imgsz: int,
    batch: int,
    stride: int = 32,
    *,
    augment: bool,
    rect: bool,
    fraction: float = 1.0,
    single_cls: bool = False,
) -> DetectionDataset:
    """Build one split as ultralytics' `build_yolo_dataset` would; leave the global random states as they are.

    Args:
        spec: The data set.
        split: `train`, `val` or `test`.
        hyp: Augmentation values by ultralytics' names, as attributes; what is not given is ultralytics' default.
        imgsz: Length of an image's longer side, pixels.
        batch: Images per batch; with `rect`, images of one batch share a shape.
        stride: The model's largest stride; batch shapes are multiples of it.
        augment: Augment (training); also decides, as in ultralytics, by how much `rect` shapes are padded: not at all,
            else by half a stride.
        rect: Rectangular batches, sorted by aspect ratio; switches mosaic off.
        fraction: Use this share of the images, or with a whole number above 1 this many.
        single_cls: Take all classes for one.

    Returns:
        The data set, its labels read; `scan` says what was found.

    Raises:
        UserError: The split is not there, is empty or cannot be used.
    """
    if not getattr(spec, split):
        raise UserError(f"data set {spec.name} has no {split} split")
    if fraction <= 0:
        raise UserError(f"fraction={fraction} leaves no images; use a share up to 1.0")
    states = random.getstate(), np.random.get_state()
    try:
        return DetectionDataset(
            spec,
            split,
            hyp=full_hyp(hyp),
            imgsz=imgsz,
            batch_size=batch,
            stride=stride,
            augment=augment,
            rect=rect,
            pad=0.0 if augment else 0.5,
            fraction=fraction,
            single_cls=single_cls,
        )
    finally:  # what ultralytics draws while it is built is no part of a run's randomness
        random.setstate(states[0])
        np.random.set_state(states[1])
