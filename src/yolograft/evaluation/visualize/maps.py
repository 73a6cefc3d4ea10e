"""Maps of what a detector computes and what its answer depends on, taken where the levels enter the head."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from yolograft.common.errors import UserError
from yolograft.model.detector import Detector

_CHANNELS = 16
"""Channels of a level that are shown."""


@dataclass(frozen=True)
class Activation:
    """What the surest answer depends on, by GradCAM.

    Attributes:
        level: The level that gives it, `P4`.
        label: Its class.
        confidence: 0…1.
        heat: [H, W], 0…1.
    """

    level: str
    label: int
    confidence: float
    heat: np.ndarray


@dataclass(frozen=True)
class Field:
    """An effective receptive field.

    Attributes:
        heat: [side, side], 0…1: how much the middle cell of a level depends on each pixel, relative to the most.
        sides: For each share of the whole dependence in `SHARES`, the side of the square around the middle that holds
            it, pixels.
    """

    heat: np.ndarray
    sides: tuple[int, ...]


SHARES = (0.5, 0.9)


class Tapped(nn.Module):
    """A detector whose levels, as the head is given them, are modules of their own, which grad-cam can hook.

    Args:
        detector: The detector, folded or not, in evaluation mode.

    Attributes:
        levels: Names of the levels: `P3`, `P4`, `P5`.
        taps: One module for each, which gives what it is given.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        *self._before, self.head = detector.model
        self.levels = tuple(f"P{int(math.log2(stride))}" for stride in detector.stride.tolist())
        self.taps = nn.ModuleList(nn.Identity() for _ in self.levels)

    def maps(self, image: Tensor) -> list[Tensor]:
        """Return the levels' maps for images [B, 3, H, W], each [B, C, H / stride, W / stride]."""
        x = image
        for part in self._before:
            x = part(x)
        return [tap(each) for tap, each in zip(self.taps, x, strict=True)]

    def forward(self, image: Tensor) -> Tensor:
        """Return the head's answer, [B, 4 + nc, anchors], or [B, boxes, 6] of a head that needs no NMS."""
        answer = self.head(self.maps(image))
        found: Tensor = answer[0] if isinstance(answer, list | tuple) else answer
        return found


def features(maps: Sequence[Tensor]) -> list[np.ndarray]:
    """Return, for each level, its channels that vary most over the image, [16, h, w], each stretched to 0…1.

    Args:
        maps: From `Tapped.maps`, of one image.
    """
    found = []
    for level in maps:
        channels = level[0].detach().float()
        order = channels.flatten(1).std(dim=1).argsort(descending=True)[:_CHANNELS]
        found.append(np.stack([_stretched(channel) for channel in channels[order].cpu().numpy()]))
    return found


def eigen_cams(maps: Sequence[Tensor]) -> list[np.ndarray]:
    """Return EigenCAM for each level: its maps projected on their first principal component, [h, w], 0…1.

    Source: Muhammad and Yeasin, "Eigen-CAM", IJCNN 2020, as in the package grad-cam. The sign of a component is
    arbitrary: it is chosen such that the map is high where the level is active.

    Args:
        maps: From `Tapped.maps`, of one image.

    Raises:
        UserError: grad-cam is not installed.
    """
    try:
        from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
    except ImportError as error:
        raise missing(error) from None
    found = []
    for level in maps:
        activations = level.detach().float().cpu().numpy()
        projected = get_2d_projection(activations.copy())[0]
        active = np.abs(activations[0]).mean(axis=0)
        sign = np.sign(((projected - projected.mean()) * (active - active.mean())).sum()) or 1.0
        found.append(_stretched(sign * projected))
    return found


def grad_cam(model: Tapped, image: Tensor) -> Activation | None:
    """Return GradCAM of the surest answer, on the level that gives it: the one its score's gradient reaches most.

    Source: Selvaraju et al., "Grad-CAM", ICCV 2017, as in the package grad-cam; of the score before its sigmoid.

    Args:
        model: The detector.
        image: [1, 3, H, W], 0…1.

    Returns:
        The map; None where no gradient comes back, as from a head whose answers are cut off from its levels.

    Raises:
        UserError: grad-cam is not installed.
    """
    try:
        from pytorch_grad_cam import GradCAM
    except ImportError as error:
        raise missing(error) from None
    image = image.clone().requires_grad_(True)
    kept: list[Tensor] = []
    hooks = [tap.register_forward_hook(lambda _, __, given: kept.append(given)) for tap in model.taps]
    try:
        with torch.enable_grad():
            answer = model(image)
            score, label, pick = _surest(answer)
            if not score.requires_grad:
                return None
            gradients = torch.autograd.grad(_logit(score), kept, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    reach = [0.0 if gradient is None else float(gradient.abs().sum()) for gradient in gradients]
    if not any(reach):
        return None
    level = int(np.argmax(reach))
    with torch.enable_grad(), GradCAM(model, [model.taps[level]]) as cam:
        heat = cam(image, [lambda output: _logit(pick(output))])[0]
    return Activation(model.levels[level], label, float(score.detach()), np.clip(heat, 0, 1))


def receptive_fields(model: Tapped, images: Sequence[Tensor]) -> list[Field]:
    """Return the effective receptive field of the middle cell of each level, over some images.

    Source: Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS
    2016; the sides of squares as in Ding et al., "Scaling Up Your Kernels to 31x31", CVPR 2022.

    Args:
        model: The detector.
        images: Each [1, 3, S, S], 0…1, of one size.
    """
    sums = [np.zeros(images[0].shape[2:]) for _ in model.levels]
    for image in images:
        for place in range(len(model.levels)):
            given = image.clone().requires_grad_(True)
            with torch.enable_grad():
                level = model.maps(given)[place]
                middle = level[0, :, level.shape[2] // 2, level.shape[3] // 2]
                (gradient,) = torch.autograd.grad(middle.sum(), given)
            sums[place] += gradient[0].abs().sum(dim=0).cpu().double().numpy()
    return [Field(each / max(each.max(), 1e-30), tuple(_side(each, share) for share in SHARES)) for each in sums]


def missing(error: ImportError) -> UserError:
    """Return the mistake that grad-cam, or what it needs, is not installed."""
    return UserError(f"visualize needs the package grad-cam ({error}): pip install 'yolograft[visualize]'")


def _surest(answer: Tensor) -> "tuple[Tensor, int, Pick]":
    """Return the highest score of one image's answer, its class, and what picks it from such an answer."""
    one = answer[0]
    if one.shape[-1] == 6:  # boxes without duplicates: corners, score, class
        row = int(one[:, 4].argmax())
        return one[row, 4], int(one[row, 5]), Pick(row, 4)
    label, anchor = divmod(int(one[4:].argmax()), one.shape[1])
    return one[4 + label, anchor], label, Pick(4 + label, anchor)


def _logit(score: Tensor) -> Tensor:
    """Return a score before its sigmoid, whose gradient does not vanish where the score is near 0 or 1."""
    return torch.logit(score.clamp(1e-30, 1 - 1e-7))


@dataclass(frozen=True)
class Pick:
    """Takes one number from an image's answer."""

    row: int
    column: int

    def __call__(self, answer: Tensor) -> Tensor:
        """Return the number."""
        return answer[self.row, self.column]


def _side(heat: np.ndarray, share: float) -> int:
    """Return the side of the smallest square around the middle that holds a share of the whole, pixels."""
    size = heat.shape[0]
    whole = heat.sum()
    for half in range(1, size // 2 + 1):
        middle = size // 2
        if heat[middle - half : middle + half, middle - half : middle + half].sum() >= share * whole:
            return 2 * half
    return size


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    stretched: np.ndarray = (values - low) / max(high - low, 1e-12)
    return stretched
