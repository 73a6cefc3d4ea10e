"""The commands of the program. Adding one: a file here, `conf/NAME.yaml`, and an entry in `COMMANDS`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from yolograft.common.errors import UserError

if TYPE_CHECKING:
    from yolograft.config.schema import Strict


@dataclass(frozen=True)
class Folders:
    """What folders on the command line stand for: `yolograft report multirun/necks`.

    Attributes:
        key: The key whose value they are.
        several: Whether there may be more than one.
        needs: An override that comes with them unless its group is chosen.
    """

    key: str
    several: bool = False
    needs: str | None = None


@dataclass(frozen=True)
class Command:
    """One command. The config groups that it uses are those of its `conf/NAME.yaml`.

    Attributes:
        summary: One line for `yolograft --help`.
        function: Dotted path of the function that runs it and returns the exit code. Imported only when it runs.
        schema: Dotted path of the model that its config must match. Imported only when a config is checked.
        folders: What folders on its command line stand for; None where it takes none.
        notes: Lines at the end of its `--help`.
        variants: Whether several values, with `-m`, stand for several models that it looks at together.
    """

    summary: str
    function: str
    schema: str
    folders: Folders | None = None
    notes: tuple[str, ...] = ()
    variants: bool = False

    def load_function(self) -> Callable[..., int]:
        """Import the function that runs the command; it takes a `CommandLine`."""
        found: Callable[..., int] = _load(self.function)
        return found

    def load_schema(self) -> "type[Strict]":
        """Import the model that the command's config must match."""
        found: type[Strict] = _load(self.schema)
        return found


COMMANDS = {
    "train": Command(
        "train a variant, or with -m a sweep of them",
        function="yolograft.cli.train.main",
        schema="yolograft.training.config.TrainConfig",
        notes=(
            "One run for each of several values:  yolograft train -m backbone=yolo11,effv1 neck=conv,gsconv",
            "A whole experiment:                  yolograft train experiments=smoke",
            "A run again, or from its settings:   yolograft train from=RUN_FOLDER epochs=50",
        ),
    ),
    "val": Command(
        "measure trained weights on a data set",
        function="yolograft.cli.val.main",
        schema="yolograft.cli.val.ValConfig",
        folders=Folders("run"),
    ),
    "predict": Command(
        "find objects in images, videos and cameras",
        function="yolograft.cli.predict.main",
        schema="yolograft.cli.predict.PredictConfig",
        folders=Folders("source", several=True),
        notes=(
            "Several files:       yolograft predict run=RUN_FOLDER photos/*.jpg",
            "A list:              find photos -name '*.jpg' | yolograft predict run=RUN_FOLDER source=-",
            "Runs side by side:   yolograft predict run=[RUN_FOLDER,RUN_FOLDER] source=photos",
            "Exit code 1 if some sources could not be read; they are named at the end.",
        ),
    ),
    "export": Command(
        "write trained weights as ONNX, OpenVINO, …, run the file and compare it",
        function="yolograft.cli.export.main",
        schema="yolograft.cli.export.ExportConfig",
        folders=Folders("run"),
        notes=("Exit code 1 if a file loses more than max_loss, or could not be written.",),
    ),
    "info": Command(
        "parameters, GFLOPs and pyramid of a variant",
        function="yolograft.cli.info.main",
        schema="yolograft.cli.info.InfoConfig",
    ),
    "bench": Command(
        "how long detectors take, measured in turns",
        function="yolograft.cli.bench.main",
        schema="yolograft.cli.bench.BenchConfig",
        folders=Folders("run", several=True),
        notes=(
            "Trained ones:    yolograft bench runs/a runs/b formats=[pytorch,onnx]",
            "A sweep:         yolograft bench sweep=multirun/NAME",
            "Untrained ones:  yolograft bench -m backbone=yolo11,effv1 neck=conv,gsconv",
        ),
        variants=True,
    ),
    "visualize": Command(
        "what detectors look at: feature and activation maps, hits and misses",
        function="yolograft.cli.visualize.main",
        schema="yolograft.cli.visualize.VisualizeConfig",
        folders=Folders("run", several=True),
    ),
    "report": Command(
        "compare the runs of a sweep",
        function="yolograft.cli.report.main",
        schema="yolograft.cli.report.ReportConfig",
        folders=Folders("runs", several=True),
    ),
    "data": Command(
        "what is in a data set, and what is wrong with it",
        function="yolograft.cli.data.main",
        schema="yolograft.cli.data.DataConfig",
        folders=Folders("dataset.path", needs="dataset=auto"),
        notes=("Writes <out>/<data set>/data.html. Exit code 1 if the data has errors, unless dataset.check=warn.",),
    ),
    "sweeps": Command(
        "list the sweeps: what is done, what is left, for how long",
        function="yolograft.cli.sweeps.main",
        schema="yolograft.cli.sweeps.SweepsConfig",
        folders=Folders("root"),
    ),
    "dashboard": Command(
        "a workspace and a report in W&B for a sweep",
        function="yolograft.cli.dashboard.main",
        schema="yolograft.cli.dashboard.DashboardConfig",
        folders=Folders("runs", several=True),
    ),
}


def _load(path: str) -> Any:
    """Import what a dotted path of the table names.

    Raises:
        UserError: There is no such module, or nothing of that name in it.
    """
    module, _, name = path.rpartition(".")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # a package that the module needs
            raise
        raise UserError(f"COMMANDS in cli/commands.py names {path}: there is no module {error.name}") from None
    if not hasattr(found, name):
        raise UserError(f"COMMANDS in cli/commands.py names {path}: {module} has no {name}")
    return getattr(found, name)
