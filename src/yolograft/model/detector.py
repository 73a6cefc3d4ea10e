"""The four parts as one model that ultralytics takes for its own."""

import difflib
import importlib
import inspect
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import torch
from torch import nn

from yolograft.errors import UserError
from yolograft.model.features import Feature, Scale, describe
from yolograft.stock.model import (
    DetectionModel,
    default_args,
    get_flops,
    initialize_weights,
    start_module,
    v8DetectionLoss,
)

GROUPS = ("backbone", "context", "neck", "head")
TRUSTED = ("yolograft", "ultralytics.nn", "timm", "torch.nn")
DEFAULT_LOSS = "yolograft.model.losses.ciou.CIoULoss"


@dataclass(frozen=True)
class ModelSpec:
    """Everything needed to build a detector again.

    Attributes:
        parts: For backbone, context, neck and head, the dotted `_target_` and its options.
        scale: The fields of `Scale`.
        nc: Number of classes.
        names: Class names by index; their numbers where none are given.
        loss: The `_target_` of the loss and its options.
    """

    parts: dict[str, dict[str, Any]]
    scale: dict[str, Any]
    nc: int
    names: dict[int, str] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=lambda: {"_target_": DEFAULT_LOSS})

    def to_json(self) -> str:
        """Return the spec as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Return the spec that `to_json` wrote.

        Raises:
            ValueError: The text is not such a spec.
        """
        try:
            content = json.loads(text)
            content["names"] = {int(index): str(name) for index, name in content["names"].items()}
            return cls(**content)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a model's description: {error}") from error


class Detector(DetectionModel):
    """Backbone, context, neck and head in a row.

    `model` holds them in an `nn.Sequential`; each takes the output of the one before (`f = -1`) and none is kept for
    later (`save` is empty). So ultralytics' own forward pass, loss, fusing, validator and exporter work on it as they
    are. Strides come from the features that the parts name, not from a trial run.

    Args:
        parts: backbone, context, neck and head, in that order.
        spec: What the parts were built from.

    Attributes:
        spec: What the detector was built from.
        nc: Number of classes.
        names: Class names by index.
        stride: Strides of the head's levels, [3].
        yaml: What ultralytics asks a model's description for.
        args: ultralytics' default settings; a loss reads its weights from the spec, not from here.
    """

    spec: ModelSpec
    names: dict[int, str]

    def __init__(self, parts: dict[str, nn.Module], spec: ModelSpec) -> None:
        start_module(self)
        self.spec = spec
        self.model = nn.Sequential(OrderedDict((group, parts[group]) for group in GROUPS))
        self.save: list[int] = []
        for index, part in enumerate(self.model):
            kind = f"{type(part).__module__}.{type(part).__qualname__}"
            # The attributes that stock's forward pass and profiler read on each layer.
            for name, value in {"i": index, "f": -1, "type": kind, "np": _count(part)}.items():
                setattr(part, name, value)
        self.nc = spec.nc
        self.names = dict(spec.names) or {index: str(index) for index in range(spec.nc)}
        self.yaml = {"nc": spec.nc, "channels": 3, "scale": spec.scale["name"], "yaml_file": "yolograft.yaml"}
        self.inplace = True
        self.task = "detect"
        self.args = default_args()
        head: Any = self.model[-1]
        self.stride = head.stride
        head.bias_init()
        for part in self.model:
            if not getattr(part, "keeps_norms", False):
                initialize_weights(part)

    def init_criterion(self) -> v8DetectionLoss:
        """Return the loss that the spec names; stock calls this at the first training step."""
        options = dict(self.spec.loss)
        target = str(options.pop("_target_"))
        loss = _locate(target, "loss", self._trust)
        return _call(loss, "loss", target, (self,), options)

    @property
    def levels(self) -> tuple[Feature, ...]:
        """The backbone's levels."""
        return cast(tuple[Feature, ...], self.model[0].features)

    # Packages that whoever built the detector trusts besides ours; set by `build_detector`.
    _trust: tuple[str, ...] = ()


def build_detector(spec: ModelSpec, trust: Sequence[str] = ()) -> Detector:
    """Build the parts that a spec names, each from the levels of the one before, and join them.

    Args:
        spec: What to build.
        trust: Packages besides yolograft, ultralytics.nn, timm and torch.nn that parts may come from.

    Returns:
        The detector in training mode, on torch's default device.

    Raises:
        UserError: A target is not allowed or does not exist, an option is unknown, or parts do not fit together.
    """
    if len(spec.names) not in (0, spec.nc):
        raise UserError(f"names: {len(spec.names)} class names for nc={spec.nc}")
    try:
        scale = Scale(**spec.scale)
    except TypeError as error:
        raise UserError(f"scale: needs name, depth, width, max_channels and c3k, got {spec.scale}") from error
    missing = [group for group in GROUPS if "_target_" not in spec.parts.get(group, {})]
    if missing:
        raise UserError(f"{missing[0]}: no _target_ given")
    targets = {group: str(spec.parts[group]["_target_"]) for group in GROUPS}
    # All are found before any is built: a slip in the last one need not wait for the first.
    found = {group: _locate(targets[group], group, trust) for group in GROUPS}
    _locate(str(spec.loss.get("_target_", "")), "loss", trust)

    parts: dict[str, nn.Module] = {}
    features: tuple[Feature, ...] = ()
    giver = ""
    for group in GROUPS:
        options = {key: value for key, value in spec.parts[group].items() if key != "_target_"}
        inputs: tuple[Any, ...] = {"backbone": (scale,), "head": (features, spec.nc)}.get(group, (features, scale))
        label = f"{group} '{_short(targets[group])}'"
        try:
            part = _call(found[group], group, targets[group], inputs, options)
        except ValueError as error:
            reason = _one_line(error)
            colon = "" if reason.startswith("needs ") else ":"
            given = f"; {giver} gives {describe(features)}" if giver else ""
            raise UserError(f"{label}{colon} {reason}{given}") from error
        parts[group] = part
        if group == "head":
            break
        features = _features_of(part, label)
        # The context only changes P5, so the neck's levels are the backbone's.
        giver = giver if group == "context" else label
    if not _is_within(targets["backbone"], ("yolograft",)):
        backbone = parts["backbone"]
        _check_levels(backbone, _features_of(backbone, "backbone"), f"backbone '{_short(targets['backbone'])}'")
    detector = Detector(parts, spec)
    detector._trust = tuple(trust)
    return detector


def parts_params(model: Detector) -> dict[str, int]:
    """Return the parameters of each part; they add up to the model's."""
    return {group: _count(part) for group, part in model.model.named_children()}


def gflops(model: DetectionModel, imgsz: int = 640) -> float:
    """Return a model's cost for one square image in 10⁹ floating point operations, as ultralytics counts them."""
    return float(get_flops(model, imgsz))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _short(target: str) -> str:
    """Return the name a part goes by: its file's, which is also its YAML's."""
    return target.split(".")[-2] if "." in target else target


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _is_within(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _locate(target: str, group: str, trust: Sequence[str]) -> Callable[..., Any]:
    """Return the class or function that a dotted name stands for.

    A spec may come from a stranger's file, so a name must lie in a trusted package, what it leads to must have been
    defined in one too (`torch.nn.x.os.system` was not), and ours apart only layers and losses count: a plain function
    of timm can read files.

    Raises:
        UserError: It is not allowed, or there is no such thing.
    """
    allowed = (*TRUSTED, *trust)
    module_name, _, attribute = target.rpartition(".")
    if not _is_within(module_name, allowed):
        package = target.split(".")[0]
        raise UserError(
            f"{group}: '{target}' is not from {', '.join(TRUSTED)}; "
            f"if you trust it, name its package: trust=[{package}]"
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(f"{group}: cannot import '{module_name}' for '{target}': {_one_line(error)}") from error
    found = getattr(module, attribute, None)
    if found is None:
        near = difflib.get_close_matches(attribute, [name for name in vars(module) if name[0] != "_"], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise UserError(f"{group}: '{module_name}' has no '{attribute}'{hint}")
    home = str(getattr(found, "__module__", ""))
    is_block = inspect.isclass(found) and issubclass(found, nn.Module | v8DetectionLoss)
    is_builder = inspect.isroutine(found) and _is_within(home, ("yolograft.model", *trust))
    if not _is_within(home, allowed) or not (is_block or is_builder):
        raise UserError(f"{group}: '{target}' is no layer, loss or builder of a trusted package")
    return found


def _call(target: Callable[..., Any], group: str, name: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a part's constructor, telling an option it does not have from a fault inside it.

    Raises:
        UserError: An option is unknown, or one that is needed is missing.
    """
    try:
        inspect.signature(target).bind(*inputs, **options)
    except TypeError as error:
        raise UserError(f"{group} '{_short(name)}': {_one_line(error)}") from error
    return target(*inputs, **options)


def _check_levels(part: nn.Module, features: Sequence[Feature], label: str) -> None:
    """Compare what a backbone that is not ours says of its levels with what it gives for a small image.

    Raises:
        UserError: They differ.
    """
    parameter = next(part.parameters(), torch.zeros(()))
    training = part.training
    with torch.no_grad():
        maps = part.eval()(torch.zeros(1, 3, 64, 64, device=parameter.device))
    part.train(training)
    given = [(m.shape[1], 64 // m.shape[-1]) for m in maps] if isinstance(maps, list | tuple) else []
    said = [(feature.channels, feature.stride) for feature in features]
    if given != said:
        raise UserError(f"{label} says its levels are {said} (channels, stride); its forward gives {given}")


def _features_of(part: nn.Module, label: str) -> tuple[Feature, ...]:
    """Return the levels that a part says it gives.

    Raises:
        UserError: It says none.
    """
    features = getattr(part, "features", None)
    if not isinstance(features, tuple | list) or not all(isinstance(f, Feature) for f in features) or not features:
        raise UserError(
            f"{label} does not set self.features to its levels (a tuple of yolograft.model.features.Feature)"
        )
    return tuple(features)
