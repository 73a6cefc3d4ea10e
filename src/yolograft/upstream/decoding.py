"""Images as ultralytics' training loader reads them, without a data set around them."""

import math
from collections.abc import Sequence

import cv2
import PIL
import ultralytics
from ultralytics.data.utils import exif_size

from yolograft.upstream.data import UpstreamDataset
from yolograft.upstream.images import ValueRange, opened_image

__all__ = ["DECODERS", "ImageReader", "resized_pixels"]

#: What decides, besides the file, on the pixels: another version may decode or resize otherwise in the last bit.
DECODERS = f"ultralytics {ultralytics.__version__}, opencv {cv2.__version__}, pillow {PIL.__version__}"


class ImageReader(UpstreamDataset):
    """Images without labels, of which only `load_image` is meant to be used; threads may share it.

    Args:
        files: the images.
        imgsz: length that the longer side is brought to, pixels.
        channels: 1 (grey) or 3 (colour), as of the data set.
        value_range: as for `read_image`.
    """

    def __init__(self, files: Sequence[str], imgsz: int, channels: int, value_range: ValueRange | None = None) -> None:
        self.value_range = value_range
        data = {"names": {}, "channels": channels}
        super().__init__(img_path=files, imgsz=imgsz, data=data, augment=False)

    def get_img_files(self, img_path: Sequence[str]) -> list[str]:
        """Take the files as they are."""
        return list(img_path)

    def get_labels(self) -> list[dict[str, object]]:
        """Return that nothing is labelled."""
        return [{} for _ in self.im_files]


def resized_pixels(file: str, imgsz: int) -> int:
    """Return how many pixels `load_image` will return for a file, from its header: decoding takes far longer.

    Args:
        file: the image; one whose header Pillow does not understand is taken for a square.
        imgsz: length that the longer side is brought to, pixels.
    """
    try:
        with opened_image(file) as image:
            sides = exif_size(image)
    except Exception:  # whatever is wrong with it is reported by those who look at its pixels  # noqa: BLE001
        return imgsz * imgsz
    longer = max(*sides, 1)
    return math.prod(min(math.ceil(side * imgsz / longer), imgsz) for side in sides)
