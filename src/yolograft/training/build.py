"""From a config's groups to the objects that they name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from yolograft.config.instantiate import instantiate
from yolograft.config.schema import DATASET_OPTIONS, DatasetOptions
from yolograft.data.spec import DataSpec
from yolograft.data.splitting import SHARE, fold, hold_out
from yolograft.errors import UserError
from yolograft.files import user_path
from yolograft.model.detector import GROUPS, ModelSpec


def model_spec(config: Mapping[str, Any], data: DataSpec) -> ModelSpec:
    """Return what a config's groups and a data set's classes say of the model."""
    return ModelSpec(
        parts={part: dict(config[part]) for part in GROUPS},
        scale=dict(config["scale"]),
        nc=data.nc,
        names=dict(data.names),
        loss=dict(config["loss"]),
    )


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


def own_packages(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the packages that the person's own config names parts from: naming them there is trusting them."""
    return tuple({str(config[part]["_target_"]).partition(".")[0] for part in (*GROUPS, "loss") if part in config})
