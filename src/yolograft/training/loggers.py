"""Where metrics go beside metrics.csv; none of it asks a question or needs an account by default."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from yolograft.errors import UserError


def make_logger(
    settings: Mapping[str, Any], folder: Path, name: str, group: str, config: dict[str, Any]
) -> Logger | None:
    """Return Lightning's logger for the `logger` group, or None where metrics.csv is enough.

    Args:
        settings: The `logger` group.
        folder: The run's folder.
        name: The run's name.
        group: The sweep's name, or the project of a single run.
        config: The resolved config, kept beside the curves.

    Raises:
        UserError: If the logger's package is not installed.
    """
    kind = settings["kind"]
    if kind == "csv":
        return None
    try:
        if kind == "tensorboard":
            return TensorBoardLogger(folder, name="tensorboard", version="")
        import wandb

        if settings["mode"] == "online" and not wandb.api.api_key:  # W&B would ask for one, or fail in the middle
            raise UserError("logger.mode=online: no W&B key is set; run `wandb login` once, or use logger.mode=offline")
        logger = WandbLogger(
            name=name,
            save_dir=folder,
            project=settings["project"],
            entity=settings["entity"],
            group=group,
            tags=settings["tags"],
            offline=settings["mode"] == "offline",
            config=config,
        )
    except ModuleNotFoundError:
        raise UserError(f'logger={kind}: its package is not installed; pip install "yolograft[{kind}]"') from None
    return logger


def close_logger(logger: Logger | None, failed: bool) -> None:
    """End the logger's run, so that the next run in this process gets one of its own."""
    if logger is None:
        return
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, WandbLogger):
        import wandb

        wandb.finish(exit_code=int(failed))
