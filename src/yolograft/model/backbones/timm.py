"""Any timm model with a pyramid of features."""

import difflib
import inspect
from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn

from yolograft.common.levels import STRIDES
from yolograft.model.backbones.coarser import Coarser, own_levels
from yolograft.model.backbones.image_input import ImageInput
from yolograft.model.backbones.pretrained import load_pretrained
from yolograft.model.features import Scale, pyramid


class Timm(ImageInput):
    """A timm model cut down to what its maps at strides 4 to 32 need; P6 is P5 after a convolution of stride 2.

    Its size is its own: the scale sets the other parts only. Its normalisation layers keep timm's settings, which its
    pretrained weights expect. Images come in as ultralytics gives them (0 to 1); with pretrained weights, timm's mean
    and standard deviation are applied here (see `ImageInput`).

    Args:
        scale: Its levels; the width of P6.
        model: Name of the timm model, `architecture` or `architecture.tag`.
        pretrained: True for timm's weights; or the path of a file with timm's names.

    Attributes:
        coarser: What makes the levels beyond stride 32.
        features: The levels.
        keeps_norms: Tells the detector to leave the normalisation layers' settings alone.
        pretrained_from: How many tensors were matched, and where; empty without pretrained weights.

    Raises:
        ValueError: timm has no such model, it has no maps at these strides, it takes only one size of image, or the
            pretrained weights do not fit.
    """

    keeps_norms = True

    def __init__(self, scale: Scale, *, model: str = "resnet18", pretrained: bool | str = False) -> None:
        super().__init__()
        options = _options(model)
        with torch.device("meta"):
            plain = timm.create_model(model, **options)
        indices = _level_indices(plain, model, own_levels(scale.levels))
        options |= {"features_only": True, "out_indices": indices}
        # The trial takes gradients, whatever mode the caller builds in.
        with torch.inference_mode(False), torch.enable_grad():
            with torch.device("meta"):
                self.body = timm.create_model(model, **options)
            self.channels_last = _gives_channels_last(self.body, plain)
            channels = list(self.body.feature_info.channels())
            self._try_sizes(model, channels, own_levels(scale.levels))

        self.body = timm.create_model(model, **options)
        self.coarser = Coarser(scale, channels[-1])
        self.features = pyramid([*channels, *self.coarser.channels], scale.levels)
        self.pretrained_from = load_pretrained(self, self.body, pretrained, model)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images [B, 3, H, W] of 0…1 to the levels, each [B, C, H / stride, W / stride]."""
        return self.coarser(self._own_maps(image))

    def _own_maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps of the network itself, channels first."""
        maps = list(self.body(self.normalized(image)))
        return [m.permute(0, 3, 1, 2).contiguous() for m in maps] if self.channels_last else maps

    def _try_sizes(self, model: str, channels: Sequence[int], levels: Sequence[str]) -> None:
        """Run two sizes of image through the network before it has weights.

        Some models take only the size they are made for, and some compute more than the levels need.

        Raises:
            ValueError: A size is refused, a map has another shape than timm's entry says, or weights would lie idle.
        """
        for height, width in ((128, 192), (320, 256)):
            maps = self._try(model, 1, height, width, training=False)
            if maps is None:
                return
            shapes = [tuple(m.shape[1:]) for m in maps]
            strides = [STRIDES[level] for level in levels]
            wanted = [(c, height // s, width // s) for c, s in zip(channels, strides, strict=True)]
            if shapes != wanted:
                raise ValueError(f"timm model '{model}' gives maps {shapes} for a {height}×{width} image, not {wanted}")
        # Two images: some models normalise over maps of one value, which is no statistic where the batch is one image.
        if (maps := self._try(model, 2, 128, 192, training=True)) is None:
            return
        torch.stack([m.sum() for m in maps]).sum().backward()
        idle = sum(p.numel() for p in self.body.parameters() if p.requires_grad and p.grad is None)
        if idle:
            raise ValueError(f"timm model '{model}' keeps {idle:,} weights that no level uses; choose another")

    def _try(self, model: str, images: int, height: int, width: int, *, training: bool) -> list[Tensor] | None:
        """Return the maps of some images; None where only a forward pass with data can tell.

        Raises:
            ValueError: The model refuses them.
        """
        self.train(training)
        try:
            return self._own_maps(torch.empty(images, 3, height, width, device="meta"))
        except NotImplementedError:  # an operator that has no version without data: leave it to the real forward
            return None
        except Exception as error:  # a model may object in any way it likes
            raise ValueError(f"timm model '{model}' does not take images of any size; choose another") from error
        finally:
            self.train()


def _options(model: str) -> dict[str, Any]:
    """Return the options that let a model take images of any size.

    Raises:
        ValueError: timm has no model of that name. Only its own registry is asked: names that stand for a download
            (`hf-hub:...`) are not known there.
    """
    if not timm.is_model(model):
        near = difflib.get_close_matches(model, timm.list_models(), n=3, cutoff=0.5)
        raise ValueError(f"timm has no model '{model}'" + (f"; nearest: {', '.join(near)}" if near else ""))
    entry = timm.model_entrypoint(model)
    owner = inspect.getmodule(entry)
    # The window models (Swin) take other sizes only on request; models hand unknown options to their class, which
    # refuses them, so it is asked for where some class of the model's file knows it.
    classes = [c for c in vars(owner).values() if inspect.isclass(c) and c.__module__ == entry.__module__]
    flexible = any("strict_img_size" in inspect.signature(c).parameters for c in classes if issubclass(c, nn.Module))
    return {"strict_img_size": False} if flexible else {}


def _level_indices(plain: nn.Module, model: str, levels: Sequence[str]) -> tuple[int, ...]:
    """Return which of a model's maps are these levels: the last one at each stride.

    Raises:
        ValueError: One of the strides is missing.
    """
    info = getattr(plain, "feature_info", None) or []
    by_stride = {entry["reduction"]: index for index, entry in enumerate(info)}
    wanted = [STRIDES[level] for level in levels]
    if not by_stride.keys() >= set(wanted):
        strides = ", ".join(map(str, sorted(by_stride))) or "none"
        needed = " and ".join([", ".join(map(str, wanted[:-1])), str(wanted[-1])])
        raise ValueError(f"timm model '{model}' has maps at strides {strides}; a detector needs {needed}")
    return tuple(by_stride[stride] for stride in wanted)


def _gives_channels_last(body: nn.Module, plain: nn.Module) -> bool:
    """Return whether the maps come as [B, H, W, C]."""
    layout = getattr(body, "output_fmt", None) or getattr(plain, "output_fmt", None) or "NCHW"
    return str(getattr(layout, "value", layout)) == "NHWC"
