"""Parts of a model that are not trained: for good, or for the first epochs."""

from collections.abc import Sequence

from torch import nn

from yolograft.common.errors import UserError
from yolograft.model.detector import Detector
from yolograft.model.roles import base_of

#: ultralytics always freezes the fixed weights that turn a distribution into a distance.
ALWAYS = ".dfl."


def frozen_modules(model: Detector, freeze: int | str | Sequence[int | str] | None) -> list[str]:
    """Return the paths, below `Detector.model`, of the modules that `freeze` names.

    Args:
        model: The detector.
        freeze: As ultralytics: a number of layers from the image on, or a list of layers' indices; or names of parts
            and modules (`backbone`, `neck.out_p3`).

    Raises:
        UserError: If something named is not there.
    """
    if freeze is None:
        return []
    roles = base_of(model).roles
    if isinstance(freeze, int):
        named: list[int | str] = [role.layer for role in roles if role.layer < freeze]
    else:
        named = [freeze] if isinstance(freeze, str) else list(freeze)
    paths = {role.layer: role.path for role in roles}
    modules = dict(model.model.named_modules())
    found = []
    for name in named:
        path = paths.get(name) if isinstance(name, int) else name
        if path not in modules:
            known = ", ".join(modules["backbone"]._modules)
            raise UserError(f"freeze: this model has no {name}; name a part or a module of it (backbone: {known})")
        found.append(str(path))
    return found


def freeze_modules(model: Detector, paths: Sequence[str]) -> list[nn.Module]:
    """Take parameters out of the training and return the modules whose batch statistics must stand still too.

    Args:
        model: The detector.
        paths: From `frozen_modules`.

    Raises:
        UserError: If nothing is left to train.
    """
    prefixes = tuple(f"model.{path}." for path in paths)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(prefixes) and ALWAYS not in name
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("freeze: nothing is left to train")
    return [model.model.get_submodule(path) for path in paths]


def hold_statistics(modules: Sequence[nn.Module]) -> None:
    """Put the batch norms of modules into eval mode, as ultralytics does for frozen layers."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()
