"""What a source of data ends in: where the images of each split lie and what the classes are called."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class DataSpec:
    """A data set for detection, whatever it was made from.

    Labels lie where ultralytics looks for them: the last `images` folder of an image's path replaced by `labels`, the
    suffix by `.txt`; one row `class x y w h` per box, in fractions of the image, or a polygon `class x1 y1 x2 y2 …`.

    Attributes:
        name: what the data set is called in tables.
        train: absolute paths of image folders or lists of images (.txt).
        val: the same for validation.
        test: the same for testing, empty where there is no such split.
        names: class names by class number, 0 … nc - 1.
        root: absolute path of the folder that holds it.
        channels: channels of the images: 3 for colour, 1 for grey.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    names: dict[int, str]
    root: str
    channels: int = 3

    @property
    def nc(self) -> int:
        """Number of classes."""
        return len(self.names)

    def as_ultralytics(self) -> dict[str, Any]:
        """Return the `data` dictionary that ultralytics' datasets, validators and plots expect."""
        return {
            "path": self.root,
            "train": list(self.train),
            "val": list(self.val),
            "test": list(self.test),
            "names": dict(self.names),
            "nc": self.nc,
            "channels": self.channels,
        }
