"""Where metrics go beside metrics.csv; none of it asks a question, needs an account or holds up a training."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from yolograft.common.errors import UserError
from yolograft.tracking.base import RunLogger, Tracked

#: The packages of each logger, by the name of its extra.
_PACKAGES = {"tensorboard": ("tensorboard",), "wandb": ("wandb",), "mlflow": ("mlflow", "sqlalchemy", "alembic")}


def check_logger(settings: Mapping[str, Any]) -> None:
    """Refuse, before anything is loaded, a logger that could not work.

    Args:
        settings: The `logger` group.

    Raises:
        UserError: If the logger's package is not installed, or W&B has no key to be online with.
    """
    kind = settings["kind"]
    if missing := [package for package in _PACKAGES.get(kind, ()) if find_spec(package) is None]:
        raise UserError(f'logger={kind}: {missing[0]} is not installed; pip install "yolograft[{kind}]"')
    if kind == "wandb" and settings["mode"] == "online":
        from yolograft.tracking.wandb_server import global_settings, key

        if not key(global_settings()):  # W&B would ask for one, or fail in the middle
            raise UserError("logger.mode=online: no W&B key is set; run `wandb login` once, or use logger.mode=offline")


def open_logger(settings: Mapping[str, Any], run: Tracked) -> RunLogger | None:
    """Return the logger of the `logger` group for a run, or None where metrics.csv is enough.

    Args:
        settings: The `logger` group, checked.
        run: The run.
    """
    match settings["kind"]:
        case "tensorboard":
            from yolograft.tracking.tensorboard import TensorBoardLogger

            return TensorBoardLogger(run)
        case "mlflow":
            from yolograft.tracking.mlflow import MlflowLogger

            return MlflowLogger(run, settings)
        case "wandb":
            from yolograft.tracking.wandb import WandbLogger

            return WandbLogger(run, settings)
    return None
