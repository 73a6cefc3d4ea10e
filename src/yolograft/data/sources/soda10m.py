"""SODA10M: driving scenes of 31 Chinese cities, its labelled part."""

from dataclasses import replace

from yolograft.common.errors import UserError
from yolograft.data.places import given_folder, is_folder
from yolograft.data.sources.coco import coco
from yolograft.data.spec import DataSpec


def soda10m(*, path: str) -> DataSpec:
    """Read the labelled part of SODA10M: 5000 images to train, 5000 to validate, 6 classes.

    Args:
        path: The folder that holds `labeled` (or that folder itself): in it `annotations/instance_train.json`,
            `annotations/instance_val.json`, and the images in `train` and `val`.

    Raises:
        UserError: The folder or one of the JSON files is missing.
    """
    root = given_folder(path, "dataset=soda10m dataset.path=FOLDER")
    labelled = next(
        (place for place in (root / "labeled", root / "SSLAD-2D" / "labeled", root) if is_folder(place)), root
    )
    if not is_folder(labelled / "annotations"):
        raise UserError(
            f"{root}: no labeled/annotations/instance_train.json; dataset.path is the folder that holds labeled"
        )
    found = coco(path=str(labelled), train="annotations/instance_train.json", val="annotations/instance_val.json")
    return replace(found, name="soda10m")
