"""Single images to a detector's input, and its output to boxes, as ultralytics' predictor does both."""

import numpy as np
import torchvision  # noqa: F401 - once it is imported ultralytics' NMS is torchvision's, as in its own commands
from torch import Tensor
from ultralytics.data.augment import LetterBox
from ultralytics.utils.nms import non_max_suppression

from yolograft.upstream.data import UpstreamDataset

__all__ = ["boxes_of", "letterboxed", "letterboxed_item"]


def letterboxed(image: np.ndarray, imgsz: int, stride: int) -> np.ndarray:
    """Return an image whose longer side is `imgsz`, padded in grey to multiples of the stride.

    Args:
        image: [H, W, 3] uint8.
        imgsz: Length of the longer side, pixels.
        stride: The model's largest stride.
    """
    resized: np.ndarray = LetterBox((imgsz, imgsz), auto=True, stride=stride)(image=image)
    return resized


def letterboxed_item(
    dataset: UpstreamDataset, place: int, imgsz: int, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image of a data set as `letterboxed` does, with its labels.

    Args:
        dataset: The data set.
        place: Number of the image.
        imgsz: As of `letterboxed`.
        stride: As of `letterboxed`.

    Returns:
        The image [H, W, 3] uint8, blue first; the numbers of its classes [N]; its boxes [N, 4], corners as shares of
        the image.
    """
    item = LetterBox((imgsz, imgsz), auto=True, stride=stride)(labels=dataset.get_image_and_label(place))
    height, width = item["img"].shape[:2]
    instances = item["instances"]
    instances.convert_bbox("xyxy")
    instances.denormalize(width, height)
    return item["img"], item["cls"].reshape(-1), instances.bboxes / np.array([width, height, width, height])


def boxes_of(output: Tensor, confidence: float, nc: int) -> Tensor:
    """Return the boxes of one image, [N, 6]: corners in pixels, confidence, class; the most certain first.

    Args:
        output: What the head gives for it, [1, 4 + nc, anchors], or [1, boxes, 6] of a head that needs no NMS.
        confidence: Boxes below it are left out.
        nc: Number of classes.
    """
    found: Tensor = non_max_suppression(output, conf_thres=confidence, iou_thres=0.7, nc=nc)[0]
    return found
