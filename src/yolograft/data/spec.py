"""What a source of data ends in: which images each split has, where their labels are, what the classes are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yolograft.common.errors import UserError
from yolograft.data.labels.reader import LabelReader
from yolograft.data.labels.yolo import YoloLabels

if TYPE_CHECKING:
    from yolograft.upstream.images import ValueRange


@dataclass(frozen=True)
class DataSpec:
    """A data set for detection, whatever it was made from.

    Attributes:
        name: What the data set is called in tables.
        train: Absolute paths of folders of images, lists of images (.txt) or images.
        val: The same for validation; empty where there is no such split.
        test: The same for testing.
        names: Class names by class number, 0 … nc - 1.
        root: Absolute path of the folder that holds it.
        channels: Channels of the image files: 3 for colour, 1 for grey, which is read as three equal ones.
        labels: Finds and reads an image's labels; ultralytics' text files unless a source says otherwise.
        form: What it was read as, such as `yolo` or `coco`.
        source: Absolute path of the file or folder that says what it holds; the name of one that is made or downloaded.
        notes: What was done that a person may not expect, in sentences.
        held_out: Images that were held out for validation, and of how many; None where the val split was given.
        range: Values of images of more than 8 bits that become 0 and 255; None: as ultralytics reads them.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    names: dict[int, str]
    root: str
    channels: int = 3
    labels: LabelReader = field(default_factory=YoloLabels)
    form: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    held_out: tuple[int, int] | None = None
    range: "ValueRange | None" = None

    def __post_init__(self) -> None:
        """Refuse images that no model here can take.

        Raises:
            UserError: They have another number of channels.
        """
        if self.channels not in (1, 3):
            raise UserError(
                f"{self.name}: its images have {self.channels} channels; models here take 3 (or grey images)"
            )

    @property
    def nc(self) -> int:
        """Number of classes."""
        return len(self.names)

    def origin(self, images: Mapping[str, int]) -> str:
        """Return one line: what was read, as what form, which splits it has, and what was held out.

        Args:
            images: How many images each split has, by its name.
        """
        said = ", ".join(f"{split} {count:,}" for split, count in images.items()) or "no split can be read"
        if self.held_out:
            said += f"; no val split was given: held out {self.held_out[0]:,} of {self.held_out[1]:,} images"
        form = f"read as {self.form} from " if self.form else ""
        return f"{form}{self.source or self.root}: images in {said}"

    def as_ultralytics(self) -> dict[str, Any]:
        """Return the `data` dictionary that ultralytics' datasets, validators and plots expect."""
        return {
            "path": self.root,
            "train": list(self.train),
            "val": list(self.val),
            "test": list(self.test),
            "names": dict(self.names),
            "nc": self.nc,
            "channels": 3,
        }
