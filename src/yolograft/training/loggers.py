"""Where metrics go beside metrics.csv; none of it asks a question or needs an account by default."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from yolograft.errors import UserError


def check_logger(settings: Mapping[str, Any]) -> None:
    """Refuse, before anything is loaded, a logger that could not work or would ask a question.

    Raises:
        UserError: If the logger's package is not installed, or W&B has no key to be online with.
    """
    kind = settings["kind"]
    package = {"tensorboard": "tensorboard", "wandb": "wandb"}.get(kind)
    if package and find_spec(package) is None:
        raise UserError(f'logger={kind}: its package is not installed; pip install "yolograft[{kind}]"')
    if kind == "wandb" and settings["mode"] == "online":
        import wandb

        if not wandb.api.api_key:  # W&B would ask for one, or fail in the middle
            raise UserError("logger.mode=online: no W&B key is set; run `wandb login` once, or use logger.mode=offline")


def make_logger(
    settings: Mapping[str, Any], folder: Path, name: str, group: str, config: dict[str, Any]
) -> Logger | None:
    """Return Lightning's logger for the `logger` group, or None where metrics.csv is enough.

    Args:
        settings: The `logger` group, checked.
        folder: The run's folder.
        name: The run's name.
        group: The sweep's name, or the project of a single run.
        config: The resolved config, kept beside the curves.
    """
    if settings["kind"] == "csv":
        return None
    if settings["kind"] == "tensorboard":
        return TensorBoardLogger(folder, name="tensorboard", version="")
    import wandb

    return WandbLogger(
        name=name,
        save_dir=folder,
        project=settings["project"],
        entity=settings["entity"],
        group=group,
        tags=settings["tags"],
        offline=settings["mode"] == "offline",
        config=config,
        settings=wandb.Settings(silent=True),
    )


def close_logger(logger: Logger | None, failed: bool) -> None:
    """End the logger's run, so that the next run in this process gets one of its own."""
    if logger is None:
        return
    logger.finalize("failed" if failed else "success")
    if isinstance(logger, WandbLogger):
        import wandb

        wandb.finish(exit_code=int(failed))
