"""Backbones of timm by the name of their family, in the size that suits the scale."""

from yolograft.model.backbones.timm import Timm
from yolograft.model.features import Scale


class TimmFamily(Timm):
    """A family of timm models, of which the scale chooses one; see `Timm` for what is made of it.

    Args:
        scale: Chooses the model by its name.
        sizes: The model for each scale.
        model: Another model of timm; None: the scale's.
        pretrained: True for timm's weights; or the path of a file with timm's names.

    Raises:
        ValueError: There is no model for the scale, or `Timm` refuses it.
    """

    def __init__(
        self,
        scale: Scale,
        *,
        sizes: dict[str, str],
        model: str | None = None,
        pretrained: bool | str = False,
    ) -> None:
        if model is None and scale.name not in sizes:
            raise ValueError(f"has no size for scale '{scale.name}', only for {', '.join(sizes)}; say backbone.model=")
        super().__init__(scale, model=model or sizes[scale.name], pretrained=pretrained)
