"""Images of 0…1 for networks that were trained on normalized ones."""

from collections.abc import Sequence
from typing import Any

import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn

# Convolutions that use their weights as they are; others (weight standardization) would undo a factor on them.
_PLAIN = (nn.Conv2d, Conv2dSame)

_OPTIONAL = ("mean", "std")


class ImageInput(nn.Module):
    """Base of backbones that take pretrained weights: applies the normalization that those were trained with.

    The standard deviation is divided out of the first convolution's weights. The mean is subtracted from the image: as
    a bias of that convolution it would be wrong along the border, where the padding of a normalized image is 0 and so
    stands for the mean. The result is that of the normalized image, padding included.

    Without pretrained weights there is neither. Both are part of the state, so a file or checkpoint brings its own: one
    that has none, as before there was a normalization, takes them off.

    Attributes:
        mean: Subtracted from images, [1, 3, 1, 1], 0…1; None: nothing is.
        std: Divides them where the first layer is no plain convolution, [1, 3, 1, 1]; None where its weights hold it.
    """

    mean: Tensor | None
    std: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        for name in _OPTIONAL:
            self.register_buffer(name, None)

    def normalized(self, image: Tensor) -> Tensor:
        """Return images [B, 3, H, W] of 0…1 as the network expects them."""
        if self.mean is not None:
            image = image - self.mean
        return image if self.std is None else image / self.std

    def normalize_as(self, mean: Sequence[float], std: Sequence[float], first: Sequence[nn.Module]) -> None:
        """Take images of 0…1 from now on, whose normalized form the network was trained with.

        Args:
            mean: Per channel, 0…1.
            std: Per channel, 0…1.
            first: The layers that the image goes into.
        """
        reference = next(self.parameters())
        deviation = torch.tensor(std, dtype=reference.dtype, device=reference.device).view(1, -1, 1, 1)
        self.mean = torch.tensor(mean, dtype=reference.dtype, device=reference.device).view(1, -1, 1, 1)
        plain = [each for each in first if isinstance(each, nn.Conv2d) and type(each) in _PLAIN]
        if plain and len(plain) == len(first) and all(conv.weight.shape[1] == len(std) for conv in plain):
            with torch.no_grad():
                for conv in plain:
                    conv.weight /= deviation
        else:
            self.std = deviation

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        first, reference = next(self.named_parameters())
        for name in _OPTIONAL:
            saved = state_dict.get(prefix + name)
            if saved is None and prefix + first in state_dict:  # weights for images as they are
                setattr(self, name, None)
            elif isinstance(saved, Tensor) and saved.shape == (1, 3, 1, 1) and getattr(self, name) is None:
                setattr(self, name, torch.empty_like(saved, device=reference.device))
        super()._load_from_state_dict(state_dict, prefix, *others)
