"""TensorBoard: event files in the run's folder."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from yolograft.config.schema import Strict
from yolograft.runs.predictions import Box
from yolograft.tracking.base import RunLogger, Status, TrackedRun

if TYPE_CHECKING:
    from yolograft.evaluation.pictures import Picture


class TensorBoardSettings(Strict):
    """TensorBoard event files in the run's folder."""

    kind: Literal["tensorboard"]
    pictures: Annotated[int, Field(ge=0)]


class TensorBoardLogger(RunLogger):
    """Curves, pictures, and at the end the settings with the results, for TensorBoard's table of hyperparameters.

    Args:
        run: The run.
        settings: The `logger` group.
    """

    title = "TensorBoard"
    packages = ("tensorboard",)
    Settings = TensorBoardSettings

    def __init__(self, run: TrackedRun, settings: Mapping[str, Any]) -> None:
        super().__init__(run, settings)
        self._writer: Any = None
        self._try(self._start)

    @property
    def experiment(self) -> Any:
        """The writer, for callbacks that know it."""
        return self._writer

    def _start(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self.run.folder / "tensorboard", flush_secs=1)
        self._writer.add_text("tags", ", ".join(self.run.tags))

    def _metrics(self, metrics: dict[str, float], step: int | None) -> None:
        for name, value in metrics.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, step)

    def _pictures(self, pictures: "Sequence[Picture]", names: Mapping[int, str], epoch: int) -> None:
        for number, picture in enumerate(pictures):
            height, width = picture.image.shape[:2]
            for kind, boxes in (("predictions", picture.found), ("ground_truth", picture.truth)):
                pixels = [[c * side for c, side in zip(b.corners, (width, height) * 2, strict=True)] for b in boxes]
                self._writer.add_image_with_boxes(
                    f"validation/{number} {kind}",
                    picture.image,
                    _array(pixels),
                    epoch,
                    dataformats="HWC",
                    labels=[_caption(box, names) for box in boxes],
                )

    def _close(self, status: Status, summary: dict[str, Any]) -> None:
        from torch.utils.tensorboard.summary import hparams

        numbers = {name: value for name, value in summary.items() if isinstance(value, int | float)}
        for name, value in numbers.items():
            self._writer.add_scalar(name, value)
        settings = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in self.run.settings.items()}
        # Into the run's own file: SummaryWriter.add_hparams would make a folder for each.
        for part in hparams({**settings, "status": status}, numbers):
            self._writer.file_writer.add_summary(part)
        self._writer.close()


def _array(rows: list[list[float]]) -> Any:
    import numpy as np

    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def _caption(box: Box, names: Mapping[int, str]) -> str:
    name = names.get(box.label, str(box.label))
    return name if box.confidence is None else f"{name} {box.confidence:.2f}"
