"""The functions of `import yolograft`: what the commands do, with values in the place of printed text."""

import shlex
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from yolograft.common.errors import UserError
from yolograft.common.files import user_path
from yolograft.common.metrics import METRIC, Metric
from yolograft.runs.record import RunRecord
from yolograft.runs.weights_file import best_weights

if TYPE_CHECKING:
    import pandas as pd

    from yolograft.analysis.comparison import Comparison
    from yolograft.evaluation.yolo import TrainedYOLO
    from yolograft.sweep.result import Result

__all__ = ["Compared", "RunRecord", "UserError", "compare", "info", "load", "train"]


@overload
def train(overrides: str | Iterable[str] = (), *, multirun: Literal[False] = False) -> RunRecord: ...


@overload
def train(overrides: str | Iterable[str] = (), *, multirun: Literal[True]) -> list[RunRecord]: ...


def train(overrides: str | Iterable[str] = (), *, multirun: bool = False) -> RunRecord | list[RunRecord]:
    r"""Train a variant, or a sweep of them, as `yolograft train` does.

    What is done already is not done again: the same overrides return a finished run's record at once, and go on with
    one that was cut off. A script that starts a sweep needs `if __name__ == "__main__":` around it, since the runs are
    trained in processes of their own.

    Args:
        overrides: As on the command line: one string, or a list of overrides.
        multirun: Train one run for each combination of several values, as `-m` does.

    Returns:
        The run's record, with its metrics, costs and `folder`. Of a sweep, the record of each of its runs that was
        begun, also of those that failed.

    Raises:
        UserError: For the first override that is refused, and for data that cannot be trained on.
        RuntimeError: The run, if it is a single one, has failed.
        KeyboardInterrupt: After Ctrl-C, once the checkpoint is written.

    Examples:
        One run, on eight generated images:

        >>> tiny = "epochs=1 imgsz=64 batch=4 dataset.train=8 dataset.val=4 device=cpu trainer.plots=false"
        >>> record = yolograft.train(f"backbone=mbv3 name=first {tiny}")
        >>> record.status, record.epochs_done
        ('finished', 1)
        >>> sorted(record.metrics.overall)
        ['mAP50', 'mAP50-95', 'precision', 'recall']

        A sweep of two necks:

        >>> records = yolograft.train(f"neck=conv,gsconv name=necks {tiny}", multirun=True)
        >>> [each.choices["neck"] for each in records]
        ['conv', 'gsconv']
    """
    from yolograft.cli.command_line import check_command_line
    from yolograft.sweep.command import run_command
    from yolograft.training.stopping import StoppedError

    _find_own_parts()
    line = check_command_line("train", [*(["-m"] if multirun else []), *_words(overrides)])
    request = line.request
    if request is None or any(spec.config["plan"] for spec in (*request.specs, *request.probes)):
        raise UserError("train: --cfg and plan=true show something on the command line and train nothing")
    try:
        result = run_command(request, _Files())
    except StoppedError as stopped:
        if stopped.signum == signal.SIGINT:
            raise KeyboardInterrupt(str(stopped)) from None
        raise SystemExit(stopped.exit_code) from None
    return result.records if request.sweep is not None else _record(result)


class _Files:
    """A sweep's table and page are kept up to date on disk; nothing is shown."""

    def after_run(self, folder: Path) -> None:
        from yolograft.render.report import page_is_due, render

        render(folder, page=page_is_due(folder))

    def after_search(self, result: Mapping[str, Any]) -> None:
        """Leave it to the caller, who finds it in the sweep's folder."""

    def at_the_end(self, folder: Path) -> list[Path]:
        from yolograft.render.report import render

        return render(folder)


def load(path: str | Path, *, trust: Sequence[str] = ()) -> "TrainedYOLO":
    """Load a trained detector as an `ultralytics.YOLO`.

    Nothing in the file is executed, also if it is a stranger's.

    Args:
        path: A run's folder, whose best weights are taken, or a file of weights (`best.safetensors`).
        trust: Packages beyond yolograft, ultralytics, timm and torch whose classes the weights may name.

    Returns:
        An `ultralytics.YOLO`: `predict`, `track`, `val`, `export`, `benchmark`, `fuse`, `info` work as its
        documentation says, at the image size of the training unless `imgsz` is given. `val()` without `data` measures
        on the data set of the training. `model` is the detector, a subclass of ultralytics' `DetectionModel` on the
        CPU and in evaluation mode: `model.spec` says what it is made of; called with images [batch, 3, height, width]
        (RGB, 0…1, sides a multiple of 32) it returns what ultralytics' head returns, of which the first is boxes
        [batch, 4 + classes, anchors] before non-maximum suppression.

    Raises:
        UserError: There is no such file, it is damaged, or it names a part that is not trusted.

    Examples:
        >>> best = yolograft.load(record.folder)
        >>> best.names[0]
        'circle'
        >>> import numpy
        >>> result = best.predict(numpy.zeros((64, 64, 3), numpy.uint8), verbose=False)[0]
        >>> tuple(result.boxes.xyxy.shape)
        (0, 4)
        >>> import torch
        >>> boxes = best.model(torch.zeros(1, 3, 64, 64))[0]
        >>> tuple(boxes.shape)
        (1, 8, 84)
    """
    from yolograft.evaluation.yolo import open_yolo
    from yolograft.upstream.yolo import speak

    place = user_path(path)
    opened = open_yolo(best_weights(place) if place.is_dir() else place, trust)
    speak()
    return opened


def info(overrides: str | Iterable[str] = ()) -> dict[str, Any]:
    """Build a variant and describe it, as `yolograft info` does.

    Args:
        overrides: As on the command line: one string, or a list of overrides.

    Returns:
        What `yolograft info format=json` prints: `params`, `gradients`, `gflops` at `imgsz`, `nc`, `levels` (channels
        and stride of each level), `parts` (parameters of each) and `choices`.

    Raises:
        UserError: For the first override that is refused, and for parts that do not fit each other.

    Examples:
        >>> yolograft.info("neck=gsconv scale=n nc=80")["params"]
        2534320
        >>> yolograft.info("backbone=effv1")["levels"]["P5"]
        {'channels': 80, 'stride': 32}
    """
    from yolograft.cli.command_line import check_command_line
    from yolograft.model.describe import describe

    _find_own_parts()
    return describe(check_command_line("info", _words(overrides)).config)


@dataclass(frozen=True)
class Compared:
    """The comparison of some runs.

    Attributes:
        comparison: All of it: a row for each variant with its runs, statistics and difference to the baseline, the
            effects of each group, and what readers must be told.
    """

    comparison: "Comparison"

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each variant, the best first, with the columns of `comparison.csv`."""
        from yolograft.analysis.frame import to_frame

        return to_frame(self.comparison)

    @cached_property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, with the columns of `runs.csv`."""
        from yolograft.analysis.frame import to_frame

        return to_frame(self.comparison, "runs")


def compare(
    path: str | Path | Sequence[str | Path], *, metric: Metric = METRIC, baseline: Mapping[str, str] | None = None
) -> Compared:
    """Compare the runs of a sweep, as `yolograft report` does.

    Args:
        path: A sweep's folder, or several; runs' folders too.
        metric: What is compared.
        baseline: What to compare with, as option by group; by default each variant's base as it is.

    Returns:
        The comparison, with `table` and `runs` as pandas data frames.

    Raises:
        UserError: A folder does not exist or holds no run, or there is no such baseline.

    Examples:
        >>> result = yolograft.compare("multirun/necks")
        >>> sorted(result.table["neck"])
        ['conv', 'gsconv']
        >>> len(result.runs)
        2
        >>> result.comparison.metric
        'mAP50-95'
    """
    from yolograft.analysis.comparison import compare_folders

    return Compared(compare_folders(path, metric, baseline))


def _words(overrides: str | Iterable[str]) -> list[str]:
    """Return overrides one by one; a string is split at spaces outside quotes. A backslash stands for itself."""
    if not isinstance(overrides, str):
        return list(overrides)
    lexer = shlex.shlex(overrides, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)
    except ValueError as error:
        raise UserError(f"{overrides}: {str(error).lower()}; give a list of overrides instead") from None


def _find_own_parts() -> None:
    """Make modules in the working folder importable, as the command line does: a person's own parts lie there."""
    if "" not in sys.path and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)


def _record(result: "Result") -> RunRecord:
    if result.exit_code:
        reason = result.failures[0].reason if result.failures else "see its log"
        raise UserError(reason) if result.exit_code == 2 else RuntimeError(f"{result.specs[0].folder}: {reason}")
    return result.records[0]
