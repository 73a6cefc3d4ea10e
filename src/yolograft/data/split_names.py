"""What the splits of a data set are called, in whatever way people write it."""

import re

#: Words for each split, the likeliest first.
SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}

_SPLIT_OF = {word: split for split, words in SPLITS.items() for word in words}


def split_of(name: str) -> str | None:
    """Return the split that a folder is named after, or None.

    In any letter case, also as COCO (`train2017`) and CVAT (`obj_train_data`) write it.
    """
    found = re.fullmatch(r"obj_([a-z]+)_data|([a-z]+)(?:20\d\d)?", name.lower())
    return _SPLIT_OF.get(found[1] or found[2]) if found else None
