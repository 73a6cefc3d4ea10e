"""An exported detector beside PyTorch's, image by image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from yolograft.common.metrics import METRIC, METRICS
from yolograft.evaluation.captured import captured
from yolograft.evaluation.runtimes.base import Runtime
from yolograft.runs.exports import Status
from yolograft.tasks.detect import DETECT

TOLERANCE = 1e-3
"""Largest difference of boxes (as a share of their longer side) and of scores that a file in float32 may have."""
_BOXES = 300
"""Anchors of an image that are compared, those with the surest scores: as many as ultralytics keeps boxes."""


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        images: How many were compared.
        boxes: Largest difference of centre, width or height, as a share of the box's longer side; None where the file
            holds the non-maximum suppression, after which boxes have no partners.
        scores: Largest difference of a class score; None in the same case.
        metrics: Metrics of the file, by their keys.
        pytorch: The same of PyTorch.
    """

    images: int
    boxes: float | None
    scores: float | None
    metrics: dict[str, float]
    pytorch: dict[str, float]


def compare(
    model: Any,
    reference: Callable[[Tensor], Tensor],
    exported: Runtime,
    loader: Any,
    *,
    batch: int | None,
    single_cls: bool,
) -> Comparison:
    """Run both on the same images.

    Args:
        model: The detector, for its class names.
        reference: What PyTorch answers.
        exported: The file in its runtime.
        loader: Batches of the validation split.
        batch: Images that the file takes at a time; None: any number.
        single_cls: Take all classes for one.
    """
    with TemporaryDirectory() as nowhere:
        ours, theirs = (DETECT.evaluator(loader, Path(nowhere), single_cls=single_cls) for _ in range(2))
    ours.begin(model, exported.device)
    theirs.begin(model, exported.device)
    images, differences = 0, []
    for each in tqdm(loader, desc=f"PyTorch and {exported.title}", unit="batch", leave=False, disable=None):
        prepared = ours.preprocess(each)
        count = len(prepared["img"])
        whole = _filled(prepared["img"], batch or count)
        with captured():  # NCNN advises on some layers each time that they run
            found = exported(whole)[:count]
        answers = reference(whole)[:count], found
        ours.update(answers[0], {**prepared})
        theirs.update(answers[1], {**prepared})
        images += count
        if answers[0].shape[-1] != 6:
            differences.append(_difference(*answers))
    return Comparison(
        images,
        max((boxes for boxes, _ in differences), default=None),
        max((scores for _, scores in differences), default=None),
        _overall(theirs.result()),
        _overall(ours.result()),
    )


def judge(found: Comparison, exact: bool, max_loss: float) -> tuple[Status, str | None]:
    """Return whether a file is good, and why it is not.

    Args:
        found: As it compares.
        exact: It must give the same boxes, as one in float32; one of fewer bits is judged by its mAP alone.
        max_loss: mAP50-95 that it may lose.
    """
    exact = exact and found.boxes is not None and found.scores is not None
    if exact:
        for what, value in (("boxes", found.boxes), ("scores", found.scores)):
            if not (value or 0.0) <= TOLERANCE:  # also where it is no number
                return "refused", f"{what} differ from PyTorch's by up to {value:.2g}, more than {TOLERANCE:g}"
    lost = found.pytorch[METRIC] - found.metrics[METRIC]
    if not lost <= max_loss:
        return "refused", f"loses {lost:.4f} of PyTorch's {METRIC} {found.pytorch[METRIC]:.4f}; max_loss={max_loss:g}"
    if not exact and not found.pytorch[METRIC]:
        return "refused", f"PyTorch's own {METRIC} is 0 on these images, so what the file loses cannot be seen"
    return "good", None


def _filled(images: Tensor, batch: int) -> Tensor:
    """Repeat the last image until a batch is full: graphs of a fixed batch take nothing less."""
    lacking = batch - len(images)
    return images if lacking <= 0 else torch.cat([images, images[-1:].expand(lacking, -1, -1, -1)])


def _difference(expected: Tensor, found: Tensor) -> tuple[float, float]:
    """Return the largest differences of boxes and scores of the anchors that are surest in PyTorch."""
    found = found.to(expected.device)
    scores = expected[:, 4:].amax(1)
    surest = scores.topk(min(_BOXES, scores.shape[1]), dim=1).indices[:, None]
    boxes, others = (each[:, :4].gather(2, surest.expand(-1, 4, -1)) for each in (expected, found))
    side = boxes[:, 2:].amax(1, keepdim=True).clamp(min=1.0)  # a box without extent differs by pixels
    of_boxes = ((boxes - others).abs() / side).nan_to_num(torch.inf, torch.inf)
    of_scores = (expected[:, 4:] - found[:, 4:]).abs().nan_to_num(torch.inf, torch.inf)
    return float(of_boxes.max()), float(of_scores.max())


def _overall(result: dict[str, Any]) -> dict[str, float]:
    return {key: result[key] for key in METRICS}
