"""From a config's `dataset` group to the data set that it names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.config.instantiate import instantiate
from yolograft.config.schema import DATASET_OPTIONS, DatasetOptions
from yolograft.data.spec import DataSpec


def data_spec(config: Mapping[str, Any]) -> DataSpec:
    """Return the data set that the person's own config names, split as it says; with `single_cls` it has one class.

    Args:
        config: With `dataset`, and `single_cls` where it is wanted.

    Raises:
        UserError: If there is no such data set, or it cannot be split so.
    """
    settings = dict(config["dataset"])
    wish = DatasetOptions.model_validate({key: settings.pop(key) for key in DATASET_OPTIONS if key in settings})
    spec = instantiate(settings, "dataset")
    if not isinstance(spec, DataSpec):
        raise UserError(f"dataset: {settings['_target_']} returns no DataSpec")
    spec = replace(spec, range=wish.limits)
    from yolograft.data.splitting import SHARE, fold, hold_out  # compares images, so it loads torch

    if wish.folds is not None and wish.fold is not None:
        spec = fold(spec, wish.folds, wish.fold, group_duplicates=wish.group_duplicates)
    elif wish.split is not None or not spec.val:
        spec = hold_out(spec, wish.split or SHARE, group_duplicates=wish.group_duplicates)
    return replace(spec, names={0: "item"}) if config.get("single_cls") else spec


def with_absolute_path(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config that means the same data set from any folder."""
    path = config["dataset"].get("path")
    if not isinstance(path, str):
        return config
    return {**config, "dataset": {**config["dataset"], "path": str(user_path(path).resolve())}}
