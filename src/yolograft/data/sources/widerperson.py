"""WiderPerson: pedestrians in dense crowds."""

from pathlib import Path

from yolograft.common.errors import UserError
from yolograft.data.labels.widerperson import CLASSES, WiderPersonLabels
from yolograft.data.places import given_folder, is_file, is_folder
from yolograft.data.sources.voc import read_list
from yolograft.data.spec import DataSpec


def widerperson(*, path: str) -> DataSpec:
    """Read WiderPerson: 8000 images to train, 1000 to validate; pedestrians, riders and partially-visible persons.

    Its two other labels are no single objects: "ignore regions" (pictures of people and the like) and "crowd" (people
    too dense to separate). They are left out, as conversions to other forms commonly do; what is detected there
    counts as wrong. The data set's own evaluation knows one class, persons: `single_cls=true`.

    Args:
        path: The folder that holds Images, Annotations, train.txt and val.txt.

    Raises:
        UserError: One of them is missing.
    """
    root = given_folder(path, "dataset=widerperson dataset.path=FOLDER")
    for name in ("Images", "Annotations"):
        if not is_folder(root / name):
            raise UserError(f"{root}: no folder {name}; WiderPerson holds Images, Annotations, train.txt and val.txt")
    return DataSpec(
        name="widerperson",
        train=_images(root, "train"),
        val=_images(root, "val"),
        test=(),  # its labels are not public
        names=dict(enumerate(CLASSES)),
        root=str(root),
        labels=WiderPersonLabels(str(root / "Annotations")),
    )


def _images(root: Path, split: str) -> tuple[str, ...]:
    file = root / f"{split}.txt"
    if not is_file(file):
        raise UserError(f"{root}: no {split}.txt; WiderPerson holds Images, Annotations, train.txt and val.txt")
    return tuple(str(root / "Images" / f"{name}.jpg") for name in read_list(file))
