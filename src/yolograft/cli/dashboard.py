"""`yolograft dashboard`: the saved workspace and the report of a sweep in W&B."""

from importlib.util import find_spec

from yolograft.cli.command_line import CommandLine
from yolograft.common.errors import UserError
from yolograft.common.files import atomic_write, user_path
from yolograft.common.metrics import Metric
from yolograft.common.parsing import json_document
from yolograft.config.schema import Place, Strict, Text


class DashboardConfig(Strict):
    """The config of `yolograft dashboard`."""

    runs: Place | list[Place] | None
    metric: Metric
    project: Text
    entity: Place | None
    name: Text | None
    file: Text | None


def main(line: CommandLine) -> int:
    """Save the dashboard in W&B, or write what would be saved into a file."""
    config = line.config
    given = config["runs"] if isinstance(config["runs"], list) else [config["runs"]]
    folders = [user_path(folder) for folder in given if folder]
    if find_spec("wandb_workspaces") is None:
        raise UserError('dashboard: wandb-workspaces is not installed; pip install "yolograft[wandb]"')
    from yolograft.analysis.collect import collect
    from yolograft.render.dashboard import plan, save, specification

    made = plan(
        collect(folders) if folders else [],
        [folder.resolve().name for folder in folders],
        project=config["project"],
        entity=config["entity"],
        name=config["name"],
        metric=config["metric"],
    )
    if config["file"]:
        file = user_path(config["file"])
        if not file.parent.is_dir():
            raise UserError(f"file={file}: there is no folder {file.parent}")
        try:
            print(atomic_write(file, json_document(specification(made))))
        except OSError as error:
            raise UserError(f"file={file}: cannot be written: {error.strerror}") from error
        return 0
    for address in save(made):
        print(address)
    return 0
