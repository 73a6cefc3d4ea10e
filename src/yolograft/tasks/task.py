"""What tells one task (detection) from another: losses, metrics, validator, and how they are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from yolograft.upstream.training import Evaluator


@dataclass(frozen=True)
class Loss:
    """A term of the loss.

    Attributes:
        key: What ultralytics calls it; metrics.csv holds it as `train/<key>` and `val/<key>`.
        short: The heading of its column on the screen.
        title: The title of its plot.
    """

    key: str
    short: str
    title: str


@dataclass(frozen=True)
class Panel:
    """One plot of a training's curves.

    Attributes:
        title: Its title.
        columns: The columns of metrics.csv in it.
        labels: What its legend calls them.
    """

    title: str
    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What a detector is trained for. Reports read it too, so it imports torch only where it computes.

    Attributes:
        losses: The terms of the loss.
        metrics: The metrics of an epoch, in the order of metrics.csv and the screen.
        fitness: The metric that the best epoch has most of.
        metric_panels: The plots of the metrics.
        watched: The losses that a dashboard shows beside the metric, as columns of metrics.csv.
        evaluator: Return what counts validation batches: `evaluator(loader, folder, plots=…, single_cls=…)`.
        noise_labels: Return labels of so many images, one object in each, to measure a training's speed with.
    """

    losses: tuple[Loss, ...]
    metrics: tuple[str, ...]
    fitness: str
    metric_panels: tuple[Panel, ...]
    watched: tuple[str, ...]
    evaluator: "Callable[..., Evaluator]"
    noise_labels: "Callable[[int], dict[str, Tensor]]"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The plots of a training's curves."""
        losses = (Panel(loss.title, (f"train/{loss.key}", f"val/{loss.key}"), ("train", "val")) for loss in self.losses)
        return (*losses, *self.metric_panels)
